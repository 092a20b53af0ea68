"""Where the verb of an English clause is, and what stands before it: a heuristic of word lists, without a parser.

It is right about the short declarative sentences that answers are made of, and gives up where it finds no verb. Other
languages have none of its words, so nothing is found in them and nothing is changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator


def word_set(listed: str) -> frozenset[str]:
    """The words of a list that is written as one string."""
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


def words(text: str) -> Iterator[tuple[str, int, int]]:
    """The words with their places."""
    for match in _TOKEN.finditer(text):
        yield match.group(), match.start(), match.end()


def verb(text: str) -> tuple[int, int] | None:
    """Where the first finite verb of a clause stands; `None` where none is recognised."""
    before = ""
    for number, (word, start, end) in enumerate(words(text)):
        lower = word.lower()
        if _is_verb(lower, before, number):
            return start, end
        before = lower
    return None


def starts_with_verb(text: str) -> bool:
    """Whether a clause begins with its verb, so that its subject stands elsewhere."""
    first = next(words(text), None)
    if first is None:
        return False
    lower = first[0].lower()
    return lower in AUXILIARIES or lower in _PAST or lower in _PRESENT or _past(first[0])


def starts_with_participle(text: str) -> bool:
    """Whether that verb is a participle with the auxiliary of the clause before ("was quarried and shipped off")."""
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
