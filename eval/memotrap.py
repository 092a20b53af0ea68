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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterfoil.models import LanguageModel

from .choosing import choose
from .decoders import Decoder
from .decodings import Decoding
from .likelihood import Choice, Progress
from .results import TaskResult
from .source import Source, limited

NAME = "memotrap"
VERSION = 1


@dataclass(frozen=True)
class Item:
    """A trap.

    Args:
        instruction: What is asked for, up to and with the colon.
        beginning: The beginning of the quote.
        endings: The ways to end it, each with the space before it.
        answer: Which of them the instruction asks for.
    """

    instruction: str
    beginning: str
    endings: tuple[str, ...]
    answer: int

    @property
    def choice(self) -> Choice:
        """The item as prompt, options and contrast."""
        return Choice(f"{self.instruction} {self.beginning}", self.endings, contrast=self.beginning)


def read_items(source: Source) -> list[Item]:
    """The items of a file with a JSON object a line: `prompt`, `classes` (a Python list as text), `answer_index`.

    Raises:
        ValueError: A line is no such object; its number is named.
    """
    items = []
    for number, line in enumerate(source.text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            items.append(_item(json.loads(line)))
        except (KeyError, TypeError, ValueError, SyntaxError) as error:
            raise ValueError(
                f"line {number} of {source.name} has to be a MemoTrap item (`prompt` with a colon, `classes`, "
                f"`answer_index`), but is not: {error}"
            ) from error
    if not items:
        raise ValueError(f"{source.name} has to hold items, but is empty")
    return items


def evaluate(
    path: Path,
    language: LanguageModel,
    decodings: Sequence[Decoding],
    *,
    limit: int | None = None,
    seed: int = 0,
    batch_size: int = 16,
    progress: Progress | None = None,
) -> TaskResult:
    """Accuracy of every decoding, and its paired difference from the first one.

    Args:
        path: The file.
        language: The model.
        decodings: The methods, usually plain decoding first.
        limit: How many items, drawn by `seed`; all by default.
        seed: Of the draw and of the bootstrap.
        batch_size: How many endings are read at once.
        progress: Told how far it is.

    Raises:
        ValueError: A file of another kind, or a decoding that gives no probabilities.
    """
    source = Source.read(path)
    items = limited(read_items(source), limit, seed)
    decoders = [Decoder(decoding, language) for decoding in decodings]
    chosen = choose(
        decoders,
        [item.choice for item in items],
        [item.answer for item in items],
        seed=seed,
        batch_size=batch_size,
        progress=progress,
    )
    return TaskResult(
        task=NAME,
        version=VERSION,
        model=language.name,
        source=source,
        n=len(items),
        settings={"limit": limit, "seed": seed},
        methods=chosen.methods,
        samples=chosen.samples,
        notes=chosen.notes,
    )


def _item(record: dict[str, Any]) -> Item:
    instruction, colon, beginning = record["prompt"].partition(": ")
    endings = tuple(ast.literal_eval(record["classes"]))
    if not (colon and beginning and len(endings) > 1 and 0 <= record["answer_index"] < len(endings)):
        raise ValueError(f"{record}")
    return Item(f"{instruction}:", beginning, endings, record["answer_index"])
