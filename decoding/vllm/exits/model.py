# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""A text decoder of vLLM that hands out the states of earlier layers beside the last ones.

vLLM's models collect the states after chosen layers for drafts of speculative decoding, inside the part that it
compiles. Here they stand beside the last layer's, `[tokens, (1 + exits) * width]`, until the model runner has picked
the rows that sample. Norm and head make logits of them only for rows that ask.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from vllm.model_executor.models import ModelRegistry

from ..engine_limits import EARLY_EXITS, EXITS

if TYPE_CHECKING:
    from vllm.config import VllmConfig

    Base = Any
else:
    Base = object


class WithEarlyExits(Base):
    """Mixin in front of a model class of vLLM.

    Attributes:
        exits: After which layers, in ascending order.
    """

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        check_configuration(vllm_config)
        super().__init__(vllm_config=vllm_config, prefix=prefix)
        config = vllm_config.model_config.hf_config
        self.exits = tuple(getattr(config, EARLY_EXITS))
        self._width = config.hidden_size
        self._early: Tensor | None = None  # [rows, exits * width] of the last step
        self.set_aux_hidden_state_layers(self.exits)
        vllm_config.compilation_config.static_forward_context[EXITS] = self

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401
        """Return the hidden states of the last layer and of each exit, side by side."""
        last, early = super().forward(*args, **kwargs)
        return torch.cat([last, *early], dim=-1)

    def compute_logits(self, hidden_states: Tensor) -> Tensor | None:
        """Return the last layer's logits `[rows, vocab]`, and keep the states of the exits."""
        self._early = hidden_states[:, self._width :]
        return super().compute_logits(hidden_states[:, : self._width].contiguous())

    def early_logits(self, layer: int, rows: Tensor, of: int) -> Tensor:
        """Return what the model would say after a layer, `[len(rows), vocab]`.

        Args:
            layer: One of :attr:`exits`.
            rows: Which rows of the step, on its device.
            of: How many rows the step has.

        Raises:
            RuntimeError: The states at hand are not those of the step.
        """
        if self._early is None or len(self._early) != of:
            found = None if self._early is None else len(self._early)
            raise RuntimeError(f"the early exits have to be of the {of} rows of the step, but are of {found}")
        start = self.exits.index(layer) * self._width
        states = self._early[:, start : start + self._width].index_select(0, rows)
        logits = super().compute_logits(self.model.norm(states))
        assert logits is not None  # vLLM gathers logits on every rank
        return logits


def check_configuration(config: VllmConfig) -> None:
    """Reject an engine configured for something that early exits cannot be served with.

    Raises:
        ValueError: Names every such option and its remedy.
    """
    refused = {
        # An adapter of the head is told the rows of the step, of which an early exit reads some.
        ("LoRA adapters", "leave out --enable-lora"): config.lora_config is not None,
        ("pipeline parallelism", "set --pipeline-parallel-size 1"): config.parallel_config.pipeline_parallel_size > 1,
        # Both would choose the layers that are handed out.
        ("speculative decoding", "leave out --speculative-config"): config.speculative_config is not None,
        ("prompts of embeddings", "leave out --enable-prompt-embeds"): config.model_config.enable_prompt_embeds,
    }
    reasons = [f"{option} ({remedy})" for (option, remedy), holds in refused.items() if holds]
    if reasons:
        raise ValueError(
            f"early exits cannot be served with {'; '.join(reasons)}. Change that, or start the engine without them"
        )


@cache
def exiting_class(architecture: str) -> type[WithEarlyExits]:
    """Return vLLM's class of that name with the mixin in front."""
    base = ModelRegistry.models[architecture].load_model_cls()
    return type(base.__name__, (WithEarlyExits, base), {"__module__": __name__})
