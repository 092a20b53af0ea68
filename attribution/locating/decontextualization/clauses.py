"""Clauses of English sentences, their verbs and subjects: a heuristic of word lists, without a parser.

It is right about the short declarative sentences that answers are made of, and gives up if it finds no verb. Other
languages have none of its words, so nothing is found in them and nothing is changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from ...text.markers import Range
from ...text.segmentation import TextSpan


def word_set(listed: str) -> frozenset[str]:
    """Return the words of a list that is written as one string."""
    return frozenset(listed.split())


AUXILIARIES = word_set(
    "is are was were am be been being has have had does do did will would can could may might must shall should"
)
PREPOSITIONS = word_set(
    "of in on at by for with without from to into over under through between among against after before since until "
    "during about near behind along across as than down up off out away back"
)
DETERMINERS = word_set("the a an this that these those its his her their my our your some any no each every")
_PAST = word_set(
    "began became broke brought built bought came caught chose cost cut did died drew drove fell felt fought found "
    "flew gave got grew held kept knew laid led left lent lost made met paid put ran read rose said sang sank sat "
    "saw sent set shook shot shut slept sold spent spoke spread stood stole struck swam taught took told thought "
    "threw understood woke won wore wrote lay went bore burnt learnt dug fled hid hit hung hurt rang rode"
)
_PRESENT = word_set("live lie fly run need come have make take give keep lay feed grow stand play eat go")
_NOT_VERBS = word_set("this its his hers theirs always perhaps sometimes species series news less across")
_TOKEN = re.compile(r"[^\W_][\w'’.-]*[^\W_]|[^\W_]")
_CONJUNCTIONS = "and|but|or|so|while|whereas|until|because|although|which"
_CLAUSE_END = re.compile(rf";\s+|:\s+|,?\s+(?:{_CONJUNCTIONS})\s+|,\s+(?:which is|who)\s+", re.IGNORECASE)
_CLAUSE_TAIL = re.compile(rf"(?:[,;:]?\s+(?:{_CONJUNCTIONS}|which is|who)\s+|[;:]\s+)\Z", re.IGNORECASE)


def words(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the words with their places."""
    for match in _TOKEN.finditer(text):
        yield match.group(), match.start(), match.end()


@lru_cache(maxsize=1024)
def verb(text: str) -> Range | None:
    """Return where the first finite verb of a clause stands, or `None` if none is recognised."""
    before = ""
    for number, (word, start, end) in enumerate(words(text)):
        lower = word.lower()
        if _is_verb(lower, before, number):
            return start, end
        before = lower
    return None


def starts_with_verb(text: str) -> bool:
    """Tell whether a clause begins with its verb, so that its subject stands elsewhere."""
    first = next(words(text), None)
    if first is None:
        return False
    lower = first[0].lower()
    return lower in AUXILIARIES or lower in _PAST or lower in _PRESENT or _past(first[0])


def ends_with_function_word(text: str) -> bool:
    """Tell whether the last of several words is a verb or a preposition, which ends no noun phrase."""
    last = text.rsplit(maxsplit=1)[-1].lower()
    return last != text.lower() and (last in AUXILIARIES | PREPOSITIONS | _PAST or _past(last))


def starts_with_participle(text: str) -> bool:
    """Tell whether that verb is a participle with an auxiliary before the clause ("was quarried and shipped off")."""
    found = [word.lower() for word, _, _ in words(text)][:2]
    return bool(found) and _past(found[0]) and (len(found) == 1 or found[1] in PREPOSITIONS)


def _is_verb(word: str, before: str, number: int) -> bool:
    if word in AUXILIARIES:
        return number > 0
    if number == 0 or before in DETERMINERS or before in PREPOSITIONS:
        return False
    if word in _PAST or word in _PRESENT or _past(word):
        return True
    singular = not before.endswith("s") or before.endswith("ss")
    return word.endswith("s") and not word.endswith(("ss", "us", "'s", "’s")) and word not in _NOT_VERBS and singular


def _past(word: str) -> bool:
    return word.islower() and len(word) > 4 and word.endswith("ed") and not word.endswith("eed")


def clause(text: str, sentence: TextSpan, start: int, end: int) -> Range:
    """Return the clause, or clauses, of a sentence of `text` that `[start, end)` lies in.

    A clause ends at a semicolon or colon, or at a conjunction that a verb or a whole clause follows.
    """
    bounds = [sentence.start]
    for match in _CLAUSE_END.finditer(text, sentence.start, sentence.end):
        behind, before = text[match.end() : sentence.end], text[bounds[-1] : match.start()]
        whole = verb(before) is not None or starts_with_verb(before)
        if whole and (starts_with_verb(behind) or verb(_until_clause_end(behind)) is not None):
            bounds.append(match.end())
    bounds.append(sentence.end)
    first = max(bound for bound in bounds[:-1] if bound <= start)
    last = min((bound for bound in bounds[1:] if bound >= end), default=sentence.end)
    held = _CLAUSE_TAIL.sub("", text[first:last])
    return first, max(first + len(held.rstrip()), end)


def shared_subject(text: str, sentence: TextSpan, clause: Range) -> Range | None:
    """Return the subject of the sentence that a clause without one shares, with its auxiliary if the clause needs it.

    "was electrified in 1927" takes the subject alone, "shipped down the river" behind "was quarried and" takes the
    auxiliary as well; `None` if the clause has a subject of its own, or the sentence none.
    """
    own = text[slice(*clause)]
    if clause[0] == sentence.start or not starts_with_verb(own):
        return None
    head = verb(text[sentence.start : clause[0]])
    if head is None:
        return None
    auxiliary = text[sentence.start + head[0] : sentence.start + head[1]].lower() in AUXILIARIES
    start, end = stripped(
        text, sentence.start, sentence.start + (head[1] if auxiliary and starts_with_participle(own) else head[0])
    )
    return (start, end) if start < end else None


def stripped(text: str, start: int, end: int) -> Range:
    """Return `[start, end)` without white space at its ends and commas behind."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip(" \t\r\n,"))


def _until_clause_end(text: str) -> str:
    match = _CLAUSE_END.search(text)
    return text[: match.start()] if match else text
