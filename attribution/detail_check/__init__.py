"""Where a statement agrees with its source but for a word, that word decides: a check beside an entailment model."""

from .check import VERSION, check_details
from .findings import Detail, Finding, FindingKind
from .marks import compare_marks

__all__ = ["VERSION", "Detail", "Finding", "FindingKind", "check_details", "compare_marks"]
