"""Loading the entailment model that a command was given by name."""

from __future__ import annotations

from collections.abc import Mapping

from counterfoil.attribution import EntailmentModel, load_entailment

from .answering import quieten


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
