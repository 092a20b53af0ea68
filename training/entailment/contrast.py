"""Training pairs made from others: a sentence of the premise, the same with one detail changed, or one absent.

Small models overlook a changed number, name or word, and who did what to whom. These pairs come in minimal contrasts:
the same premise once with a sentence of its own and once with that sentence changed, so that nothing in the hypothesis
alone tells them apart. A changed word comes from the premise itself where it can: that all words of the hypothesis
stand in the premise must not be enough.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Sequence

from counterfoil.attribution.text.segmentation import sentences
from counterfoil.eval.labelled_pairs import LabelledPair
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

SOURCE = "contrast"
NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?![\w])")
NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})*")
WORD = re.compile(r"(?<![\w'-])[a-z]{4,}(?![\w'-])")
Change = Callable[[str, Sequence[str], random.Random], str | None]
ENDINGS = ("ing", "ed", "ly", "s")


def documents(pairs: Sequence[LabelledPair]) -> list[list[str]]:
    """Return the sentences of each premise that has two or more of a fit length, in the order of the file."""
    found = []
    for premise in dict.fromkeys(pair.premise for pair in pairs):
        texts = [sentence.text for sentence in sentences(premise)]
        fit = [text for text in texts if 5 <= len(text.split()) <= 40 and "http" not in text]
        if len(fit) > 1:
            found.append(fit)
    return found


def number_changed(sentence: str, pool: Sequence[str], draw: random.Random) -> str | None:
    """Return `sentence` with one number replaced by one from `pool`, or with another digit; `None` if it has none."""
    spots = list(NUMBER.finditer(sentence))
    if not spots:
        return None
    match = draw.choice(spots)
    others = absent(NUMBER, pool, sentence)
    if others and draw.random() < 0.5:
        return replaced(sentence, match, draw.choice(others))
    spot = draw.choice([index for index, letter in enumerate(match.group()) if letter.isdigit()])
    digit = draw.choice([d for d in "123456789" if d != match.group()[spot]])
    return replaced(sentence, match, match.group()[:spot] + digit + match.group()[spot + 1 :])


def name_changed(sentence: str, pool: Sequence[str], draw: random.Random) -> str | None:
    """Return `sentence` with one name replaced by one from `pool`; `None` if there is none."""
    spots, others = list(NAME.finditer(sentence)), absent(NAME, pool, sentence)
    return replaced(sentence, draw.choice(spots), draw.choice(others)) if spots and others else None


def names_exchanged(sentence: str, pool: Sequence[str], draw: random.Random) -> str | None:
    """Return `sentence` with two neighbouring names in each other's place, unless it only lists them."""
    spots = list(NAME.finditer(sentence))
    neighbours = [
        (first, second)
        for first, second in itertools.pairwise(spots)
        if first.group() != second.group() and len(WORD.findall(sentence[first.end() : second.start()])) > 0
    ]
    if not neighbours:
        return None
    first, second = draw.choice(neighbours)
    between = sentence[first.end() : second.start()]
    return sentence[: first.start()] + second.group() + between + first.group() + sentence[second.end() :]


def word_changed(sentence: str, pool: Sequence[str], draw: random.Random) -> str | None:
    """Return `sentence` with one plain word replaced by one of like ending from `pool`; `None` if there is none."""
    spots = [match for match in WORD.finditer(sentence) if match.group() not in ENGLISH_STOP_WORDS]
    others = [word for word in absent(WORD, pool, sentence) if word not in ENGLISH_STOP_WORDS]
    if not spots:
        return None
    match = draw.choice(spots)
    fit = [word for word in others if ending(word) == ending(match.group()) and word[:4] != match.group()[:4]]
    return replaced(sentence, match, draw.choice(fit)) if fit else None


CHANGES: tuple[Change, ...] = (number_changed, name_changed, names_exchanged, word_changed)


def changed(sentence: str, window: Sequence[str], other: Sequence[str], draw: random.Random) -> str | None:
    """Return `sentence` with one detail changed, from `window` or else from `other`; `None` if nothing fits."""
    for change in draw.sample(CHANGES, len(CHANGES)):
        for pool in (window, other):
            false = change(sentence, pool, draw)
            if false is not None:
                return false
    return None


def absent(pattern: re.Pattern[str], pool: Sequence[str], sentence: str) -> list[str]:
    """Return what `pattern` finds in `pool` and `sentence` does not hold, sorted."""
    return sorted({found for text in pool for found in pattern.findall(text) if found not in sentence})


def ending(word: str) -> str:
    """Return the ending that tells of what kind a word is, empty if it has none of them."""
    return next((suffix for suffix in ENDINGS if word.endswith(suffix)), "")


def replaced(text: str, match: re.Match[str], by: str) -> str:
    """Return `text` with the match replaced."""
    return text[: match.start()] + by + text[match.end() :]


def contrasts(texts: Sequence[Sequence[str]], count: int, draw: random.Random) -> list[LabelledPair]:
    """Return about `count` pairs: a third verbatim, a third with a change, the rest with the sentence left out."""
    pairs: list[LabelledPair] = []
    while len(pairs) < count:
        text = draw.choice(texts)
        first = draw.randrange(len(text))
        window = list(text[first : first + draw.randint(1, 4)])
        sentence = draw.choice(window)
        pairs.append(LabelledPair(" ".join(window), sentence, "supported", SOURCE))
        other = draw.choice(texts)
        false = changed(sentence, window, other, draw)
        if false is not None and false not in window:
            pairs.append(LabelledPair(" ".join(window), false, "not_supported", SOURCE))
        rest = [s for s in window if s != sentence] or [s for s in text if s != sentence][:2]
        if rest and draw.random() < 0.6:
            pairs.append(LabelledPair(" ".join(rest), sentence, "not_supported", SOURCE))
    return pairs
