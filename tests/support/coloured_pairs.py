"""Labelled pairs about the colours of things, which a model can learn in a few steps."""

from __future__ import annotations

import random

from counterfoil.eval.labelled_pairs import LabelledPair

COLOURS = ["red", "blue", "green", "white", "black", "brown", "grey", "pink"]
THINGS = ["house", "boat", "door", "bike", "hat", "coat", "lamp", "chair"]


def coloured(number: int, seed: int = 0) -> list[LabelledPair]:
    """Pairs of which the hypothesis repeats the premise, or has another colour."""
    draw = random.Random(seed)
    pairs = []
    for i in range(number):
        colour, thing = draw.choice(COLOURS), draw.choice(THINGS)
        other = draw.choice([c for c in COLOURS if c != colour])
        three = i % 4 < 2
        premise = f"the {thing} number {i} is {colour}"
        source = "three" if three else "two"
        yes, no = ("entailment", "contradiction") if three else ("supported", "not_supported")
        pairs.append(LabelledPair(premise, f"the {thing} is {colour}", yes, source))
        pairs.append(LabelledPair(premise, f"the {thing} is {other}", no, source))
    return pairs
