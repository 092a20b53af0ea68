"""Degeneration: does the method repeat itself, and does it stay with its subject?

Prefixes from running text are continued, after the protocol of Su et al. 2022 (arXiv 2202.06417) on WikiText: 32 tokens
of a paragraph by 128. Only paragraphs that go on as long are used, so that what the author wrote can be measured too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ..aggregate import mean_of, statistic
from ..dataset import Source
from ..measures.repetition import counts_by_order, diversity, rep_by_order
from ..measuring_models import Tools
from ..requests import Generation, Response
from ..results import Figure
from ..task import Answer, Item, Task

AUTHORS = "the authors"
_HEADING = re.compile(r"\s*=.*=\s*")


@dataclass(frozen=True)
class Degeneration(Task):
    """The task.

    Args:
        prefix_tokens: How many tokens of a paragraph are continued.
        new_tokens: By how many at most; fewer where the model ends the text.
        simctg_compatible: See :func:`counterfoil.eval.measures.repetition.repetition`.
    """

    name = "degeneration"
    version = 1
    summary = "continuations of running text: repetition, diversity, MAUVE, coherence, length"
    data = "wikitext2/test.txt"
    kind = "generation"
    contrasts = False
    methods = "none,contrastive_search"
    limit = 100
    measures = True

    prefix_tokens: int = 32
    new_tokens: int = 128
    simctg_compatible: bool = False

    def __post_init__(self) -> None:
        for name in ("prefix_tokens", "new_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` has to be at least 1, but is {getattr(self, name)}")

    def read(self, source: Source, tools: Tools) -> Sequence[Item]:
        """The paragraphs of a WikiText file (a paragraph a line, headings between `=`) that are long enough.

        Raises:
            ValueError: None is.
        """
        tokenizer = tools.tokenizer
        items = []
        for number, line in enumerate(source.text.splitlines(), start=1):
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
                f"{source.name} has to hold a paragraph of {self.prefix_tokens + self.new_tokens} tokens, but holds "
                "none. Lower the number of tokens"
            )
        return items

    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """The words of the text, and how many of its n-grams differ, of how many."""
        words = cast("str", response).split()
        return {"words": len(words), "n_grams": counts_by_order(words, simctg_compatible=self.simctg_compatible)}

    def beside(self, items: Sequence[Item]) -> Mapping[str, Sequence[Answer]]:
        """What the authors wrote."""
        references = [(item, item.facts["reference"]) for item in items]
        return {AUTHORS: [Answer(item, text, self.score(item, text)) for item, text in references]}

    def figures(
        self, answers: Sequence[Answer], first: Sequence[Answer] | None, *, seed: int, tools: Tools
    ) -> Mapping[str, Figure]:
        """rep-n and diversity in percent, coherence by both definitions, MAUVE against the authors, length."""
        rep = rep_by_order([answer.score["n_grams"] for answer in answers], rounded=self.simctg_compatible)
        measured = _with_coherence(answers, tools)
        return {
            **{f"rep-{n}": Figure(value, digits=2) for n, value in rep.items()},
            **statistic("diversity", self._diversity, answers, first, seed=seed, digits=2),
            **statistic("coherence (log p)", mean_of("log p"), measured, None, seed=seed, digits=2),
            **statistic("coherence (cosine)", mean_of("cosine"), measured, None, seed=seed, digits=2),
            "MAUVE": Figure(_mauve(answers, tools), digits=1),
            "words": Figure(mean_of("words")(answers), digits=1),
        }

    def _diversity(self, answers: Sequence[Answer]) -> float | None:
        counts = [answer.score["n_grams"] for answer in answers]
        return diversity(rep_by_order(counts, rounded=self.simctg_compatible))


TASK = Degeneration()


def _with_coherence(answers: Sequence[Answer], tools: Tools) -> list[Answer]:
    from ..measures.coherence import cosines, mean_log_likelihoods  # noqa: PLC0415  (torch)

    prompts = [answer.item.request.prompt for answer in answers]
    texts = [cast("str", answer.response) for answer in answers]
    likelihoods, angles = mean_log_likelihoods(prompts, texts, tools.language), cosines(prompts, texts, tools.embedding)
    return [
        Answer(answer.item, answer.response, {"log p": likelihood, "cosine": cosine})
        for answer, likelihood, cosine in zip(answers, likelihoods, angles, strict=True)
    ]


def _mauve(answers: Sequence[Answer], tools: Tools) -> float | None:
    from ..measures.mauve import mauve  # noqa: PLC0415  (torch)

    references = [answer.item.facts["reference"] for answer in answers]
    texts = [cast("str", answer.response) for answer in answers]
    return None if texts == references else mauve(references, texts, tools.language)
