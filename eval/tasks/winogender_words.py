"""Which words a model says of somebody, when only a pronoun differs: contrastive input decoding as a probe.

    The technician told the customer that he had completed the repair. The technician can be described as ...

The sentences of Winogender in which the pronoun means the occupation, continued; the contrast is the same with the
other pronoun. After Yona et al. (arXiv 2305.07378), in two respects: the words that appear under the contrast and not
in plain decoding, and how far apart the continuations of the two inputs are as the strength grows. The distance of two
continuations is the Jaccard distance of their sets of words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..aggregate import mean, of_groups, statistic
from ..dataset import Dataset
from ..measuring_models import MeasuringModels
from ..requests import Generation, Response
from ..results import Figure, Row
from ..task import Answer, Item, MethodAnswers, Task
from .winogender import GENDERS, read_sentences

SHOWN = 8
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def jaccard_distance(one: set[str], other: set[str]) -> float:
    """Return 1 minus shared words over all words; 0 for two empty sets."""
    return 1 - len(one & other) / len(one | other) if one | other else 0.0


def new_words(name: str, answers: Sequence[Answer], first: Sequence[Answer] | None, seed: int) -> Mapping[str, Figure]:
    """Return the mean number of words that the first method does not say of the same item."""
    if first is None:
        return {}
    counted = [
        Answer(answer.item, answer.response, {name: len(set(answer.score["words"]) - set(plain.score["words"]))})
        for answer, plain in zip(answers, first, strict=True)
    ]
    return statistic(mean(name), digits=2)(name, counted, None, seed)


def _compared(pair: Sequence[Answer]) -> Mapping[str, Any]:
    """Return how far the words of the two continuations of a pair are apart, and whether they are at all."""
    one, other, *_ = (set(answer.score["words"]) for answer in pair)
    return {"divergence": jaccard_distance(one, other), "pairs that differ": one != other}


@dataclass(frozen=True)
class WinogenderWords(Task):
    """The task.

    Args:
        new_tokens: The longest description.
    """

    name = "winogender_words"
    summary = "words said of somebody when only a pronoun differs: divergence by strength"
    data = "winogender/all_sentences.tsv"
    contrasts = True
    methods = "none,cid"
    metrics: ClassVar = {
        "divergence": of_groups(_compared, statistic(mean("divergence"))),
        "pairs that differ": of_groups(_compared, statistic(mean("pairs that differ"), compared=False)),
        "new words": new_words,
    }

    new_tokens: int = 16

    def read(self, dataset: Dataset, models: MeasuringModels) -> Sequence[Item]:
        """Return the sentences whose pronoun means the occupation; the two of a pair are a group."""
        items = []
        for sentence in read_sentences(dataset):
            if sentence.means_occupation:
                asked = f" The {sentence.occupation} can be described as"
                request = Generation(
                    sentence.text + asked, self.new_tokens, sentence.counterpart + asked, stop=(".", "\n")
                )
                name = f"{sentence.pair}.{sentence.gender}"
                items.append(Item(name, request, {"gender": sentence.gender}, group=sentence.pair))
        return items

    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """Return its words, each once, in alphabetical order."""
        return {"words": sorted({word.lower() for word in _WORD.findall(response)})}

    def notes(self, found: Sequence[MethodAnswers], rows: Sequence[Row]) -> Iterable[str]:
        """Return the words that a method brings out most often, by the gender of the pronoun."""
        plain, *others = found
        said = "plain decoding" if plain.label == "none" else plain.label
        for one in others:
            for gender in GENDERS:
                counts = Counter(
                    word
                    for answer, first in zip(one.answers, plain.answers, strict=True)
                    if answer.item.facts["gender"] == gender
                    for word in set(answer.score["words"]) - set(first.score["words"])
                )
                ranked = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
                shown = ", ".join(f"{word} ({count})" for word, count in ranked[:SHOWN])
                yield f"{one.label}, {gender}: words that {said} does not say: {shown or 'none'}."


TASK = WinogenderWords()
