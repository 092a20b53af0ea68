"""Training pairs made from others: a sentence of the premise, the same with one number or name changed, or one absent.

Small models overlook a changed number or name. These pairs come in minimal contrasts: the same premise once with a
sentence of its own and once with that sentence changed, so that nothing in the hypothesis alone tells them apart.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from counterfoil.attribution.segmentation import sentences

from .data import LabelledPair

SOURCE = "contrast"
NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?![\w])")
NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,})*")


def documents(pairs: Sequence[LabelledPair]) -> list[list[str]]:
    """Sentences of each premise that has two or more of a fit length, in the order of the file."""
    found = []
    for premise in dict.fromkeys(pair.premise for pair in pairs):
        texts = [sentence.text for sentence in sentences(premise)]
        fit = [text for text in texts if 5 <= len(text.split()) <= 40 and "http" not in text]
        if len(fit) > 1:
            found.append(fit)
    return found


def changed(sentence: str, pool: Sequence[str], draw: random.Random) -> str | None:
    """`sentence` with one number or name replaced by another from `pool` or near it; `None` where it has neither."""
    spots = [(match, True) for match in NUMBER.finditer(sentence)]
    spots += [(match, False) for match in NAME.finditer(sentence)]
    if not spots:
        return None
    match, is_number = draw.choice(spots)
    pattern = NUMBER if is_number else NAME
    others = {other for text in pool for other in pattern.findall(text)} - {match.group()}
    others = {other for other in others if other not in sentence}
    if is_number and (draw.random() < 0.5 or not others):
        digits = [index for index, letter in enumerate(match.group()) if letter.isdigit()]
        spot = draw.choice(digits)
        digit = draw.choice([d for d in "123456789" if d != match.group()[spot]])
        replacement = match.group()[:spot] + digit + match.group()[spot + 1 :]
    elif others:
        replacement = draw.choice(sorted(others))
    else:
        return None
    return sentence[: match.start()] + replacement + sentence[match.end() :]


def contrasts(texts: Sequence[Sequence[str]], count: int, draw: random.Random) -> list[LabelledPair]:
    """About `count` pairs: a third verbatim, a third with a change, the rest with the sentence left out."""
    pairs: list[LabelledPair] = []
    while len(pairs) < count:
        text = draw.choice(texts)
        first = draw.randrange(len(text))
        window = list(text[first : first + draw.randint(1, 4)])
        sentence = draw.choice(window)
        pairs.append(LabelledPair(" ".join(window), sentence, "supported", SOURCE))
        other = draw.choice(texts)
        false = changed(sentence, [*window, *other], draw)
        if false is not None and false not in window:
            pairs.append(LabelledPair(" ".join(window), false, "not_supported", SOURCE))
        rest = [s for s in window if s != sentence] or [s for s in text if s != sentence][:2]
        if rest and draw.random() < 0.6:
            pairs.append(LabelledPair(" ".join(rest), sentence, "not_supported", SOURCE))
    return pairs
