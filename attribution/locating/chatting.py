"""Which chat model a method or a writer of claims talks to."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..entailment.llm import Chat, chat


def chat_model(model: Chat | str | None, base_url: str | None, settings: Mapping[str, object]) -> Chat:
    """The chat model itself, or the one of that name.

    Args:
        model: A chat model; or its name, at the endpoint or, without one, as hub id or folder on this machine; `None`
            for SmolLM2-135M-Instruct on this machine.
        base_url: An OpenAI-compatible endpoint; `None` for `OPENAI_BASE_URL` of the environment where a model is named,
            and where that is not set either, for this machine.
        settings: Of the endpoint or of the local chat.

    Raises:
        ValueError: For an endpoint without the name of a model.
        ImportError: Where an endpoint is named and the extra `judge` is not installed.
    """
    if model is not None and not isinstance(model, str):
        return model
    if model is None:
        if base_url:
            raise ValueError("`model` has to name a model at the endpoint, but is None")
    else:
        base_url = base_url or os.environ.get("OPENAI_BASE_URL")
    if base_url:
        # Its default is the JSON schema of verdicts, which is not what is asked for here.
        return chat(str(model), base_url, {"structured": False, **settings})
    from counterfoil.models import language_model_path  # noqa: PLC0415

    return chat(language_model_path(model), None, settings)
