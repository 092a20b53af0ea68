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
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterfoil.models import LanguageModel

from .comparison import accuracy, paired_accuracy
from .decoders import Decoder
from .decodings import Decoding
from .likelihood import Choice, Progress, option_log_probabilities
from .results import Figure, MethodResult, TaskResult
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
    scores = option_log_probabilities(
        decoders, [item.choice for item in items], batch_size=batch_size, progress=progress
    )
    right = [[is_right(item, found) for item, found in zip(items, of_one, strict=True)] for of_one in scores]
    rows = [
        _row(decoder, of_one, right[0] if i else None, seed)
        for i, (decoder, of_one) in enumerate(zip(decoders, right, strict=True))
    ]
    return TaskResult(
        task=NAME,
        version=VERSION,
        model=language.name,
        source=source,
        n=len(items),
        settings={"limit": limit, "seed": seed},
        methods=tuple(rows),
        samples=tuple(_sample(item, decoders, [of_one[i] for of_one in scores]) for i, item in enumerate(items)),
        notes=tuple(_notes(decoders, scores)),
    )


def is_right(item: Item, log_probabilities: Sequence[float]) -> bool:
    """Whether the ending asked for is more likely than every other; a tie is not."""
    others = [value for i, value in enumerate(log_probabilities) if i != item.answer]
    return log_probabilities[item.answer] > max(others)


def _item(record: dict[str, Any]) -> Item:
    instruction, colon, beginning = record["prompt"].partition(": ")
    endings = tuple(ast.literal_eval(record["classes"]))
    if not (colon and beginning and len(endings) > 1 and 0 <= record["answer_index"] < len(endings)):
        raise ValueError(f"{record}")
    return Item(f"{instruction}:", beginning, endings, record["answer_index"])


def _row(decoder: Decoder, right: Sequence[bool], first: Sequence[bool] | None, seed: int) -> MethodResult:
    found = accuracy(right)
    figures = {"accuracy": Figure(found.value, found.interval)}
    if first is not None:
        paired = paired_accuracy(right, first, seed=seed)
        figures |= {
            "difference": Figure(paired.difference, paired.interval),
            "gained": Figure(paired.gained, digits=0),
            "lost": Figure(paired.lost, digits=0),
            "McNemar p": Figure(paired.p_value, digits=4),
        }
    return MethodResult(decoder.label, decoder.settings, figures)


def _sample(item: Item, decoders: Sequence[Decoder], scores: Sequence[Sequence[float]]) -> dict[str, Any]:
    found = [
        {
            "method": decoder.label,
            # JSON has no infinity: an ending that the method rules out has no log-probability.
            "log_probabilities": [value if math.isfinite(value) else None for value in values],
            "right": is_right(item, values),
        }
        for decoder, values in zip(decoders, scores, strict=True)
    ]
    choice = item.choice
    return {
        "prompt": choice.prompt,
        "contrast": choice.contrast,
        "endings": item.endings,
        "answer": item.answer,
        "found": found,
    }


def _notes(decoders: Sequence[Decoder], scores: Sequence[Sequence[Sequence[float]]]) -> list[str]:
    notes = []
    for decoder, of_one in zip(decoders, scores, strict=True):
        ties = sum(len(set(values)) < len(values) for values in of_one)
        if ties:
            notes.append(f"{decoder.label}: {ties} item(s) with equally likely endings, which count as wrong.")
    return notes
