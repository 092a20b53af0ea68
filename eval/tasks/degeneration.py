"""Degeneration: does the method repeat itself, and does it stay with its subject?

Prefixes from running text are continued, after the protocol of Su et al. 2022 (arXiv 2202.06417) on WikiText: 32 tokens
of a paragraph by 128. Only paragraphs that go on as long are used, so that what the author wrote can be measured too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ..aggregate import Statistic, mean, statistic
from ..dataset import Dataset
from ..measures.repetition import ORDERS, counts_by_order, diversity, rep
from ..measuring_models import MeasuringModels
from ..requests import Generation, Response
from ..results import Figure
from ..task import Answer, Item, Metric, Task

if TYPE_CHECKING:
    from ..statistics import Weighted

AUTHORS = "the authors"
_HEADING = re.compile(r"\s*=.*=\s*")


@dataclass(frozen=True)
class Degeneration(Task):
    """The task.

    Args:
        prefix_tokens: Tokens of a paragraph that are continued.
        new_tokens: The longest continuation in tokens; it is shorter if the model ends the text.
        simctg_compatible: Count n-grams as the reference code of Su et al. does, for comparison with published figures:
            one short of the end of every text, each rep-n rounded to two decimals before the product.
    """

    name = "degeneration"
    summary = "continuations of running text: repetition, diversity, MAUVE, coherence, length"
    data = "wikitext2/test.txt"
    methods = "none,contrastive_search"
    limit = 100
    measures = ("measuring_model", "embedding_model")

    prefix_tokens: int = 32
    new_tokens: int = 128
    simctg_compatible: bool = False

    def __post_init__(self) -> None:
        for name in ("prefix_tokens", "new_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` has to be at least 1, but is {getattr(self, name)}")

    def read(self, dataset: Dataset, models: MeasuringModels) -> Sequence[Item]:
        """Return the paragraphs of a WikiText file (a paragraph a line, headings between `=`) that are long enough.

        Raises:
            ValueError: None is.
        """
        tokenizer = models.tokenizer
        items = []
        for number, line in enumerate(dataset.text.splitlines(), start=1):
            paragraph = line.strip()
            if not paragraph or _HEADING.fullmatch(paragraph):
                continue
            ids = tokenizer(paragraph)["input_ids"]
            if len(ids) >= self.prefix_tokens + self.new_tokens:
                cut = [ids[: self.prefix_tokens], ids[self.prefix_tokens :][: self.new_tokens]]
                prefix, reference = tokenizer.batch_decode(cut, skip_special_tokens=True)
                request = Generation(prefix, self.new_tokens, tokens=tuple(cut[0]))
                items.append(Item(str(number), request, {"reference": reference}))
        if not items:
            raise ValueError(
                f"{dataset.name} has to hold a paragraph of {self.prefix_tokens + self.new_tokens} tokens, but holds "
                "none. Lower the number of tokens"
            )
        return items

    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """Return the number of words, and by order how many n-grams differ, of how many."""
        words = response.split()
        return {"words": len(words), "n-grams": counts_by_order(words, simctg_compatible=self.simctg_compatible)}

    def references(self, items: Sequence[Item]) -> Mapping[str, Sequence[Answer]]:
        """Return what the authors wrote."""
        texts = [(item, item.facts["reference"]) for item in items]
        return {AUTHORS: [Answer(item, text, self.score(item, text)) for item, text in texts]}

    def measured(self, answers: Sequence[Answer], models: MeasuringModels) -> Sequence[Answer]:
        """Return the answers with both coherences."""
        from ..measures.naturalness import cosines, mean_log_likelihoods  # noqa: PLC0415  (torch)

        prompts = [cast("Generation", answer.item.request).prompt for answer in answers]
        texts = [answer.response for answer in answers]
        likelihoods = mean_log_likelihoods(prompts, texts, models.language)
        angles = cosines(prompts, texts, models.embedding)
        return [
            Answer(answer.item, answer.response, {**answer.score, "log p": likelihood, "cosine": cosine})
            for answer, likelihood, cosine in zip(answers, likelihoods, angles, strict=True)
        ]

    def figures(
        self, answers: Sequence[Answer], first: Sequence[Answer] | None, *, seed: int, models: MeasuringModels
    ) -> Mapping[str, Figure]:
        """Return rep-n and diversity in percent, coherence by both definitions, MAUVE against the authors, length."""
        metrics: dict[str, Metric] = {
            f"rep-{n}": statistic(self._rep(n), compared=False, interval=False, digits=2) for n in ORDERS
        }
        metrics["diversity"] = statistic(self._diversity, digits=2)
        metrics["coherence (log p)"] = statistic(mean("log p"), compared=False, digits=2)
        metrics["coherence (cosine)"] = statistic(mean("cosine"), compared=False, digits=2)
        found: dict[str, Figure] = {}
        for name, metric in metrics.items():
            found |= metric(name, answers, first, seed)
        found["MAUVE"] = Figure(_mauve(answers, models), digits=1)
        words = statistic(mean("words"), compared=False, interval=False, digits=1)
        return {**found, **words("words", answers, None, seed)}

    def _rep(self, n: int) -> Statistic:
        return lambda answers: rep(_counts(answers), n, rounded=self.simctg_compatible)

    def _diversity(self, answers: Sequence[Answer]) -> Weighted:
        return diversity(_counts(answers), rounded=self.simctg_compatible)


TASK = Degeneration()


def _counts(answers: Sequence[Answer]) -> list[Any]:
    return [answer.score["n-grams"] for answer in answers]


def _mauve(answers: Sequence[Answer], models: MeasuringModels) -> float | None:
    from ..measures.naturalness import mauve  # noqa: PLC0415  (torch)

    references = [answer.item.facts["reference"] for answer in answers]
    texts = [answer.response for answer in answers]
    return None if texts == references else mauve(references, texts, models.language)
