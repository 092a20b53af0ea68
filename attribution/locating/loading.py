"""The model that a method runs on, loaded once for many answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..chat import load_chat

_OF_PROMPTING = ("tries", "fuzzy")


def load_model(
    method: str, model: str | None = None, options: Mapping[str, object] | None = None
) -> tuple[Any, dict[str, Any]]:
    """What to hand to :class:`~counterfoil.attribution.locating.locator.Locator` as `model`, and the options left over.

    Args:
        method: Name of the method.
        model: Name of the model; `None` for the method's default.
        options: Of the method. For `prompting` those of the chat model, `base_url` among them, are used up here.

    Raises:
        ModelLoadError: Where there is no such model.
        ValueError: For an endpoint without the name of a model.
        TypeError: For options that the chat model does not take.
    """
    left = dict(options or {})
    if method == "prompting":
        own = {name: left.pop(name) for name in _OF_PROMPTING if name in left}
        base_url = left.pop("base_url", None)
        return load_chat(model, base_url=str(base_url) if base_url else None, **left), own
    if method == "alignment":
        from counterfoil.models import load_embedding_model  # noqa: PLC0415 (seconds to import)

        return load_embedding_model(model), left
    from counterfoil.models import load_language_model  # noqa: PLC0415

    return load_language_model(model), left
