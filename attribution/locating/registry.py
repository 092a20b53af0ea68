"""Locating methods by name: those built in, and those that an installed package registers.

A package adds a method with an entry point, whose object is a class like
:class:`~counterfoil.attribution.locating.base.BaseMethod`::

    [project.entry-points."counterfoil.locating_methods"]
    my_method = "my_package.locating:MyMethod"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..registry import Registry

METHODS = Registry(
    "counterfoil.locating_methods",
    {
        "hidden_states": f"{__package__}.methods.hidden_states:HiddenStates",
        "alignment": f"{__package__}.methods.alignment:Alignment",
        "prompting": f"{__package__}.methods.prompting:Prompting",
        "contextcite": f"{__package__}.methods.contextcite:ContextCite",
        "attention_knockout": f"{__package__}.methods.attention_knockout:AttentionKnockout",
    },
    parameter="method",
)
"""The methods by name; of those built in `contextcite` and `attention_knockout` are contributive."""


def load_model(
    method: str, model: str | None = None, options: Mapping[str, object] | None = None
) -> tuple[Any, dict[str, Any]]:
    """Load the model that a method runs on, once for many answers.

    Args:
        method: Name of the method.
        model: Name of the model; `None` for the method's default.
        options: Of the method. For `prompting` those of the chat model, `base_url` among them, are used up here.

    Returns:
        What to hand to :class:`~counterfoil.attribution.locating.locator.Locator` as `model`, and the options left.

    Raises:
        ModelLoadError: If there is no such model.
        ValueError: For a method that does not exist, or an endpoint without the name of a model.
        TypeError: For options that the chat model does not take.
    """
    cls = METHODS.load(method)
    given = dict(options or {})
    # A method of another package need not derive from BaseMethod.
    loader = getattr(cls, "load_model", None)
    return loader(model, given) if loader is not None else (model, given)
