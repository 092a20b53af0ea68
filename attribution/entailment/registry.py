"""Entailment models by name, each imported only when asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from .base import EntailmentModel

_MODELS: dict[str, tuple[str, str]] = {
    "local": (".local", "LocalEntailment"),
    "true": (".true", "TrueEntailment"),
    "trueteacher": (".trueteacher", "TrueTeacherEntailment"),
    "minicheck": (".minicheck", "MiniCheckEntailment"),
    "hhem": (".hhem", "HHEMEntailment"),
    "nli": (".nli", "NLIEntailment"),
    "llm": (".llm", "LLMEntailment"),
}

NAMES = tuple(_MODELS)


def load_entailment(name: str = "local", **options: object) -> EntailmentModel:
    """The entailment model called `name`.

    Args:
        name: One of :data:`NAMES`. `"nli:HUB_ID"`, `"minicheck:HUB_ID"`, `"llm:MODEL"` and so on name the checkpoint
            as well; it is handed over as the option `model`.
        **options: What the model's class takes (device, batch size, threshold, ...).

    Raises:
        ValueError: Where there is no such name.
        ImportError: Where the model needs an extra; the message has the `pip install` line.
    """
    kind, _, checkpoint = name.partition(":")
    if kind not in _MODELS:
        raise ValueError(
            f"`name` has to be one of {', '.join(NAMES)}, with `:CHECKPOINT` behind it if you like, but is {name!r}"
        )
    if checkpoint:
        options = {"model": checkpoint, **options}
    module, cls = _MODELS[kind]
    return getattr(import_module(module, __package__), cls)(**options)


@cache
def default_entailment() -> EntailmentModel:
    """The local model, loaded once a process."""
    return load_entailment("local")
