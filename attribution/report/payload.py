"""The page's data: what its script reads, as JSON that no HTML parser can take for anything else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..locating.results import Attribution
from ..serialization import Text, as_data, without_surrogates
from ..text.statements import Status
from .model import LABELS, Summary
from .truncation import Case

FORMAT = "counterfoil.page/2"
_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


@dataclass(frozen=True)
class Live:
    """How a page asks the server that it comes from.

    Args:
        token: What every request must carry.
        methods: The locating methods that a reader may choose.
        method: The one that is chosen first.
    """

    token: str
    methods: tuple[str, ...]
    method: str


@dataclass(frozen=True)
class Page:
    """All that the script of a page reads; offsets count code points.

    Args:
        title: Of the page.
        cases: What is shown, in the order of the list.
        summary: Of the corpus; `None` for a single question.
        live: How a server is asked for what is not in the page; `None` for a file.
        labels: A sign and words for each verdict.
        format: Of this JSON.
    """

    title: Text
    cases: tuple[Case, ...]
    summary: Summary | None
    live: Live | None
    labels: dict[Status, tuple[str, str]]
    format: Literal["counterfoil.page/2"] = FORMAT


def page_data(cases: Sequence[Case], *, title: str, summary: Summary | None = None, live: Live | None = None) -> str:
    """Return all that the page shows, as JSON for a `<script>` element.

    `<`, `>` and `&` are written as escapes, so that no text can end the element.

    Args:
        cases: What is shown, in the order of the list.
        title: Of the page.
        summary: Of the corpus; `None` for a single question.
        live: How a server is asked for what is not in the page; `None` for a file.
    """
    data = as_data(Page(title, tuple(map(_lean, cases)), summary, live, LABELS))
    written = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return without_surrogates(written).translate(_ESCAPES)


def case_data(case: Case) -> dict[str, Any]:
    """Return what a page shows of one question; a server's answer has the same form."""
    return as_data(_lean(case))


def attribution_data(attribution: Attribution) -> dict[str, Any]:
    """Return what the page says of located words; a server's answer has the same form."""
    return as_data(_without_candidates(attribution))


def _lean(case: Case) -> Case:
    """Leave out what no page shows."""
    answers = (
        replace(record, attributions=tuple(map(_without_candidates, record.attributions))) for record in case.answers
    )
    return replace(case, answers=tuple(answers))


def _without_candidates(attribution: Attribution) -> Attribution:
    return replace(attribution, candidates=(), searched=())
