"""What the network sees in an epoch: rows of tokens, their weights, and which pairs take part."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from counterfoil.attribution.entailment.local.encoding import Row, row, selection, split, tokens
from counterfoil.eval.labelled_pairs import LabelledPair, by_source

from .contrast import contrasts, documents
from .recipe import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def rows_of(pairs: Sequence[LabelledPair], tokenizer: PreTrainedTokenizerBase, recipe: Recipe) -> list[Row]:
    """Return one row a pair: the whole premise if it fits, else the sentences that cover most of the hypothesis."""
    premise_of = lru_cache(maxsize=50_000)(lambda text: split(tokenizer, text, recipe.least))
    rows = []
    for pair in pairs:
        hypothesis = tokens(tokenizer, pair.hypothesis)[0]
        budget = max(recipe.least, recipe.window - len(hypothesis))
        premise = premise_of(pair.premise)
        if sum(len(sentence.ids) for sentence in premise) > budget:
            premise = selection(premise, hypothesis, budget)
        rows.append(row(tokenizer, premise, hypothesis))
    return rows


def class_weights(pairs: Sequence[LabelledPair]) -> dict[tuple[str, str], float]:
    """Return the weight of each (source, label): supported and others weigh the same in each source, 1 on average.

    So one threshold serves all sources, though some have twice as many supported pairs as others.
    """
    weights = {}
    for source, group in by_source(pairs).items():
        supported = sum(pair.supported for pair in group)
        for pair in group:
            side = supported if pair.supported else len(group) - supported
            weights[source, pair.label] = len(group) / (2 * side)
    return weights


class Sampler:
    """Return pairs, rows and weights of one epoch after another.

    Sources of which an epoch takes only a share are gone through in turn, so that no pair is seen again before all
    were seen; the contrasts are new in each epoch.

    Args:
        pairs: Pairs to train on.
        tokenizer: The encoder's tokenizer.
        recipe: Shares, number of contrasts and windows.
        draw: Source of every random choice.
    """

    def __init__(
        self, pairs: Sequence[LabelledPair], tokenizer: PreTrainedTokenizerBase, recipe: Recipe, draw: random.Random
    ) -> None:
        self.pairs, self.tokenizer, self.recipe, self.draw = list(pairs), tokenizer, recipe, draw
        self.rows = rows_of(pairs, tokenizer, recipe)
        self.texts = documents(pairs)
        self.weights = class_weights(pairs)
        self.groups: dict[str, list[int]] = {}
        for index, pair in enumerate(pairs):
            self.groups.setdefault(pair.source, []).append(index)
        for group in self.groups.values():
            draw.shuffle(group)
        self.next = dict.fromkeys(self.groups, 0)

    def number(self, source: str) -> int:
        """Return the pairs of a source in one epoch."""
        return math.ceil(len(self.groups[source]) * self.recipe.shares.get(source, 1.0))

    @property
    def steps(self) -> int:
        """Return about how many steps an epoch has: the number of contrasts varies a little."""
        contrast = self.recipe.contrast if self.texts else 0
        return math.ceil((sum(map(self.number, self.groups)) + contrast) / self.recipe.pairs_per_step)

    def epoch(self) -> tuple[list[LabelledPair], list[Row], list[float]]:
        """Return pairs, rows and weights in the order of the steps."""
        extra = contrasts(self.texts, self.recipe.contrast, self.draw) if self.texts else []
        pairs = [*self.pairs, *extra]
        rows = [*self.rows, *rows_of(extra, self.tokenizer, self.recipe)]
        weights = self.weights | class_weights(extra)
        order = list(range(len(self.pairs), len(pairs)))
        for source, group in self.groups.items():
            count = self.number(source)
            order += [group[(self.next[source] + i) % len(group)] for i in range(count)]
            self.next[source] += count
        self.draw.shuffle(order)
        return (
            [pairs[i] for i in order],
            [rows[i] for i in order],
            [weights[pairs[i].source, pairs[i].label] for i in order],
        )
