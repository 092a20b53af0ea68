# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""Switch early exits on in an engine: its model is then vLLM's class with :class:`.model.WithEarlyExits` in front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..contrast_values import check_exits
from ..engine_limits import EARLY_EXITS
from ..model_overrides import ModelOverrides, Overrides

PREFIX = "CounterfoilEarlyExits"
"""What the names of architectures with early exits begin with; vLLM's own name follows."""
ARCHITECTURES = (
    "LlamaForCausalLM",
    "MistralForCausalLM",
    "Qwen2ForCausalLM",
    "Qwen3ForCausalLM",
    "Qwen3MoeForCausalLM",
    "GraniteForCausalLM",
)
"""vLLM's names of the models whose early exits were compared with those of transformers.

Others hand out hidden states as well, but what stands between the last layer and the logits is theirs to choose.
"""


class ExitOverrides(ModelOverrides):
    """Switches early exits on in the configuration of a model.

    Args:
        layers: After which layers, each at least 1 and below the number of layers.
        given: The user's own overrides.

    Raises:
        ValueError: A layer is no integer, is below 1 or is named twice.
    """

    prefix, entry, what = PREFIX, EARLY_EXITS, "early exits"

    def __init__(self, layers: Sequence[int], given: Overrides = None) -> None:
        super().__init__(sorted(check_exits("early_exits", layers)), given)

    def check_kind(self, architecture: str, config: Any) -> None:  # noqa: ANN401
        """Reject a model whose early exits are not served, or that has no such layers; names the reason."""
        super().check_kind(architecture, config)
        if architecture not in ARCHITECTURES:
            raise ValueError(
                f"early exits have to be those of one of {', '.join(ARCHITECTURES)}, but the model is a "
                f"{architecture}: start the engine without them"
            )
        count = config.num_hidden_layers
        if max(self.value) >= count:
            raise ValueError(
                f"`early_exits` has to be layers in [1, {count - 1}] of this model, but holds {max(self.value)}"
            )

    @staticmethod
    def load(architecture: str) -> type:
        """Return the class with early exits."""
        from .model import exiting_class  # noqa: PLC0415

        return exiting_class(architecture)
