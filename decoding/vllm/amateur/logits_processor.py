"""The logits processor of an engine with an amateur, for both of vLLM's model runners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor
from vllm.v1.sample.logits_processor import LogitsProcessor  # pyright: ignore[reportMissingImports]
from vllm.v1.sample.logits_processor.builtin import process_dict_updates  # pyright: ignore[reportMissingImports]
from vllm.v1.worker.gpu.sample.logits_processor.interface import (  # pyright: ignore[reportMissingImports]
    LogitsProcessor as SlotLogitsProcessor,
)

from ...methods.method import Method
from ..contrast_params import PairRequest, pair_request
from ..engine_limits import check_prompt_logprobs, check_switch
from .config import register
from .model import ExpertAndAmateur

if TYPE_CHECKING:
    from vllm.sampling_params import SamplingParams  # pyright: ignore[reportMissingImports]
    from vllm.v1.sample.logits_processor import BatchUpdate  # pyright: ignore[reportMissingImports]

# Every worker imports this module before it looks for the model.
register()


class AmateurLogitsProcessor(LogitsProcessor, SlotLogitsProcessor):
    """Contrasts the rows that ask for it with the amateur's rows of the same step; others it leaves as they are.

    Args:
        vllm_config: The engine's.
        second: The device (V1) or the state of all requests (V2).
        is_pin_memory: Given by V1 alone.
    """

    def __init__(self, vllm_config: Any, second: Any, is_pin_memory: bool | None = None) -> None:  # noqa: ANN401
        self.asked: dict[int, PairRequest] = {}  # by row under V1, by slot under V2
        self.uses_slots = is_pin_memory is None

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        """Raise `ValueError` for a contrast that is not one; called before a request reaches the engine."""
        check_switch(sampling_params)
        if pair_request(sampling_params.extra_args, amateur_model=True) is not None:
            check_prompt_logprobs(sampling_params.prompt_logprobs)

    def is_argmax_invariant(self) -> bool:
        """No: that is the point."""
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Follow the rows of Model Runner V1."""
        process_dict_updates(self.asked, batch_update, lambda params, *_: _asked(params))

    def add_request(self, req_idx: int, sampling_params: SamplingParams) -> bool:
        """Follow the slots of Model Runner V2; whether the request asks for a contrast."""
        self.asked.pop(req_idx, None)
        asked = _asked(sampling_params)
        if asked is not None:
            self.asked[req_idx] = asked
        return asked is not None

    def apply(self, logits: Tensor, ctx: Any = None) -> Tensor:  # noqa: ANN401
        """Put the contrastive scores in each row of `logits` `[rows, vocab]` that asked for them, in place."""
        if not self.asked:
            return logits
        amateur = ExpertAndAmateur.amateur_logits
        if amateur is None or amateur.shape != logits.shape:
            raise RuntimeError(
                f"the amateur's logits have to be of the same rows as the expert's {list(logits.shape)}, but are "
                f"{None if amateur is None else list(amateur.shape)}"
            )
        rows = dict(enumerate(ctx.idx_mapping_np.tolist())) if self.uses_slots else {row: row for row in self.asked}
        for methods in _grouped({row: self.asked[place] for row, place in rows.items() if place in self.asked}):
            group = list(methods)
            stacked = type(methods[group[0]]).stacked(list(methods.values()), logits)
            logits[group] = stacked.scores(logits[group], amateur[group]).to(logits.dtype)
        return logits


def _asked(params: SamplingParams) -> PairRequest | None:
    return pair_request(params.extra_args, amateur_model=True)


def _grouped(asked: Mapping[int, PairRequest]) -> list[dict[int, Method]]:
    """Return the methods by row, those that one call can serve together."""
    groups: dict[tuple[object, ...], dict[int, Method]] = {}
    for row, pair in asked.items():
        groups.setdefault(pair.method.group, {})[row] = pair.method
    return list(groups.values())
