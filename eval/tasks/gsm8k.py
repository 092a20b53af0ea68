"""GSM8K (Cobbe et al. 2021, arXiv 2110.14168): grade-school mathematics by chain of thought, exact match.

The prompt is that of Wei et al. (arXiv 2201.11903), eight worked examples, on which O'Brien and Lewis (arXiv
2309.09117) report contrastive decoding. The answer is the number behind "The answer is", or else the last number that
was written. Numbers are equal as numbers: 1,200 is 1200.00.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from typing import Any, ClassVar

from ..aggregate import mean, share, statistic
from ..dataset import Dataset
from ..measuring_models import MeasuringModels
from ..requests import Generation, Response
from ..task import Item, Task

EXAMPLES = "gsm8k_examples.txt"
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_STATED = re.compile(rf"[Tt]he answer is:?\s*\$?\s*({_NUMBER.pattern})")


def examples() -> list[str]:
    """Return the worked examples, question and answer each."""
    text = files(__package__ or "").joinpath(EXAMPLES).read_text(encoding="utf-8")
    return text.strip().split("\n\n")


def answered(text: str) -> str | None:
    """Return the number that a text gives as its answer, without separators; `None` if there is no number."""
    stated = _STATED.search(text)
    numbers = [stated[1]] if stated else _NUMBER.findall(text)
    return numbers[-1].replace(",", "") if numbers else None


@dataclass(frozen=True)
class GSM8K(Task):
    """The task.

    Args:
        shots: Worked examples before the question, 0 to 8.
        new_tokens: The longest chain of thought.
    """

    name = "gsm8k"
    summary = "grade-school mathematics by chain of thought: exact match"
    data = "gsm8k/test.jsonl"
    metrics: ClassVar = {
        "exact match": share(),
        "with a number": statistic(mean("with a number"), compared=False, interval=False),
    }

    shots: int = 8
    new_tokens: int = 256

    def __post_init__(self) -> None:
        if not 0 <= self.shots <= len(examples()):
            raise ValueError(f"`shots` has to be in [0, {len(examples())}], but is {self.shots}")

    def read(self, dataset: Dataset, models: MeasuringModels) -> Sequence[Item]:
        """Return the questions of JSON lines with `question` and `answer`, the answer's number behind `####`."""
        before = "".join(f"{example}\n\n" for example in examples()[: self.shots])

        def item(line: int, record: Mapping[str, Any]) -> Item:
            prompt = f"{before}Q: {record['question'].strip()}\nA:"
            request = Generation(prompt, self.new_tokens, stop=("\n\n", "\nQ:"))
            return Item(str(line), request, {"answer": answered(record["answer"].split("####")[1])})

        return dataset.records("a question of GSM8K", item)

    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """Return the number that was given, whether there is one, and whether it is right."""
        found, wanted = answered(response), item.facts["answer"]
        right = found is not None and Decimal(found) == Decimal(wanted)
        return {"answer": found, "with a number": found is not None, "exact match": right}


TASK = GSM8K()
