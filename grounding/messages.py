"""What a model is asked: an instruction, the passages in reading order, the question."""

from __future__ import annotations

import re
from collections.abc import Sequence

from counterfoil.attribution.retrieval import Passage

INSTRUCTION = "You answer questions from the given documents, in one or two full sentences."
_HEADING_MARK = re.compile(r"(?m)^#{1,6}[ \t]+")


def in_reading_order(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Return passages by document, the document with the best passage first; within one, as they stand in it."""
    order = list(dict.fromkeys(passage.document.id for passage in passages))
    return tuple(sorted(passages, key=lambda passage: (order.index(passage.document.id), passage.start)))


def user_message(question: str, passages: Sequence[Passage]) -> str:
    """Return the passages, a paragraph each, and the question behind them."""
    return "\n\n".join([*(_paragraph(passage) for passage in passages), f"Question: {' '.join(question.split())}"])


def _paragraph(passage: Passage) -> str:
    """Return the passage without heading marks and line breaks, which a small model would copy into its answer."""
    return " ".join(_HEADING_MARK.sub("", passage.text).split())
