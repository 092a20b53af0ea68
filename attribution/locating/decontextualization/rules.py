"""Decontextualization by rules that need no model. English; words of other languages are left as they are.

1. **Clause.** Words that are a part of a sentence are widened to the clause they stand in: up to a semicolon, or a
   conjunction that a verb or a whole clause follows. A clause without a subject ("and was electrified in 1927") is
   given that of the sentence, and its auxiliary if it begins with a participle ("was quarried and *shipped* down the
   river"). Words in several ranges are one claim as they are: whoever leaves words out between them means that.
2. **Pronouns.** `it, its, he, his, him, she, her, they, their, them` are replaced if no verb stands before them in the
   claim (behind one they mean its own subject, or something as near). The replacement is the first that agrees of: the
   subject of the same sentence if that stands outside the claim; for `it` what the question is about, which answers
   keep coming back to; the subjects of the sentences before, backwards; for the others what the question is about. To
   agree is to be a name for `he` and `she`, a plural or a name for `they`, and for `it` no name of two words alone. A
   subject that is or has a pronoun itself is passed over.
3. **Topics.** A sentence whose subject is one or two bare nouns, and which names nothing else ("Admission is free."),
   is said of what the question is about, else of the subject of a sentence before: "The lighthouse: admission is free."
4. **Tables.** A cell is said of the first cell of its row, under the title of its column.
5. **Affirmations.** "Yes" is read behind the question that it answers.

What is not done: `this`, `there`, `the former`, definite descriptions ("the club"), ellipsis other than of the subject.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ...detail_check.lexicon import calendar
from ...text.markers import Range
from ...text.plain_text import plain_text
from ...text.segmentation import TextSpan
from ..results import Resolution
from ..spans import sentences_of, with_stop
from . import clauses
from .base import Claim, affirms, between, text_of, unmarked
from .tables import claim_of_cells

_PRONOUN = re.compile(r"\b(it|its|he|him|his|she|her|they|them|their)\b", re.IGNORECASE)
_POSSESSIVE = frozenset({"its", "his", "their"})
_EXPLETIVE = re.compile(
    r"it\s+(?:rain|snow|hail|storm|(?:is|was|has been)\s+(?:said|thought|known|likely|possible|unclear|clear|true)\b)",
    re.IGNORECASE,
)
_NOT_TOPIC = clauses.word_set(
    "what who whom whose when where why how which tell me is are was were does do did there to know give describe"
)
_ANCHORS = clauses.DETERMINERS | clauses.word_set("there here who what which that you we i one all both")
_EVENT = re.compile(
    r"(?:[a-z]{3,}(?:tion|sion|ment|ance|ence|ing|ship)|entry|access|tickets?|work|sales|prices?|hours|fees?|staff|visitors|"
    r"guests|meals|breakfast|repairs|costs)\Z"
)
"""What belongs to something that the sentence need not name: `admission`, `parking`, `tickets`."""
_DEFINITE = re.compile(r"\b[Tt]he(?:\s+[a-z][\w-]*){0,3}?(?:\s+(?:of\s+|at\s+)?(?:the\s+)?[A-Z][\w'-]*)+")
_NAME = re.compile(r"\b(?:[A-Z][\w'-]*)(?:\s+(?:of\s+|the\s+)?[A-Z][\w'-]*)*(?:\s+\d[\d.]*)?")
_COMMON = re.compile(r"\b(?:the|a|an)\s+[a-z][\w-]*(?:\s+[a-z][\w-]*)?")
_Kind = Literal["thing", "person", "many"]


@dataclass(frozen=True)
class _Antecedent:
    """What a pronoun may stand for, and where it was found."""

    text: str
    found_in: Literal["answer", "question"]
    start: int
    end: int


class Rules:
    """Decontextualizes as this module describes."""

    def decontextualize(self, answer: str, ranges: Sequence[Range], question: str | None) -> Claim:
        """Return the claim of some words, which is the words themselves if no rule applies."""
        in_table = claim_of_cells(answer, ranges) if len(ranges) == 1 else None
        claim = in_table or self._claim(answer, ranges, question)
        if question and question.strip() and affirms(claim.text):
            start = claim.parts[0][0] if claim.parts else ranges[0][0]
            asked = Resolution(start, start, question, "question", 0, len(question))
            text = f"{question.strip().rstrip('?').rstrip()}? {claim.text}"
            return replace(claim, text=text, resolutions=(asked, *claim.resolutions))
        return claim

    def _claim(self, answer: str, ranges: Sequence[Range], question: str | None) -> Claim:
        reader = _Reader(answer, question)
        pieces: list[str] = []
        taken: list[Range] = []
        parts: list[Range] = []
        resolutions: list[Resolution] = []
        for some, found in reader.claims(ranges):
            own = unmarked(answer, some)
            if own:
                pieces.append(_written(answer, own, found))
                parts += own
                resolutions += found
                taken += [(r.found_start, r.found_end) for r in found if r.found_in == "answer"]
        if not pieces:
            return Claim(text_of(answer, own := unmarked(answer, ranges)), own, text_of(answer, own))
        words = text_of(answer, parts)
        beside = [(parts[0][0], ranges[0][0]), (ranges[-1][1], parts[-1][1])]
        more = unmarked(answer, [(first, last) for first, last in beside if first < last])
        wide = any(character.isalnum() for character in text_of(answer, more))
        note = f"read as a part of {words!r}" if wide else ""
        return Claim(" ".join(pieces), tuple(dict.fromkeys([*taken, *parts])), words, tuple(resolutions), note)


class _Reader:
    """One answer with its sentences and its question."""

    def __init__(self, answer: str, question: str | None) -> None:
        self.answer, self.question = answer, question
        self.sentences = sentences_of(answer)

    def claims(self, ranges: Sequence[Range]) -> Iterator[tuple[list[Range], list[Resolution]]]:
        """Yield the ranges of each sentence of the claim, with what is to be replaced in them."""
        if len(ranges) > 1:
            found = [r for one in ranges for number in self.touched(one) for r in self.pronouns(number, one)]
            inside = [r for r in found if any(a <= r.start and r.end <= b for a, b in ranges)]
            # What the words name themselves needs no second naming.
            said = [r for r in inside if r.found_in == "answer" and _within((r.found_start, r.found_end), ranges)]
            yield list(ranges), [r for r in inside if r not in said]
            return
        for start, end in ranges:
            for number in self.touched((start, end)):
                sentence = self.sentences[number]
                clause = clauses.clause(self.answer, sentence, max(start, sentence.start), min(end, sentence.end))
                shared = self.subject(sentence, clause) or self.topic(number, clause)
                yield [clause], [*shared, *self.pronouns(number, clause)]

    def touched(self, one: Range) -> range:
        """Return the numbers of the sentences that share a character with a range."""
        first = bisect_right(self.sentences, one[0], key=lambda sentence: sentence.end)
        return range(first, bisect_left(self.sentences, one[1], key=lambda sentence: sentence.start))

    def subject(self, sentence: TextSpan, clause: Range) -> list[Resolution]:
        """Return the insertion of the subject that a clause shares with its sentence, if it has none itself."""
        found = clauses.shared_subject(self.answer, sentence, clause)
        return [Resolution(clause[0], clause[0], self.answer[slice(*found)], "answer", *found)] if found else []

    def topic(self, number: int, clause: Range) -> list[Resolution]:
        """Return the insertion of what a sentence with a bare subject is about, if it names nothing itself."""
        start, end = clauses.stripped(self.answer, *clause)
        text, before = self.answer[start:end], self.answer[self.sentences[number].start : start]
        head = clauses.verb(text)
        if head is None or any(character.isalnum() for character in before) or not _bare(text, head[0]):
            return []
        found = self.antecedent(number, start, clause, "thing")
        if found is None or not (found.found_in == "question" or re.search(r"\A[Tt]he\b|\W[A-Z]", found.text)):
            return []
        named = f"{found.text[:1].upper()}{found.text[1:]}:"
        return [Resolution(clause[0], clause[0], named, found.found_in, found.start, found.end)]

    def pronouns(self, number: int, clause: Range) -> Iterator[Resolution]:
        """Yield what stands for the pronouns of a clause that come before its verb."""
        text = self.answer[slice(*clause)]
        head = clauses.verb(text)
        first, searched = clause[0], text[: head[0] if head else None]
        shared = clauses.shared_subject(self.answer, self.sentences[number], clause)
        if shared:
            first, searched = shared[0], self.answer[slice(*shared)]
        seen = set()
        for match in _PRONOUN.finditer(searched):
            pronoun, place = match.group(), first + match.start()
            kind = _kind(pronoun)
            if kind in seen or _EXPLETIVE.match(self.answer, place):
                continue
            seen.add(kind)
            antecedent = self.antecedent(number, place, clause, kind)
            if antecedent is None:
                continue
            following = self.answer[place + len(pronoun) : clause[1]]
            possessive = pronoun.lower() in _POSSESSIVE or (pronoun.lower() == "her" and _noun_follows(following))
            words = f"{antecedent.text}{_possessive(antecedent.text)}" if possessive else antecedent.text
            end = place + len(pronoun)
            yield Resolution(place, end, words, antecedent.found_in, antecedent.start, antecedent.end)

    def antecedent(self, number: int, place: int, clause: Range, kind: _Kind) -> _Antecedent | None:
        """Return what a pronoun at `place` of sentence `number` stands for, or `None` if nothing agrees."""
        topic = _topic(self.question, kind) if self.question else None
        for earlier in range(number, -1, -1):
            sentence = self.sentences[earlier]
            if earlier < number and topic is not None and kind == "thing":
                return topic
            head = clauses.verb(sentence.text)
            if head is None:
                continue
            start, end = clauses.stripped(self.answer, sentence.start, sentence.start + head[0])
            inside = earlier == number and (end > place or start >= clause[0])
            if start < end and not inside and _agrees(self.answer[start:end], kind):
                return _Antecedent(self.answer[start:end], "answer", start, end)
        return topic


def _bare(text: str, head: int) -> bool:
    """Return whether one or two bare nouns stand before the verb at `head`, and nothing that names behind it."""
    subject = [word for word, _, _ in clauses.words(text[:head])]
    rest = [word for word, _, _ in clauses.words(text[head:]) if word.lower() not in calendar()]
    if not 1 <= len(subject) <= 2 or not _EVENT.match(subject[-1].lower()):
        return False
    words = [subject[0].lower(), *subject[1:], *rest]
    return not any(word != word.lower() or word in _ANCHORS or _PRONOUN.fullmatch(word) for word in words)


def _within(one: Range, ranges: Sequence[Range]) -> bool:
    return any(start <= one[0] and one[1] <= end for start, end in ranges)


def _topic(question: str, kind: _Kind) -> _Antecedent | None:
    """Return what the question is about: its last definite description with a name, its last name, its last noun."""
    for pattern in (_DEFINITE, _NAME, _COMMON):
        for match in reversed([*pattern.finditer(question)]):
            text = match.group()
            # "When was the lighthouse built?" is about the lighthouse.
            while clauses.ends_with_function_word(text):
                text = text.rsplit(None, 1)[0]
            if text.split()[0].lower() not in _NOT_TOPIC and match.start() > 0 and _agrees(text, kind):
                return _Antecedent(text, "question", match.start(), match.start() + len(text))
    return None


def _agrees(text: str, kind: _Kind) -> bool:
    plain = [word for word, _, _ in clauses.words(text)]
    if not plain or _PRONOUN.search(text) or plain[0].lower() in {"there", "this", "that", "these", "those"}:
        return False
    named = [word for word in plain if word[0].isupper()]
    described = plain[0].lower() in {"the", "a", "an"}
    if kind == "person":
        return bool(named) and len(named) == len(plain) and not described
    plural = plain[-1].endswith("s") or " and " in text
    if kind == "many":
        return plural or (bool(named) and not described)
    return described or len(named) < len(plain) or len(named) == 1 or any(c.isdigit() for c in text)


def _kind(pronoun: str) -> _Kind:
    lower = pronoun.lower()
    return "thing" if lower in {"it", "its"} else "many" if lower.startswith("the") else "person"


def _noun_follows(text: str) -> bool:
    following = next(clauses.words(text), None)
    return following is not None and following[0].lower() not in clauses.PREPOSITIONS | clauses.AUXILIARIES


def _possessive(text: str) -> str:
    return "'" if text.endswith("s") else "'s"


def _written(answer: str, parts: Sequence[Range], resolutions: Sequence[Resolution]) -> str:
    """Return the parts with their replacements, as a sentence."""
    replaced = {r.start: r for r in resolutions if r.start < r.end}
    head = ""
    for shared in (r for r in resolutions if r.start == r.end):
        if shared.replacement.endswith(":"):
            head = f"{shared.replacement} "
            continue
        head = _replaced(answer, [(shared.found_start, shared.found_end)], replaced) + " "
    body = _replaced(answer, parts, replaced)
    if head.endswith(": "):  # a common noun begins it
        body = body[:1].lower() + body[1:]
    text = plain_text(head + body)
    return with_stop(text[:1].upper() + text[1:])


def _replaced(answer: str, parts: Sequence[Range], replaced: dict[int, Resolution]) -> str:
    pieces: list[str] = []
    for number, (start, end) in enumerate(parts):
        if number:
            pieces.append(between(answer, parts[number - 1][1], start))
        position = start
        for place in sorted(place for place in replaced if start <= place and replaced[place].end <= end):
            replacement = replaced[place].replacement
            lowered = replacement[:1].lower() + replacement[1:]
            the = replacement.split(" ", 1)[0] in {"The", "A", "An"}
            pieces += [answer[position:place], lowered if the and place > start else replacement]
            position = replaced[place].end
        pieces.append(answer[position:end])
    return "".join(pieces)
