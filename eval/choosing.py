"""Multiple choice by likelihood: what a task of prompts, options and right answers gives for each method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .comparison import accuracy, paired_accuracy
from .decoders import Decoder
from .likelihood import Choice, Progress, option_log_probabilities
from .results import Figure, MethodResult


@dataclass(frozen=True)
class Chosen:
    """What was chosen.

    Args:
        methods: Accuracy of each method, and its paired difference from the first one.
        samples: The log-probabilities of each item under each method.
        notes: What a reader of the accuracies has to know.
    """

    methods: tuple[MethodResult, ...]
    samples: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]


def choose(
    decoders: Sequence[Decoder],
    choices: Sequence[Choice],
    answers: Sequence[int],
    *,
    seed: int = 0,
    batch_size: int = 16,
    progress: Progress | None = None,
) -> Chosen:
    """Scores the options of every item under every method.

    Args:
        decoders: The methods, usually plain decoding first.
        choices: The items.
        answers: The index of each item's right option.
        seed: Of the bootstrap.
        batch_size: How many options are read at once.
        progress: Told how far it is.

    Raises:
        ValueError: As :func:`.likelihood.option_log_probabilities`.
    """
    scores = option_log_probabilities(decoders, choices, batch_size=batch_size, progress=progress)
    right = [[is_right(answer, found) for answer, found in zip(answers, of_one, strict=True)] for of_one in scores]
    rows = [
        _row(decoder, of_one, right[0] if i else None, seed)
        for i, (decoder, of_one) in enumerate(zip(decoders, right, strict=True))
    ]
    samples = [
        _sample(choice, answer, decoders, [of_one[i] for of_one in scores])
        for i, (choice, answer) in enumerate(zip(choices, answers, strict=True))
    ]
    return Chosen(tuple(rows), tuple(samples), tuple(_notes(decoders, scores)))


def is_right(answer: int, log_probabilities: Sequence[float]) -> bool:
    """Whether the right option is more likely than every other; a tie is not."""
    others = [value for i, value in enumerate(log_probabilities) if i != answer]
    return log_probabilities[answer] > max(others)


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


def _sample(
    choice: Choice, answer: int, decoders: Sequence[Decoder], scores: Sequence[Sequence[float]]
) -> dict[str, Any]:
    found = [
        {
            "method": decoder.label,
            # JSON has no infinity: an option that the method rules out has no log-probability.
            "log_probabilities": [value if math.isfinite(value) else None for value in values],
            "right": is_right(answer, values),
        }
        for decoder, values in zip(decoders, scores, strict=True)
    ]
    item = {"prompt": choice.prompt, "contrast": choice.contrast, "options": choice.options, "answer": answer}
    return {**item, "found": found}


def _notes(decoders: Sequence[Decoder], scores: Sequence[Sequence[Sequence[float]]]) -> list[str]:
    ties = [sum(len(set(values)) < len(values) for values in of_one) for of_one in scores]
    return [
        f"{decoder.label}: {count} item(s) with equally likely options, which count as wrong where the answer is one."
        for decoder, count in zip(decoders, ties, strict=True)
        if count
    ]
