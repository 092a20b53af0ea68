"""MemoTrap: does the model end a proverb as the instruction says, or as it has always heard it?

    Write a quote that ends in the word "heavy": Absence makes the heart grow | heavy.  or  fonder.

The memorisation-trap files of the Inverse Scaling Prize (McKenzie et al. 2023, arXiv 2306.09479), on which Shi et al.
(arXiv 2305.14739) report CAD. An item is right if the ending that the instruction asks for is the more likely one, its
log-probability summed over its tokens. For CAD and CID the contrast is the beginning of the quote without the
instruction, which is what stands up to the first colon: the instruction is the context that may be believed or not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..aggregate import likeliest, share, ties
from ..dataset import Dataset
from ..measuring_models import MeasuringModels
from ..requests import Choice, Response
from ..results import Row
from ..task import Item, MethodAnswers, Task


@dataclass(frozen=True)
class MemoTrap(Task):
    """The task."""

    name = "memotrap"
    summary = "memorised endings against an instruction: accuracy"
    data = "memotrap/memo-trap_classification.jsonl"
    asks = Choice
    contrasts = True
    methods = "none,cad"
    metrics: ClassVar = {"accuracy": share()}

    def read(self, dataset: Dataset, models: MeasuringModels) -> Sequence[Item]:
        """Return the items of JSON lines with `prompt`, `classes` (a Python list as text) and `answer_index`."""
        return dataset.records("a MemoTrap item (`prompt` with a colon, `classes`, `answer_index`)", _item)

    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """Return whether the ending that the instruction asks for is the likeliest; a tie is not."""
        return {"accuracy": likeliest(response) == item.facts["answer"]}

    def notes(self, found: Sequence[MethodAnswers], rows: Sequence[Row]) -> Iterable[str]:
        """Return ties."""
        return ties(found)


TASK = MemoTrap()


def _item(line: int, record: Mapping[str, Any]) -> Item:
    instruction, colon, beginning = record["prompt"].partition(": ")
    endings = tuple(ast.literal_eval(record["classes"]))
    if not (colon and beginning and len(endings) > 1 and 0 <= record["answer_index"] < len(endings)):
        raise ValueError(f"{record}")
    choice = Choice(f"{instruction}: {beginning}", endings, contrast=beginning)
    return Item(str(line), choice, {"answer": record["answer_index"]})
