"""Multiple choice by likelihood: which option a method takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .task import Answer


def is_right(answer: int, log_probabilities: Sequence[float]) -> bool:
    """Whether the right option is more likely than every other; a tie is not."""
    return likeliest(log_probabilities) == answer


def likeliest(log_probabilities: Sequence[float]) -> int | None:
    """The option that is more likely than every other, `None` where two are equally likely."""
    best = max(log_probabilities)
    places = [option for option, value in enumerate(log_probabilities) if value == best]
    return places[0] if len(places) == 1 else None


def ties(answers: Mapping[str, Sequence[Answer]]) -> Iterator[str]:
    """A note on each method that finds two likeliest options somewhere, by its label."""
    for label, of_one in answers.items():
        count = sum(likeliest(answer.response) is None for answer in of_one if not isinstance(answer.response, str))
        if count:
            yield f"{label}: {count} item(s) with equally likely options, which count as wrong."
