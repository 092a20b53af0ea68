"""The logits processor of an engine with an amateur, for both of vLLM's model runners."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from torch import Tensor
from vllm.v1.sample.logits_processor import LogitsProcessor  # pyright: ignore[reportMissingImports]
from vllm.v1.worker.gpu.sample.logits_processor.interface import (  # pyright: ignore[reportMissingImports]
    LogitsProcessor as SlotLogitsProcessor,
)

from ...methods.method import Method
from ..contrast_params import parse_contrast
from ..engine_limits import check_prompt_logprobs, check_switch
from ..worker.pair_rows import BatchRows, Pair, SlotRows
from .config import register
from .model import NAME

if TYPE_CHECKING:
    from vllm.sampling_params import SamplingParams  # pyright: ignore[reportMissingImports]
    from vllm.v1.sample.logits_processor import BatchUpdate  # pyright: ignore[reportMissingImports]

# Every worker imports this module before it looks for the model.
register()


class AmateurLogitsProcessor(LogitsProcessor, SlotLogitsProcessor):
    """Contrasts the rows that ask for it with the amateur's rows of the same step; other rows stay as they are.

    Args:
        vllm_config: The engine's configuration.
        second: The device (V1) or the state of all requests (V2).
        is_pin_memory: Given by V1 alone.
    """

    def __init__(self, vllm_config: Any, second: Any, is_pin_memory: bool | None = None) -> None:  # noqa: ANN401
        self._models = vllm_config.compilation_config.static_forward_context
        kind = SlotRows if is_pin_memory is None else BatchRows
        self.rows: Any = kind(lambda params, *_: _method(params), _own_rows)

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        """Reject a contrast that cannot be served; called before a request reaches the engine.

        Raises:
            ValueError: Names the key, its value and the remedy.
        """
        check_switch(sampling_params)
        if parse_contrast(sampling_params.extra_args, amateur_model=True) is not None:
            check_prompt_logprobs(sampling_params.prompt_logprobs)

    def is_argmax_invariant(self) -> bool:
        """Return false: changing the likeliest token is the purpose."""
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Follow the rows of Model Runner V1."""
        self.rows.update(batch_update)

    def add_request(self, req_idx: int, sampling_params: SamplingParams) -> bool:
        """Follow the slots of Model Runner V2; return whether the request asks for a contrast."""
        return self.rows.put(req_idx, sampling_params)

    def apply(self, logits: Tensor, ctx: Any = None) -> Tensor:  # noqa: ANN401
        """Put the method's scores into each row of `logits` `[rows, vocab]` that asks for a contrast, in place."""
        rows = self.rows.of_step(ctx and ctx.idx_mapping_np)
        if not rows.main:
            return logits
        amateur = self._models[NAME].amateur_logits
        if amateur is None or amateur.shape != logits.shape:
            raise RuntimeError(
                f"the amateur's logits have to be of the same rows as the expert's {list(logits.shape)}, but are "
                f"{None if amateur is None else list(amateur.shape)}"
            )
        rows.put_scores(logits, amateur)
        return logits


def _own_rows(methods: dict[int, Method]) -> Iterable[Pair]:
    return (Pair(method, row, (row,)) for row, method in methods.items())


def _method(params: SamplingParams) -> Method | None:
    contrast = parse_contrast(params.extra_args, amateur_model=True)
    return None if contrast is None else contrast.method
