"""Rules that a test's server is started with: `counterfoil serve --rule tests.support.served_rules:NAME`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from counterfoil.decoding.methods import Method, rule


@rule("tests_served", strength=1.0)
def served(main, contrasts, params):
    """CAD's rule as three lines."""
    return main + params["strength"] * (main - contrasts[0])


@rule("tests_careless", huge=0.0)
def careless(main, contrasts, params):
    """Right on all that is tried at the start; gives NaN, and allows everything, if it is asked to."""
    huge = torch.as_tensor(params["huge"])
    return torch.where(huge > 0, (main - contrasts[0]) * torch.inf * 0, main)


@dataclass(frozen=True, kw_only=True)
class Layers(Method):
    """A method that no engine serves."""

    name = "tests_layers"
    title = "A contrast of layers"
    contrast = "layer"

    def scores(self, main: torch.Tensor, contrast: torch.Tensor) -> torch.Tensor:
        return main.float()


@rule("tests_resurrecting")
def resurrecting(main, contrasts, params):
    return main.softmax(-1)
