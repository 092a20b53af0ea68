"""What the check finds: a detail that a statement gives otherwise than its source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from ..serialization import STRICT, Text


class FindingKind(StrEnum):
    """What differs; `unsupported` are words that an entailment model marks itself, all others the check's."""

    NUMBER = "number"
    UNIT = "unit"
    CALENDAR = "calendar"
    NAME = "name"
    UNKNOWN_NAME = "unknown_name"
    OPPOSITE = "opposite"
    NEGATION = "negation"
    QUANTIFIER = "quantifier"
    ONLY = "only"
    MODAL = "modal"
    HEDGE = "hedge"
    CONJUNCTION = "conjunction"
    ADDITION = "addition"
    ROLES = "roles"
    VOICE = "voice"
    BINDING = "binding"
    TOPIC = "topic"
    MARK = "mark"
    EXCHANGE = "exchange"
    UNSUPPORTED = "unsupported"


_SENTENCES = {
    FindingKind.NEGATION: "“{answer}” is denied in one of the two texts only",
    FindingKind.ONLY: "“{answer}”: the source does not say that there is nothing else",
    FindingKind.HEDGE: "“{answer}”: the source says “{source}”",
    FindingKind.ROLES: "“{answer}”: the source has it the other way round, “{source}”",
    FindingKind.VOICE: "“{answer}”: the source says who did it to whom the other way round",
    FindingKind.BINDING: "“{answer}”: the source joins “{source}”",
    FindingKind.TOPIC: "“{answer}”: the source says this of “{source}”",
    FindingKind.EXCHANGE: "“{answer}”: the source joins “{source}”",
    FindingKind.UNSUPPORTED: "“{answer}”: nothing in the source says so",
}


@dataclass(frozen=True)
class Finding:
    """A detail that the statement gives otherwise than the source.

    Args:
        kind: What differs.
        answer: The words of the statement.
        answer_start: First code point of these words in the statement.
        answer_end: One past the last.
        source: The words of the source that stand in their place; empty if there are none.
        source_start: First code point of these words in the source.
        source_end: One past the last.
        message: A sentence for the reader.
    """

    __pydantic_config__ = STRICT

    kind: FindingKind
    answer: Text
    answer_start: int
    answer_end: int
    source: Text = ""
    source_start: int = 0
    source_end: int = 0
    message: Text = ""

    @classmethod
    def between(
        cls, kind: FindingKind, statement: str, here: tuple[int, int], premise: str, there: tuple[int, int] | None
    ) -> Finding:
        """Return the finding on a range of the statement and a range of the premise, with its sentence."""
        answer, source = statement[slice(*here)], premise[slice(*there)] if there else ""
        default = "{answer}: the source says {source}" if source else "{answer}: the source does not say so"
        message = _SENTENCES.get(kind, default).format(answer=answer, source=source)
        return cls(kind, answer, *here, source, *(there or (0, 0)), message)

    def moved(self, offset: int) -> Finding:
        """Return the finding with the source's words `offset` code points further on."""
        if not self.source:
            return self
        return replace(self, source_start=self.source_start + offset, source_end=self.source_end + offset)


@dataclass(frozen=True)
class Detail:
    """A finding with its places in an answer and in a document.

    Args:
        kind: What differs.
        message: A sentence for the reader.
        answer_start: First code point of the words in the answer.
        answer_end: One past the last.
        document: Id of the document that says otherwise; `None` if its words stand in no document (in a title).
        source: The words of the document that stand in the place of the answer's; empty if there are none.
        source_start: First code point of these words in the document's text.
        source_end: One past the last.
    """

    __pydantic_config__ = STRICT

    kind: FindingKind
    message: Text
    answer_start: int
    answer_end: int
    document: Text | None = None
    source: Text = ""
    source_start: int = 0
    source_end: int = 0

    def moved(self, offset: int) -> Detail:
        """Return the detail with the answer's words `offset` code points further on."""
        return replace(self, answer_start=self.answer_start + offset, answer_end=self.answer_end + offset)


def same_words(finding: Finding, statement: str, written: str) -> tuple[int, int]:
    """Return where the words of a finding stand in another writing of its statement.

    Args:
        finding: Its places are those in `statement`.
        statement: The plain text that was judged.
        written: The same with markup and markers.

    Returns:
        The range in `written` of as many occurrences of the words as there are before them; the whole of `written` if
        the markup stands within the words.
    """
    before = statement[: finding.answer_start].count(finding.answer)
    place = written.find(finding.answer)
    while place >= 0 and before:
        following = written.find(finding.answer, place + len(finding.answer))
        if following < 0:
            break
        place, before = following, before - 1
    return (place, place + len(finding.answer)) if place >= 0 else (0, len(written))
