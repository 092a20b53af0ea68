"""Loading the entailment model that a command was given by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from counterfoil.attribution import EntailmentModel, load_entailment

from .answering import quieten

BATCH = 256
"""Pairs between two writes to the cache where one process judges."""


def load_judge(name: str, options: Mapping[str, object]) -> EntailmentModel:
    """The model called `name`, with the options of the command line.

    Raises:
        ValueError: For a name or an option that does not exist.
    """
    quieten()
    try:
        return load_entailment(name, **options)
    except TypeError as error:
        raise ValueError(f"--option has to be one that {name!r} takes, but {error}") from error


@contextmanager
def judge(name: str, options: Mapping[str, object], workers: int | None) -> Iterator[tuple[EntailmentModel, int]]:
    """The model called `name`, in this process or on Ray workers, and how many pairs it is best given at once.

    Raises:
        ValueError: For a name or an option that does not exist, or more workers than there is room for.
    """
    if workers is None:
        yield load_judge(name, options), BATCH
        return
    from counterfoil.attribution.entailment.ray import RayEntailment  # noqa: PLC0415

    gpus = float(str(options.get("device", "")).startswith("cuda"))
    try:
        model = RayEntailment(partial(load_entailment, name, **options), workers=workers, gpus=gpus)
    except TypeError as error:
        raise ValueError(f"--option has to be one that {name!r} takes, but {error}") from error
    with model:
        yield model, model.batch
