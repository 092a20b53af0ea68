"""GSM8K (Cobbe et al. 2021, arXiv 2110.14168): grade-school mathematics by chain of thought, exact match.

The prompt is that of Wei et al. (arXiv 2201.11903), eight worked examples, on which O'Brien and Lewis (arXiv
2309.09117) report contrastive decoding. The answer is the number behind "The answer is", or else the last number that
was written. Numbers are equal as numbers: 1,200 is 1200.00.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from typing import Any, cast

from ..aggregate import share
from ..dataset import Source
from ..measuring_models import Tools
from ..requests import Generation, Response
from ..results import Figure
from ..task import Answer, Item, Task

EXAMPLES = "gsm8k_examples.txt"
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_STATED = re.compile(rf"[Tt]he answer is:?\s*\$?\s*({_NUMBER.pattern})")


def examples() -> list[str]:
    """The worked examples, question and answer each."""
    text = files(__package__ or "").joinpath(EXAMPLES).read_text(encoding="utf-8")
    return text.strip().split("\n\n")


def answered(text: str) -> str | None:
    """The number that a text gives as its answer, without separators; `None` where there is no number."""
    stated = _STATED.search(text)
    numbers = [stated[1]] if stated else _NUMBER.findall(text)
    return numbers[-1].replace(",", "") if numbers else None


@dataclass(frozen=True)
class GSM8K(Task):
    """The task.

    Args:
        shots: How many worked examples stand before the question, 0 to 8.
        new_tokens: The longest chain of thought.
    """

    name = "gsm8k"
    version = 1
    summary = "grade-school mathematics by chain of thought: exact match"
    data = "gsm8k/test.jsonl"
    kind = "generation"
    contrasts = False
    methods = "none"

    shots: int = 8
    new_tokens: int = 256

    def __post_init__(self) -> None:
        if not 0 <= self.shots <= len(examples()):
            raise ValueError(f"`shots` has to be in [0, {len(examples())}], but is {self.shots}")

    def read(self, source: Source, tools: Tools) -> Sequence[Item]:
        """The questions of a file with `question` and `answer` on each line, the answer's number behind `####`.

        Raises:
            ValueError: A line is none; its number is named.
        """
        before = "".join(f"{example}\n\n" for example in examples()[: self.shots])
        items = []
        for number, line in source.lines():
            try:
                record = json.loads(line)
                wanted = answered(record["answer"].split("####")[1])
                prompt = f"{before}Q: {record['question'].strip()}\nA:"
            except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"line {number} of {source.name} has to be a question of GSM8K, but is not: {error!r}"
                ) from error
            request = Generation(prompt, self.new_tokens, stop=("\n\n", "\nQ:"))
            items.append(Item(str(number), request, {"answer": wanted}))
        return items

    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """Whether the number is right."""
        found = answered(cast("str", response))
        wanted = item.facts["answer"]
        return {"answer": found, "exact match": found is not None and Decimal(found) == Decimal(wanted)}

    def figures(
        self, answers: Sequence[Answer], first: Sequence[Answer] | None, *, seed: int, tools: Tools
    ) -> Mapping[str, Figure]:
        """Exact match, its paired difference, and how many answers have a number at all."""
        given = sum(answer.score["answer"] is not None for answer in answers) / len(answers)
        return {**share("exact match", answers, first, seed=seed), "with a number": Figure(given)}


TASK = GSM8K()
