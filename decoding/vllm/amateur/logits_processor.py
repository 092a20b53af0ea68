"""The logits processor of an engine with an amateur, for both of vLLM's model runners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor
from vllm.v1.sample.logits_processor import LogitsProcessor  # pyright: ignore[reportMissingImports]
from vllm.v1.sample.logits_processor.builtin import process_dict_updates  # pyright: ignore[reportMissingImports]
from vllm.v1.worker.gpu.sample.logits_processor.interface import (  # pyright: ignore[reportMissingImports]
    LogitsProcessor as SlotLogitsProcessor,
)

from ...methods.method import Method
from ..contrast_params import parse_contrast
from ..engine_limits import check_prompt_logprobs, check_switch
from ..worker.pair_rows import grouped_rows
from .config import register
from .model import ExpertAndAmateur

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
        self._methods: dict[int, Method] = {}  # by row under V1, by slot under V2
        self._by_slot = is_pin_memory is None

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
        process_dict_updates(self._methods, batch_update, lambda params, *_: _method(params))

    def add_request(self, req_idx: int, sampling_params: SamplingParams) -> bool:
        """Follow the slots of Model Runner V2; return whether the request asks for a contrast."""
        method = _method(sampling_params)
        self._methods.pop(req_idx, None)
        if method is not None:
            self._methods[req_idx] = method
        return method is not None

    def apply(self, logits: Tensor, ctx: Any = None) -> Tensor:  # noqa: ANN401
        """Put the method's scores into each row of `logits` `[rows, vocab]` that asks for a contrast, in place."""
        if not self._methods:
            return logits
        amateur = ExpertAndAmateur.amateur_logits
        if amateur is None or amateur.shape != logits.shape:
            raise RuntimeError(
                f"the amateur's logits have to be of the same rows as the expert's {list(logits.shape)}, but are "
                f"{None if amateur is None else list(amateur.shape)}"
            )
        places = ctx.idx_mapping_np.tolist() if self._by_slot else range(len(logits))
        methods = ((row, self._methods[place]) for row, place in enumerate(places) if place in self._methods)
        for group in grouped_rows((method, row, (row,)) for row, method in methods):
            group.put_scores(logits, amateur)
        return logits


def _method(params: SamplingParams) -> Method | None:
    contrast = parse_contrast(params.extra_args, amateur_model=True)
    return None if contrast is None else contrast.method
