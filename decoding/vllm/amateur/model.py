"""Expert and amateur as one vLLM model: both read the same tokens, each with its own paged cache."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig
from vllm.compilation.backends import set_model_tag  # pyright: ignore[reportMissingImports]
from vllm.config import VllmConfig  # pyright: ignore[reportMissingImports]
from vllm.model_executor.model_loader import DefaultModelLoader  # pyright: ignore[reportMissingImports]
from vllm.model_executor.model_loader.utils import initialize_model  # pyright: ignore[reportMissingImports]
from vllm.model_executor.models.utils import maybe_prefix  # pyright: ignore[reportMissingImports]

from ..engine_limits import AMATEUR

NAME = "counterfoil.amateur"
"""The model's entry in vLLM's table of the modules of an engine, by which the engine's logits processor finds it."""


class ExpertAndAmateur(nn.Module):
    """Two decoders of one vocabulary.

    The logits are the expert's; the amateur's are kept for the logits processor. The hidden states are those of both
    models side by side, `[tokens, expert's width + amateur's width]`.

    Args:
        vllm_config: The expert's configuration; its entry `counterfoil_amateur` names the amateur.
        prefix: The prefix of the modules' names.

    Attributes:
        amateur_logits: The amateur's logits `[rows, vocab]` of the last step, row for row with the expert's.
    """

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__()
        self.amateur_logits: Tensor | None = None
        vllm_config.compilation_config.static_forward_context[NAME] = self
        expert = vllm_config.model_config.hf_config
        named = getattr(expert, AMATEUR)
        amateur = AutoConfig.from_pretrained(named["model"], trust_remote_code=named["trust_remote_code"])
        _check_length(vllm_config.model_config.max_model_len, amateur, named["model"])
        self.width = expert.hidden_size
        self.expert = _part(vllm_config, expert, named["architecture"], maybe_prefix(prefix, "expert"))
        with set_model_tag("counterfoil_amateur"):
            self.amateur = _part(vllm_config, amateur, named["architecture"], maybe_prefix(prefix, "amateur"))
        self.make_empty_intermediate_tensors: Any = self.expert.make_empty_intermediate_tensors
        # vLLM's loader reads these after the weights of the model that was asked for.
        self.secondary_weights = (DefaultModelLoader.Source(named["model"], revision=None, prefix="amateur."),)

    def embed_input_ids(self, input_ids: Tensor) -> Tensor:
        """Return the expert's embeddings `[tokens, width]`."""
        return self.expert.embed_input_ids(input_ids)

    def forward(
        self,
        input_ids: Tensor,
        positions: Tensor,
        intermediate_tensors: Any = None,  # noqa: ANN401
        inputs_embeds: Tensor | None = None,
    ) -> Tensor:
        """Return both models' last hidden states for `[tokens]` ids and positions."""
        if intermediate_tensors is not None or inputs_embeds is not None:
            raise ValueError("an engine with an amateur reads whole prompts of token ids, on one pipeline stage")
        return torch.cat([self.expert(input_ids, positions), self.amateur(input_ids, positions)], dim=-1)

    def compute_logits(self, hidden_states: Tensor) -> Tensor | None:
        """Return the expert's logits `[rows, vocab]`, and keep the amateur's."""
        expert, amateur = hidden_states.split([self.width, hidden_states.shape[-1] - self.width], dim=-1)
        self.amateur_logits = self.amateur.compute_logits(amateur.contiguous())
        return self.expert.compute_logits(expert.contiguous())

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> set[str]:
        """Load both models' weights, the amateur's under `amateur.`, and return the names that were set."""
        loaded: set[str] = set()
        for of_amateur, named in groupby(weights, lambda weight: weight[0].startswith("amateur.")):
            part, name = (self.amateur, "amateur.") if of_amateur else (self.expert, "expert.")
            stripped = ((key.removeprefix("amateur."), tensor) for key, tensor in named)
            loaded |= {name + key for key in part.load_weights(stripped)}
        return loaded


def _part(vllm_config: VllmConfig, config: Any, architecture: str, prefix: str) -> Any:  # noqa: ANN401
    part = vllm_config.with_hf_config(config, architectures=[architecture])
    # vLLM makes its caches from one table of attention layers, which must hold those of both models.
    part.compilation_config = vllm_config.compilation_config
    return initialize_model(part, prefix=prefix)


def _check_length(max_model_len: int, config: Any, name: str) -> None:  # noqa: ANN401
    longest = getattr(config, "max_position_embeddings", max_model_len)
    if longest < max_model_len:
        raise ValueError(
            f"--max-model-len has to be at most the amateur's {longest} tokens, but is {max_model_len}: {name} has not "
            "learnt longer ones"
        )
