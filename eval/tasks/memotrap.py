"""MemoTrap: does the model end a proverb as the instruction says, or as it has always heard it?

    Write a quote that ends in the word "heavy": Absence makes the heart grow | heavy.  or  fonder.

The memorisation-trap files of the Inverse Scaling Prize (McKenzie et al. 2023, arXiv 2306.09479), on which Shi et al.
(arXiv 2305.14739) report CAD. An item is right where the ending that the instruction asks for is the more likely one,
its log-probability summed over its tokens. For CAD and CID the contrast is the beginning of the quote without the
instruction, which is what stands up to the first colon: the instruction is the context that may be believed or not.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ..aggregate import share
from ..choosing import is_right, ties
from ..dataset import Source
from ..measuring_models import Tools
from ..requests import Choice, Response
from ..results import Figure
from ..task import Answer, Item, Task


@dataclass(frozen=True)
class MemoTrap(Task):
    """The task."""

    name = "memotrap"
    version = 1
    summary = "memorised endings against an instruction: accuracy"
    data = "memotrap/memo-trap_classification.jsonl"
    kind = "likelihood"
    contrasts = True
    methods = "none,cad"

    def read(self, source: Source, tools: Tools) -> Sequence[Item]:
        """The items of a file with a JSON object a line: `prompt`, `classes` (a Python list as text), `answer_index`.

        Raises:
            ValueError: A line is no such object; its number is named.
        """
        items = []
        for number, line in source.lines():
            try:
                items.append(_item(str(number), json.loads(line)))
            except (KeyError, TypeError, ValueError, SyntaxError) as error:
                raise ValueError(
                    f"line {number} of {source.name} has to be a MemoTrap item (`prompt` with a colon, `classes`, "
                    f"`answer_index`), but is not: {error}"
                ) from error
        if not items:
            raise ValueError(f"{source.name} has to hold items, but is empty")
        return items

    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """Whether the ending that the instruction asks for is the likeliest."""
        return {"accuracy": is_right(item.facts["answer"], cast("tuple[float, ...]", response))}

    def figures(
        self, answers: Sequence[Answer], first: Sequence[Answer] | None, *, seed: int, tools: Tools
    ) -> Mapping[str, Figure]:
        """Accuracy, and its paired difference from the first method."""
        return share("accuracy", answers, first, seed=seed)

    def notes(self, answers: Mapping[str, Sequence[Answer]]) -> Iterable[str]:
        """Ties."""
        return ties(answers)


TASK = MemoTrap()


def _item(line: str, record: dict[str, Any]) -> Item:
    instruction, colon, beginning = record["prompt"].partition(": ")
    endings = tuple(ast.literal_eval(record["classes"]))
    if not (colon and beginning and len(endings) > 1 and 0 <= record["answer_index"] < len(endings)):
        raise ValueError(f"{record}")
    choice = Choice(f"{instruction}: {beginning}", endings, contrast=beginning)
    return Item(line, choice, {"answer": record["answer_index"]})
