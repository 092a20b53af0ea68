# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""Any text decoder of vLLM, whose forward takes the candidates of contrastive search along."""

from __future__ import annotations

import weakref
from functools import cache
from typing import TYPE_CHECKING, Any

from torch import Tensor
from vllm.forward_context import get_forward_context
from vllm.model_executor.models import ModelRegistry

from .compat import check_configuration
from .forward import CandidateForward
from .history import History

if TYPE_CHECKING:
    from vllm.config import VllmConfig

    Base = Any
else:
    Base = object


class Searching(Base):
    """Mixin in front of a model class of vLLM.

    Attributes:
        history: The layer of hidden states.
        candidates: The forwards with candidates.
    """

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        check_configuration(vllm_config)
        super().__init__(vllm_config=vllm_config, prefix=prefix)
        width = vllm_config.model_config.hf_text_config.hidden_size
        self.history = History(vllm_config, history_name(vllm_config), width)
        self.history.model = weakref.ref(self)
        self.candidates = CandidateForward(super().forward, vllm_config, self.history)

    def forward(
        self,
        input_ids: Any,  # noqa: ANN401
        positions: Tensor,
        intermediate_tensors: Any = None,  # noqa: ANN401
        inputs_embeds: Any = None,  # noqa: ANN401
        **more: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Return the hidden states `[tokens, width]` of the step; those of the candidates stay here."""
        metadata: Any = get_forward_context().attn_metadata
        if not metadata:  # vLLM measures memory, or compiles
            hidden = super().forward(input_ids, positions, intermediate_tensors, inputs_embeds, **more)
            _check_width(hidden, self.history.width)
            return hidden
        common = metadata[self.history.layer_name].common
        n = common.num_actual_tokens
        hidden = self.candidates.step(common, input_ids, positions)
        if hidden is None:
            hidden = super().forward(input_ids, positions, intermediate_tensors, inputs_embeds, **more)
        self.history.write(hidden[:n], common.slot_mapping[:n])
        return hidden


def history_name(vllm_config: VllmConfig) -> str:
    """Return the name of the history in an engine's table of layers: that of one layer more than the model has."""
    return f"counterfoil_history.{vllm_config.model_config.hf_text_config.num_hidden_layers}"


def model_of(vllm_config: VllmConfig) -> Searching:
    """Return the model of an engine, once it is loaded."""
    history: Any = vllm_config.compilation_config.static_forward_context[history_name(vllm_config)]
    model = history.model()
    assert model is not None
    return model


def _check_width(hidden: Tensor, width: int) -> None:
    if not isinstance(hidden, Tensor) or hidden.dim() != 2 or hidden.shape[1] != width:
        shape = list(getattr(hidden, "shape", [type(hidden).__name__]))
        raise ValueError(
            f"contrastive search has to find hidden states of width {width}, but this model gives {shape}: start the "
            "engine without it"
        )


@cache
def searching_class(architecture: str) -> type[Searching]:
    """Return vLLM's class of that name with the mixin in front."""
    base = ModelRegistry.models[architecture].load_model_cls()
    return type(base.__name__, (Searching, base), {"__module__": __name__})
