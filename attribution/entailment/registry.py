"""Entailment models by name, each imported only when it is asked for."""

from __future__ import annotations

from functools import cache

from ..registry import Registry
from .base import EntailmentModel

JUDGES = Registry(
    "counterfoil.judges",
    {
        "local": f"{__package__}.local:LocalEntailment",
        "true": f"{__package__}.checkpoints:TrueEntailment",
        "trueteacher": f"{__package__}.checkpoints:TrueTeacherEntailment",
        "minicheck": f"{__package__}.classifiers:MiniCheckEntailment",
        "hhem": f"{__package__}.classifiers:HHEMEntailment",
        "nli": f"{__package__}.classifiers:NLIEntailment",
        "lettucedetect": f"{__package__}.token_classifiers:LettuceDetectEntailment",
        "tokens": f"{__package__}.token_classifiers:TokenClassificationEntailment",
        "llm": f"{__package__}.llm:LLMEntailment",
    },
)
"""What makes an entailment model, by name: a class, or a function with keyword options. Installed packages add theirs
with the entry point group `counterfoil.judges`."""


def load_entailment(name: str = "local", **options: object) -> EntailmentModel:
    """Return the entailment model called `name`.

    Args:
        name: One of the names of :data:`JUDGES`. `"nli:HUB_ID"`, `"minicheck:HUB_ID"`, `"llm:MODEL"` and so on name the
            checkpoint as well; it is handed over as the option `model`.
        **options: Arguments of the model's class (device, batch size, threshold, ...).

    Raises:
        ValueError: If there is no such name.
        ImportError: If the model needs an extra; the message has the `pip install` line.
    """
    kind, _, checkpoint = name.partition(":")
    if kind not in JUDGES.names:
        raise ValueError(
            f"`name` has to be one of {', '.join(JUDGES.names)}, with `:CHECKPOINT` behind it if you like, "
            f"but is {name!r}"
        )
    if checkpoint:
        options = {"model": checkpoint, **options}
    return JUDGES.load(kind)(**options)


@cache
def default_entailment() -> EntailmentModel:
    """Return the local model, loaded once a process."""
    return load_entailment("local")
