"""The methods that an engine serves: each with its rule, its parameters and what its other view may be.

The rules are those of :mod:`counterfoil.decoding.methods` and the defaults those of the logits processors: neither is
written here a second time.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, get_args

from torch import Tensor

from .. import methods as rules
from ..methods.cid import CIDRule
from ..methods.contrastive_decoding import Formulation
from ..methods.validation import check_above, check_at_least, check_choice, check_integer, check_share

if TYPE_CHECKING:
    from .contrast_params import PairRequest

Check = Callable[[str, Any], None]


@dataclass(frozen=True)
class Method:
    """One method.

    Args:
        rule: `(main, other, **parameters) -> scores`, all `[rows, vocab]`.
        processor: The logits processor in `counterfoil.decoding` whose defaults hold here as well.
        checks: By the name of a parameter, what raises `ValueError` for a value out of range.
        picture: The same for what the other view's picture is made with, where that is the same prompt with another
            picture, which the engine makes.
    """

    rule: Callable[..., Tensor]
    processor: str
    checks: Mapping[str, Check]
    picture: Mapping[str, Check] = field(default_factory=dict)


def check_flag(name: str, value: object) -> None:
    """Raise unless `value` is true or false."""
    # JSON's true reaches the engine as 1: `vllm_xargs` knows numbers and texts only.
    if value not in (True, False):
        raise ValueError(f"`{name}` has to be true or false, but is {value!r}")


def _at_least(least: float) -> Check:
    return partial(_checked, check_at_least, least)


def _above(bound: float) -> Check:
    return partial(_checked, check_above, bound)


def _integer(name: str, value: Any) -> None:  # noqa: ANN401
    check_integer(name, value, 0)


def _one_of(kind: object) -> Check:
    return partial(_checked, check_choice, get_args(kind))


def _noise_step(name: str, value: Any) -> None:  # noqa: ANN401
    from ..images.diffusion_noise import STEPS  # noqa: PLC0415  (imports transformers)

    check_integer(name, value, 0)
    if value >= STEPS:
        raise ValueError(f"`{name}` has to be at most {STEPS - 1}, but is {value}")


def _transform(name: str, value: Any) -> None:  # noqa: ANN401
    from ..images.transforms import POOL  # noqa: PLC0415  (imports transformers)

    check_choice(name, value, (*POOL, "identity"))


def _checked(check: Callable[[str, Any, Any], None], bound: object, name: str, value: object) -> None:
    check(name, value, bound)


METHODS: Mapping[str, Method] = {
    "cad": Method(rules.cad, "CADLogitsProcessor", {"strength": _at_least(0)}),
    "cid": Method(
        rules.cid,
        "CIDLogitsProcessor",
        {"strength": _at_least(0), "rule": _one_of(CIDRule), "plausibility": check_share},
    ),
    "contrastive_decoding": Method(
        rules.contrastive_decoding,
        "ContrastiveDecodingLogitsProcessor",
        {
            "strength": _at_least(0),
            "plausibility": check_share,
            "formulation": _one_of(Formulation),
            "amateur_temperature": _above(0),
        },
    ),
    "code": Method(rules.code, "CODELogitsProcessor", {"k": _above(0)}),
    "ritual": Method(
        rules.ritual,
        "RITUALLogitsProcessor",
        {"strength": _at_least(0), "plausibility": check_share, "normalize": check_flag},
        picture={"transform": _transform, "seed": _integer},
    ),
    "vcd": Method(
        rules.vcd,
        "VCDLogitsProcessor",
        {"strength": _at_least(0), "plausibility": check_share},
        picture={"noise_step": _noise_step, "seed": _integer},
    ),
}
"""By the name that a request gives as `cf_method`."""


@cache
def defaults(method: str) -> Mapping[str, float | str]:
    """The method's parameters with the values that its logits processor has for them."""
    processor = getattr(import_module("counterfoil.decoding"), METHODS[method].processor)
    signature = inspect.signature(processor).parameters
    return {name: signature[name].default for name in METHODS[method].checks}


@cache
def picture_defaults(method: str) -> Mapping[str, float | str | None]:
    """What the other view's picture is made with, with the values that its logits processor has for it."""
    processor = getattr(import_module("counterfoil.decoding"), METHODS[method].processor)
    if not METHODS[method].picture:
        return {}
    signature = inspect.signature(processor.from_image).parameters
    return {name: signature[name].default for name in METHODS[method].picture}


def combine(pair: PairRequest, main: Tensor, other: Tensor) -> Tensor:
    """The scores `[rows, vocab]`, float32, that `pair`'s rule makes of the logits `[rows, vocab]` of two views."""
    return METHODS[pair.method].rule(main, other, **pair.parameters)
