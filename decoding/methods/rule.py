"""A rule of one's own: a function of the views, registered by name, that is a method like the others.

What a function may not do is checked at every step: change the shape, give NaN, allow a token that the main view
forbids. In `generate()` that is an error. An engine must not end because of one request: there a token without a number
is forbidden, a forbidden one stays so, and the log says it once.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, make_dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from .masked_logits import finite_floor, forbidden_as_in
from .method import Method
from .parameters import DECLARED, LARGEST, parameter

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger("counterfoil")

RuleFunction = Callable[..., Any]
"""`function(main, contrasts, params) -> scores`.

Args:
    main: `[rows, vocab]` float32 logits of the main view; -inf where a token is forbidden.
    contrasts: `[contrasts, rows, vocab]` float32 logits of the others, without -inf: `expert, anti = contrasts`.
    params: The parameters by name; a number, or a column `[rows, 1]` if rows have numbers of their own.

Returns:
    `[rows, vocab]` scores: no number where `main` has -inf (NaN will do, which is what arithmetic with it often gives);
    elsewhere no NaN and no +inf, and a token left in each row.
"""


@dataclass(frozen=True, kw_only=True)
class Rule(Method):
    """Base of the methods that are made of a function; see :func:`rule_class`."""

    contrast = "prompt"
    function: ClassVar[RuleFunction]

    def scores(self, main: Tensor, contrast: Tensor) -> Tensor:
        """Return the function's scores `[rows, vocab]`, float32.

        Args:
            main: `[rows, vocab]` logits.
            contrast: `[rows, vocab]` logits of the contrast, or `[contrasts, rows, vocab]`.

        Raises:
            ValueError: The function broke its contract; says how, and what to do.
        """
        scores = self._called(main, contrast)
        for fault, what in self._faults(main, scores).items():
            if bool(what.any()):
                raise ValueError(f"the rule `{self.name}` {fault}")
        return forbidden_as_in(main, scores)

    def served_scores(self, main: Tensor, contrast: Tensor, **_context: Tensor) -> Tensor:
        """Return the scores as :meth:`scores`, with what the function got wrong put right and said once.

        Raises:
            ValueError: The function changed the shape.
        """
        scores = self._called(main, contrast)
        for fault, what in self._faults(main, scores).items():
            if fault not in _said.setdefault(self.name, set()) and bool(what.any()):
                _said[self.name].add(fault)
                logger.error("counterfoil: the rule `%s` %s; such tokens are forbidden, and a row without any other "
                             "token goes by its main view", self.name, fault)  # fmt: skip
        allowed = forbidden_as_in(main, scores.masked_fill(scores.isnan() | (scores == math.inf), -math.inf))
        is_empty = (allowed == -math.inf).all(-1, keepdim=True)
        return main.float().where(is_empty, allowed)

    def _called(self, main: Tensor, contrast: Tensor) -> Tensor:
        # Copies: what the function changes in place is its own.
        others = contrast if contrast.dim() > main.dim() else contrast[None]
        base = main.float().clone()
        scores = type(self).function(base, finite_floor(others).clone(), self.settings)
        if getattr(scores, "shape", None) != main.shape:
            shape = list(scores.shape) if hasattr(scores, "shape") else type(scores).__name__
            raise ValueError(
                f"the rule `{self.name}` has to return scores [rows, vocabulary] of shape {list(main.shape)}, but "
                f"returned {shape}"
            )
        return scores.float()

    @staticmethod
    def _faults(main: Tensor, scores: Tensor) -> dict[str, Tensor]:
        """Return where each promise is broken, by the words of the message."""
        forbidden = main == -math.inf
        return {
            "has to give numbers or -inf, but gave NaN or +inf": (scores.isnan() | (scores == math.inf)) & ~forbidden,
            "has to keep -inf where the main view has it, because a grammar or a processor forbids the token, but "
            "allowed one: return forbidden_as_in(main, scores)": scores.isfinite() & forbidden,
            "has to leave a token in each row, but forbade all": ((scores == -math.inf) | forbidden).all(-1)
            & ~forbidden.all(-1),  # a row that has ended may be forbidden everything already
        }

    def __copy__(self) -> Rule:
        return replace(self)

    def __reduce__(self) -> tuple[Any, ...]:
        # A class that was made at run time cannot be found by its name; its function's module registers it anew.
        return _restored, (type(self).function.__module__, self.name, self.settings)


_said: dict[str, set[str]] = {}
"""What the log of this process has been told, by rule."""


def rule_class(function: RuleFunction, name: str, *, contrasts: int, parameters: Mapping[str, Any]) -> type[Rule]:
    """Return the method that a function is the rule of.

    Args:
        function: The rule.
        name: The method's name.
        contrasts: How many contrasts it reads, at least 1.
        parameters: The defaults of its parameters by name: numbers of any sign, truth values, texts; or declarations
            made by :func:`.parameters.parameter`.

    Raises:
        ValueError: A default of another kind, or fewer than one contrast.
    """
    if isinstance(contrasts, bool) or not isinstance(contrasts, int) or contrasts < 1:
        raise ValueError(f"`contrasts` of the rule `{name}` has to be an integer of at least 1, but is {contrasts!r}")
    summary = (function.__doc__ or "").strip().partition("\n")[0] or f"the rule {function.__qualname__}"
    namespace = {
        "name": name,
        "title": name,
        "summary": summary,
        "contrasts": contrasts,
        "function": staticmethod(function),
        "__doc__": function.__doc__ or summary,
        "__module__": function.__module__,
    }
    fields = [(key, Any, _declared(name, key, default)) for key, default in parameters.items()]
    made = make_dataclass(name, fields, bases=(Rule,), namespace=namespace, frozen=True, kw_only=True)
    assert issubclass(made, Rule)
    return made


def _declared(name: str, key: str, default: Any) -> Any:  # noqa: ANN401  (a field)
    if isinstance(default, Field) and DECLARED in default.metadata:
        return default
    if not isinstance(default, (bool, int, float, str)):
        raise ValueError(
            f"the default of `{key}` in the rule `{name}` has to be a number, a truth value or a text, but is "
            f"{default!r}"
        )
    if isinstance(default, (bool, str)):
        return parameter(default, help=f"of the rule {name}")
    return parameter(float(default), help=f"of the rule {name}", at_least=-LARGEST)


def _restored(module: str, name: str, settings: Mapping[str, Any]) -> Method:
    from . import METHODS  # noqa: PLC0415  (which imports this module)

    if name not in METHODS:
        import_module(module)
    return METHODS[name](**settings)
