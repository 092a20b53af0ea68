"""The model that a method runs on, loaded once for many answers."""

from __future__ import annotations

from .chatting import chat_model


def load_model(method: str, model: str | None = None, **settings: object) -> object:
    """What to hand to :class:`~counterfoil.attribution.locating.locator.Locator` as `model`.

    Args:
        method: Name of the method.
        model: Name of the model; `None` for the method's default.
        **settings: For `prompting`: `base_url`, and settings of the endpoint or of the local chat.

    Raises:
        ModelLoadError: Where there is no such model.
        ValueError: For an endpoint without the name of a model.
        TypeError: For settings that the model does not take.
    """
    if method == "prompting":
        base_url = settings.pop("base_url", None)
        return chat_model(model, str(base_url) if base_url else None, settings)
    if settings:
        raise TypeError(f"{method} takes no setting {next(iter(settings))!r} for its model")
    if method == "alignment":
        from counterfoil.models import load_embedding_model  # noqa: PLC0415 (seconds to import)

        return load_embedding_model(model)
    from counterfoil.models import load_language_model  # noqa: PLC0415

    return load_language_model(model)
