"""Rules that a server is started with: loaded by their place, tried on drawn views, and known to all its processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .method import Method

if TYPE_CHECKING:
    import torch

RULES = "COUNTERFOIL_RULES"
"""Environment variable with the places of rules, `package.module:name`, with commas between them."""

ROWS, VOCABULARY = 4, 17


def named_rules() -> Iterator[type[Method]]:
    """Iterate over the methods whose places the environment names."""
    for place in filter(None, os.environ.get(RULES, "").split(",")):
        yield load_rule(place)


def load_rule(place: str) -> type[Method]:
    """Return the method at a place.

    Args:
        place: `package.module:name`; the name is a function registered by :func:`counterfoil.decoding.methods.rule`, or
            a :class:`Method` class.

    Raises:
        ValueError: There is none; says why and what to do.
    """
    module, _, name = place.partition(":")
    if not module or not name:
        raise ValueError(f"a rule has to be named as package.module:name, but is {place!r}")
    try:
        found: Any = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"the rule {place} has to be there to be loaded, but: {error}") from error
    method = getattr(found, "method", found)
    if not isinstance(method, type) or not issubclass(method, Method):
        raise ValueError(
            f"the rule {place} has to be a function under @counterfoil.decoding.methods.rule(name), or a Method, but "
            f"is a {type(found).__name__}"
        )
    return method


def check_rule(method: type[Method]) -> None:
    """Reject a method that breaks the contract of rules on drawn views.

    Tried are views with and without forbidden tokens, numbers and columns of numbers, and some rows without the others.

    Raises:
        ValueError: With what it broke.
    """
    import torch  # noqa: PLC0415  (the methods load without it)

    one = method()
    generator = torch.Generator().manual_seed(0)
    for is_masked in (False, True):
        main = _drawn(generator, (ROWS, VOCABULARY), is_masked)
        shape = (ROWS, VOCABULARY) if method.contrasts <= 1 else (method.contrasts, ROWS, VOCABULARY)
        contrast = _drawn(generator, shape, is_masked)
        scores = one.scores(main, contrast)
        _check(method, scores, main)
        stacked = method.stacked([one] * ROWS, main).scores(main, contrast)
        if not torch.allclose(stacked, scores, rtol=1e-3, atol=1e-3):
            raise ValueError(
                f"the rule `{method.name}` has to take columns [rows, 1] for its parameters, but gives other scores "
                "for them than for numbers"
            )
        some = [2, 0]
        if not torch.allclose(one.scores(main[some], contrast[..., some, :]), scores[some], rtol=1e-3, atol=1e-3):
            raise ValueError(f"the rule `{method.name}` has to treat each row by itself, but rows change one another")


def _drawn(generator: torch.Generator, shape: tuple[int, ...], is_masked: bool) -> torch.Tensor:
    import torch  # noqa: PLC0415

    logits = torch.randn(shape, generator=generator) * 5
    if is_masked:
        forbidden = torch.rand(shape, generator=generator) < 0.4
        forbidden[..., 0] = False
        logits = logits.masked_fill(forbidden, -torch.inf)
    return logits


def _check(method: type[Method], scores: torch.Tensor, main: torch.Tensor) -> None:
    if scores.shape != main.shape or bool(scores.isnan().any()) or bool((scores == float("inf")).any()):
        raise ValueError(f"the rule `{method.name}` has to give [rows, vocabulary] numbers, but does not")
    if bool((scores[main == -float("inf")] > -float("inf")).any()):
        raise ValueError(f"the rule `{method.name}` has to keep -inf where the main view has it, but does not")
