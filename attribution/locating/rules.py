"""Claims by rules that need no model. English; words of other languages are left as they are.

1. **Clause.** Words that are a part of a sentence are widened to the clause they stand in: up to a semicolon, or a
   conjunction that a verb or a whole clause follows. A clause without a subject ("and was electrified in 1927") is
   given that of the sentence, and its auxiliary where it begins with a participle ("was quarried and *shipped* down the
   river").
2. **Pronouns.** `it, its, he, his, him, she, her, they, their, them` are replaced where no verb stands before them
   in the claim (behind one they mean its own subject, or something as near). The replacement is the first that agrees
   of: the subject of the same sentence where that stands outside the claim; for `it` what the question is about, which
   answers keep coming back to; the subjects of the sentences before, backwards; for the others what the question is
   about. To agree is to be a name for `he` and `she`, a plural or a name for `they`, and for `it` no name of two words
   alone. A subject that is or has a pronoun itself is passed over.

What is not done: `this`, `there`, `the former`, definite descriptions ("the club"), ellipsis other than of the subject.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..text.markers import Range
from ..text.segmentation import TextSpan, sentences
from . import subjects
from .attributions import Resolution
from .decontextualization import Claim, text_of, unmarked

_PRONOUN = re.compile(r"\b(it|its|he|him|his|she|her|they|them|their)\b", re.IGNORECASE)
_POSSESSIVE = frozenset({"its", "his", "their"})
_EXPLETIVE = re.compile(
    r"it\s+(?:rain|snow|hail|storm|(?:is|was|has been)\s+(?:said|thought|known|likely|possible|unclear|clear|true)\b)",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(
    r";\s+|:\s+|,?\s+(?:and|but|or|so|while|whereas|until|because|although|which)\s+|,\s+(?:which is|who)\s+",
    re.IGNORECASE,
)
_CLAUSE_TAIL = re.compile(
    r"(?:[,;:]?\s+(?:and|but|or|so|while|whereas|until|because|although|which|which is|who)\s+|[;:]\s+)\Z",
    re.IGNORECASE,
)
_NOT_TOPIC = subjects.word_set(
    "what who whom whose when where why how which tell me is are was were does do did there to know give describe the"
)
_DEFINITE = re.compile(r"\b[Tt]he(?:\s+[a-z][\w-]*){0,3}?(?:\s+(?:of\s+|at\s+)?(?:the\s+)?[A-Z][\w'-]*)+")
_NAME = re.compile(r"\b(?:[A-Z][\w'-]*)(?:\s+(?:of\s+|the\s+)?[A-Z][\w'-]*)*(?:\s+\d[\d.]*)?")
_COMMON = re.compile(r"\b(?:the|a|an)\s+[a-z][\w-]*(?:\s+[a-z][\w-]*)?")


@dataclass(frozen=True)
class _Antecedent:
    """What a pronoun may stand for, and where it was found."""

    text: str
    found_in: str
    start: int
    end: int


class Rules:
    """Makes claims as this module describes."""

    def claim(self, answer: str, start: int, end: int, question: str | None) -> Claim:
        """The claim of `answer[start:end]`; the words themselves where no rule applies."""
        units = sentences(answer)
        touched = [n for n, unit in enumerate(units) if unit.start < end and start < unit.end]
        if not touched:
            parts = unmarked(answer, start, end)
            return Claim(text_of(answer, parts), parts, text_of(answer, parts))
        ranges: list[Range] = []
        resolutions: list[Resolution] = []
        pieces = []
        for number in touched:
            unit = units[number]
            own = (max(start, unit.start), min(end, unit.end))
            clause = _clause(answer, unit, own)
            found = [*_subject(answer, unit, clause), *_pronouns(answer, units, number, clause, question)]
            parts = unmarked(answer, *clause)
            if parts:
                ranges += parts
                resolutions += found
                pieces.append(_written(answer, parts, found))
        taken = [(r.found_start, r.found_end) for r in resolutions if r.found_in == "answer"]
        return Claim(
            " ".join(pieces),
            tuple(dict.fromkeys([*taken, *ranges])),
            text_of(answer, tuple(ranges)),
            tuple(resolutions),
            _widened(answer, ranges, start, end) if ranges else "",
        )


def _widened(answer: str, ranges: list[Range], start: int, end: int) -> str:
    more = answer[ranges[0][0] : start] + answer[end : max(end, ranges[-1][1])]
    wide = any(character.isalnum() for character in more)
    return f"read as a part of {text_of(answer, tuple(ranges))!r}" if wide else ""


def _clause(answer: str, unit: TextSpan, own: Range) -> Range:
    """The clause, or clauses, of the sentence that `own` lies in."""
    bounds = [unit.start]
    for match in _CLAUSE_END.finditer(answer, unit.start, unit.end):
        behind, before = answer[match.end() : unit.end], answer[bounds[-1] : match.start()]
        whole = subjects.verb(before) is not None or subjects.starts_with_verb(before)
        if whole and (subjects.starts_with_verb(behind) or subjects.verb(_until_clause_end(behind)) is not None):
            bounds.append(match.end())
    bounds.append(unit.end)
    first = max(bound for bound in bounds[:-1] if bound <= own[0])
    last = min((bound for bound in bounds[1:] if bound >= own[1]), default=unit.end)
    kept = _CLAUSE_TAIL.sub("", answer[first:last])
    return first, max(first + len(kept.rstrip()), own[1])


def _until_clause_end(text: str) -> str:
    match = _CLAUSE_END.search(text)
    return text[: match.start()] if match else text


def _subject(answer: str, unit: TextSpan, clause: Range) -> list[Resolution]:
    """The subject that a clause shares with the sentence, where it has none itself."""
    text = answer[slice(*clause)]
    if clause[0] == unit.start or not subjects.starts_with_verb(text):
        return []
    head = subjects.verb(answer[unit.start : clause[0]])
    if head is None:
        return []
    auxiliary = answer[unit.start + head[0] : unit.start + head[1]].lower() in subjects.AUXILIARIES
    end = unit.start + (head[1] if auxiliary and subjects.starts_with_participle(text) else head[0])
    start, end = _stripped(answer, unit.start, end)
    if start >= end:
        return []
    return [Resolution(clause[0], clause[0], answer[start:end], "answer", start, end)]


def _pronouns(
    answer: str, units: list[TextSpan], number: int, clause: Range, question: str | None
) -> Iterator[Resolution]:
    """What stands for the pronouns of a clause that come before its verb."""
    text = answer[slice(*clause)]
    head = subjects.verb(text)
    subject = _subject(answer, units[number], clause)
    seen = set()
    found = [
        (match.group(), clause[0] + match.start()) for match in _PRONOUN.finditer(text[: head[0] if head else None])
    ]
    if subject:
        begin, stop = subject[0].found_start, subject[0].found_end
        found = [(match.group(), begin + match.start()) for match in _PRONOUN.finditer(answer[begin:stop])]
    for pronoun, place in found:
        kind = _kind(pronoun)
        if kind in seen or _EXPLETIVE.match(answer, place):
            continue
        seen.add(kind)
        antecedent = _antecedent(answer, units, number, (place, clause), kind, question)
        if antecedent is None:
            continue
        possessive = pronoun.lower() in _POSSESSIVE or (pronoun.lower() == "her" and _noun_follows(answer, place + 3))
        words = f"{antecedent.text}{_possessive(antecedent.text)}" if possessive else antecedent.text
        yield Resolution(place, place + len(pronoun), words, antecedent.found_in, antecedent.start, antecedent.end)


def _antecedent(
    answer: str, units: list[TextSpan], number: int, at: tuple[int, Range], kind: str, question: str | None
) -> _Antecedent | None:
    place, clause = at
    topic = _topic(question, kind) if question else None
    for earlier in range(number, -1, -1):
        unit = units[earlier]
        if earlier < number and topic is not None and kind == "thing":
            return topic
        head = subjects.verb(unit.text)
        if head is None:
            continue
        start, end = _stripped(answer, unit.start, unit.start + head[0])
        inside = earlier == number and (end > place or start >= clause[0])
        if start < end and not inside and _agrees(answer[start:end], kind):
            return _Antecedent(answer[start:end], "answer", start, end)
    return topic


def _topic(question: str, kind: str) -> _Antecedent | None:
    """What the question is about: its last definite description with a name, its last name, its last noun."""
    for pattern in (_DEFINITE, _NAME, _COMMON):
        found = [m for m in pattern.finditer(question) if m.group().split()[0].lower() not in _NOT_TOPIC - {"the"}]
        for match in reversed(found):
            text = match.group()
            if match.start() > 0 and _agrees(text, kind):
                return _Antecedent(text, "question", match.start(), match.end())
    return None


def _agrees(text: str, kind: str) -> bool:
    plain = [word for word, _, _ in subjects.words(text)]
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


def _kind(pronoun: str) -> str:
    lower = pronoun.lower()
    return "thing" if lower in {"it", "its"} else "many" if lower.startswith("the") else "person"


def _noun_follows(answer: str, place: int) -> bool:
    following = next(subjects.words(answer[place:]), None)
    return following is not None and following[0].lower() not in subjects.PREPOSITIONS | subjects.AUXILIARIES


def _possessive(text: str) -> str:
    return "'" if text.endswith("s") else "'s"


def _stripped(answer: str, start: int, end: int) -> Range:
    piece = answer[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip(" \t\r\n,"))


def _written(answer: str, parts: tuple[Range, ...], resolutions: list[Resolution]) -> str:
    """The parts with their replacements, as a sentence."""
    inserted = [r for r in resolutions if r.start == r.end]
    head = ""
    if inserted:
        whole = inserted[0]
        replaced = [r for r in resolutions if whole.found_start <= r.start < whole.found_end]
        head = _replaced(answer, ((whole.found_start, whole.found_end),), replaced) + " "
    text = head + _replaced(answer, parts, resolutions)
    text = " ".join(text.split())
    text = text[:1].upper() + text[1:]
    return text if text[-1:] in ".!?…\"'”’)" else f"{text}."


def _replaced(answer: str, parts: tuple[Range, ...], resolutions: list[Resolution]) -> str:
    pieces = []
    for start, end in parts:
        position = start
        for r in sorted(resolutions, key=lambda r: r.start):
            if position <= r.start < r.end <= end:
                replacement = r.replacement
                lowered = replacement[:1].lower() + replacement[1:]
                the = replacement.split(" ", 1)[0] in {"The", "A", "An"}
                pieces += [answer[position : r.start], lowered if the and r.start > start else replacement]
                position = r.end
        pieces.append(answer[position:end])
    return "".join(pieces)
