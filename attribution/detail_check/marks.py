"""Marks such as `✅` and `❌`, arrows, stars and flags: whether a statement gives them as its source does.

In any language: a mark belongs to the words of its line, or of its row and column, and is compared with the mark, or
with the words, that the source has for these.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..text.pictographs import Kind, Mark, marks
from .findings import Finding, FindingKind
from .lexicon import NEGATORS, opposite
from .tokens import NO, YES, tokens

_LINE = re.compile(r"[^\r\n]+")
_BAR = re.compile(r"(?<!\\)\|")
_STOP = re.compile(r"[.!?;。！？；]+(?=\s|\Z)|[。！？；]")
_CLAUSE = re.compile(r"[.,;]\s|\b(?:but|and|while|whereas)\b", re.IGNORECASE)
_HALF = 0.5
_MOST = 0.75


@dataclass(frozen=True)
class Segment:
    """The words that a mark, or none, stands beside.

    Args:
        words: Keys of the content words.
        denied: Whether words of it deny.
        mark: The mark; `None` for a clause in words alone.
        start: First code point of the mark, or of the clause.
        end: One past the last.
        line: Number of the line.
    """

    words: frozenset[str]
    denied: bool
    mark: Mark | None
    start: int
    end: int
    line: int

    @property
    def positive(self) -> bool:
        """Return whether it affirms its words. A no beside words that deny is no second denial."""
        if self.mark is not None and self.mark.value == "no":
            return False
        return not self.denied


@dataclass(frozen=True)
class Comparison:
    """What the marks of a pair say.

    Args:
        findings: Marks that differ.
        unread: Why nobody can tell, if nobody can.
        agreed: Whether a mark for no agrees with its counterpart, so that a negation in one of the texts is none.
        turned: Whether it agrees since one text has a word of opposite sense: `forbidden`, and `allowed: ❌`.
    """

    findings: tuple[Finding, ...] = ()
    unread: str | None = None
    agreed: bool = False
    turned: bool = False


@lru_cache(8192)
def compare_marks(premise: str, hypothesis: str, *, english: bool) -> Comparison:
    """Compare the marks of a statement with those of its source, and its words with the source's marks.

    Args:
        premise: The source.
        hypothesis: The statement.
        english: Whether the statement is in English, whose words of denial are known.
    """
    if not marks(hypothesis) and not marks(premise):
        return Comparison()
    source, own = segments(premise), segments(hypothesis)
    found = _Compared(premise, hypothesis, source)
    for segment in own:
        found.against_marks(segment, own)
    answers = [each for each in source if each.mark and each.mark.kind is Kind.ANSWER and each.mark.read]
    if answers and not any(each.mark and each.mark.kind is Kind.ANSWER for each in own):
        found.words_against(answers, _clauses(hypothesis), english=english)
    if not english and not found.findings and not found.agreed:
        found.denied_by_a_mark_alone(own)
    unread = None if found.findings else found.unread
    return Comparison(tuple(found.findings), unread, found.agreed, found.turned)


class _Compared:
    """What was found so far about one pair."""

    def __init__(self, premise: str, hypothesis: str, source: Sequence[Segment]) -> None:
        self.premise, self.hypothesis, self.source = premise, hypothesis, source
        self.findings: list[Finding] = []
        self.unread: str | None = None
        self.agreed = self.turned = False

    def against_marks(self, segment: Segment, own: Sequence[Segment]) -> None:
        """Compare one mark of the statement with the source's marks of the same kind for the same words."""
        mark = segment.mark
        if mark is None:
            return
        rivals = [each for each in self.source if each.mark and each.mark.kind is mark.kind]
        scored = [(score, each) for each in rivals if (score := _overlap(segment.words, each.words)) is not None]
        best = [each for score, each in scored if score == max(score for score, _ in scored)]
        if not best:
            self._unreadable(segment)
            return
        peers = [each for each in own if each.line == segment.line and each.words == segment.words]
        peers = [each for each in peers if each.mark and each.mark.kind is mark.kind]
        if len(peers) > 1:  # cells of one row, in order
            lines = [[each for each in best if each.line == line] for line in dict.fromkeys(each.line for each in best)]
            rows = [line for line in lines if len(line) == len(peers)]
            best = [line[peers.index(segment)] for line in rows] or best
        same = [each for each in best if self._same(segment, each)]
        if not same:
            self._differs(segment, best[0])
        elif mark.kind is Kind.ANSWER:
            self.agreed |= not segment.positive
            self.turned |= _turned(segment.words, same[0].words)

    def _same(self, one: Segment, other: Segment) -> bool:
        if one.mark is None or other.mark is None or one.mark.kind is not Kind.ANSWER:
            return one.mark is not None and other.mark is not None and one.mark.value == other.mark.value
        return (one.positive == other.positive) is not _turned(one.words, other.words)

    def _differs(self, segment: Segment, other: Segment) -> None:
        here, there = (segment.start, segment.end), (other.start, other.end)
        self.findings.append(Finding.between(FindingKind.MARK, self.hypothesis, here, self.premise, there))

    def _unreadable(self, segment: Segment) -> None:
        mark = segment.mark
        if mark and mark.kind is Kind.PICTURE and mark.alone:
            self.unread = f"“{mark.value}” says what no word says, and the source has nothing to compare it with"

    def words_against(self, answers: Sequence[Segment], clauses: Sequence[Segment], *, english: bool) -> None:
        """Compare clauses in words with the marks of the source that stand for the same words."""
        everything = frozenset(word for clause in clauses for word in clause.words)
        covered = [(len(each.words & everything) / len(each.words), each) for each in answers if each.words]
        covered = [
            (share + 1 / len(each.words) if _turned(everything, each.words) else share, each) for share, each in covered
        ]
        told = [each for share, each in covered if share >= _MOST and share == max(share for share, _ in covered)]
        for each in told:
            clause = max(clauses, key=lambda clause: len(clause.words & each.words))
            if not english:
                if not each.positive:
                    self.unread = "a mark for no in the source cannot be compared with words that are not English"
                continue
            turned = _turned(clause.words, each.words)
            if (clause.positive == each.positive) is turned:
                self._differs(clause, each)
            else:
                self.agreed |= not each.positive
                self.turned |= turned

    def denied_by_a_mark_alone(self, own: Sequence[Segment]) -> None:
        """Say that a mark for no, in another language than English, has no mark in the source to be compared with."""
        denied = [each for each in own if each.mark and each.mark.kind is Kind.ANSWER and each.mark.read]
        denied = [each for each in denied if each.mark and each.mark.value == "no"]
        if denied:
            self.unread = "a mark for no cannot be compared with words that are not English"


