"""Contrastive decoding: methods, views, logits processors and loops.

Names are loaded when first used: `counterfoil.decoding.methods` stays importable without transformers.
"""

from __future__ import annotations

from importlib import import_module

_MODULES = {
    "ContrastLogitsProcessor": "processors.base",
    "ContrastiveExample": "prompts.contrastive_examples",
    "CutContext": "views",
    "Decoder": "decoder",
    "Decoding": "by_name",
    "EarlyExit": "views",
    "ImageDecoder": "decoder",
    "OtherPrompt": "views",
    "SamePrompt": "views",
    "Transform": "images",
    "analysing_messages": "prompts.contrastive_examples",
    "batched_views": "generation",
    "contrasting_messages": "prompts.contrastive_examples",
    "contrastive_search": "search.loop",
    "drafted_views": "generation",
    "forget_descriptions": "images",
    "image_inputs": "images",
}
"""Public names and where they stand; the logits processors of the methods stand in the methods' own table."""


def _modules() -> dict[str, str]:
    """Return the module of each public name."""
    from .methods import METHODS  # noqa: PLC0415  (the import of this package stays light)

    processors = [method.processor.partition(":") for method in METHODS.own]
    return _MODULES | {name: module.removeprefix(f"{__name__}.") for module, _, name in processors}


def __getattr__(name: str) -> object:
    if name == "__all__":
        return sorted(_modules())
    module = _MODULES.get(name) or (_modules().get(name) if name.endswith("LogitsProcessor") else None)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{module}", __name__), name)


def __dir__() -> list[str]:
    return sorted(_modules())
