"""Loading the entailment model that an evaluation was given by name."""

from __future__ import annotations

from collections.abc import Mapping

from counterfoil.attribution import EntailmentModel

from .judge import Judge


def load_judge(name: str, options: Mapping[str, object]) -> EntailmentModel:
    """Load the model called `name` with the options of the command line."""
    return Judge(name, options).load()
