"""Switch contrastive search on in an engine: its model is then vLLM's class with :class:`.model.Searching` in front."""

from __future__ import annotations

from dataclasses import asdict

from ..engine_limits import SEARCH_CONFIG, SearchLimits
from ..model_overrides import ModelOverrides, Overrides

PROCESSOR = "counterfoil.decoding.vllm.search.logits_processor:SearchLogitsProcessor"
PREFIX = "CounterfoilSearch"
"""What the names of architectures with contrastive search begin with; vLLM's own name follows."""


class SearchOverrides(ModelOverrides):
    """Switches contrastive search on in the configuration of a model.

    Args:
        limits: How much contrastive search the engine is started for.
        given: The user's own overrides.
    """

    prefix, entry, what = PREFIX, SEARCH_CONFIG, "contrastive search"

    def __init__(self, limits: SearchLimits, given: Overrides = None) -> None:
        super().__init__(asdict(limits), given)
        self.limits = limits

    @staticmethod
    def load(architecture: str) -> type:
        """Return the class with contrastive search."""
        from .model import searching_class  # noqa: PLC0415

        return searching_class(architecture)