def _overlap(words: frozenset[str], others: frozenset[str]) -> tuple[float, float] | None:
    """Return the shares of either's words that the other has; `None` if that is less than half of the first's."""
    shared = len(words & others) + _turned(words, others)
    if not words or not others or shared < _HALF * len(words):
        return None
    return shared / len(words), shared / len(others)


def _turned(words: frozenset[str], others: frozenset[str]) -> bool:
    """Return whether one has a word of opposite sense to a word of the other, an odd number of times."""
    return sum(opposite(one, other) for one in words - others for other in others - words) % 2 == 1


@lru_cache(512)
def segments(text: str) -> tuple[Segment, ...]:
    """Return each mark of a text with the words that it stands beside, in order."""
    if not marks(text):
        return ()
    found: list[Segment] = []
    titles: list[tuple[int, int]] = []
    for number, line in enumerate(_LINE.finditer(text)):
        cells = _cells(text, *line.span())
        titles = (titles or cells) if len(cells) > 1 else []
        own = [mark for mark in marks(text) if line.start() <= mark.start < line.end()]
        for mark in own:
            place = next(n for n, (start, end) in enumerate(cells) if start <= mark.start <= end)
            within = _beside(text, cells[place], mark, own)
            if len(cells) > 1 and not _words(text[slice(*within)])[0]:
                parts = [text[slice(*cells[0])], *(text[slice(*each)] for each in titles[place : place + 1])]
                words, denied = _words(" ".join(parts))
            else:
                words, denied = _words(text[slice(*within)])
            if not words and found and found[-1].line == number:
                words, denied = found[-1].words, found[-1].denied
            found.append(Segment(words, denied, mark, mark.start, mark.end, number))
    return tuple(found)


def _cells(text: str, start: int, end: int) -> list[tuple[int, int]]:
    edges = [start - 1, *(match.start() for match in _BAR.finditer(text, start, end)), end]
    cells = [(one + 1, other) for one, other in itertools.pairwise(edges)]
    if len(cells) > 1 and not text[slice(*cells[0])].strip(" \t>"):
        cells = cells[1:]
    return cells


def _beside(text: str, cell: tuple[int, int], mark: Mark, own: Sequence[Mark]) -> tuple[int, int]:
    """Return the words of a cell or line that a mark belongs to: those before it, or behind it if marks lead."""
    start, end = cell
    for stop in _STOP.finditer(text, start, end):
        if stop.end() <= mark.start and text[stop.end() : mark.start].strip():
            start = stop.end()
        elif stop.start() >= mark.end:
            end = stop.start()
            break
    others = [each for each in own if start <= each.start < end and each.kind is mark.kind]
    leads = not _words(text[start : others[0].start])[0] and bool(_words(text[others[0].end : end])[0])
    position = others.index(mark)
    if mark.kind is Kind.PICTURE:
        return start, end
    if leads:
        return mark.end, others[position + 1].start if position + 1 < len(others) else end
    return (others[position - 1].end if position else start), mark.start


def _clauses(text: str) -> list[Segment]:
    """Return the clauses of a statement in words."""
    edges = [0, *(match.end() for match in _CLAUSE.finditer(text)), len(text)]
    found = []
    for start, end in itertools.pairwise(edges):
        words, denied = _words(text[start:end])
        if words:
            first = start + len(text[start:end]) - len(text[start:end].lstrip())
            found.append(Segment(words, denied, None, first, start + len(text[start:end].rstrip()), 0))
    return found or [Segment(frozenset(), False, None, 0, len(text), 0)]


def _words(text: str) -> tuple[frozenset[str], bool]:
    """Return the keys of the content words, and whether an odd number of other words denies them."""
    found = tokens(text)
    words = frozenset(token.key for token in found if token.content and token.low not in NEGATORS)
    return words, sum(token.low in NEGATORS - {NO, YES} for token in found) % 2 == 1
