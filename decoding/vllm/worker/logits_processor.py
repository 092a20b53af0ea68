"""The logits processor that applies a method's rule to the rows of its pairs, for both of vLLM's model runners.

An engine loads one class by name, before it is known which runner will have it: so one class is both kinds. V1 calls
`update_state` and `apply(logits)`, V2 `add_request` and `apply(logits, ctx)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor
from vllm.v1.sample.logits_processor import LogitsProcessor  # pyright: ignore[reportMissingImports]
from vllm.v1.sample.logits_processor.builtin import process_dict_updates  # pyright: ignore[reportMissingImports]
from vllm.v1.worker.gpu.sample.logits_processor.interface import (  # pyright: ignore[reportMissingImports]
    LogitsProcessor as SlotLogitsProcessor,
)

from ..contrast_params import pair_request
from ..engine_limits import check_prompt_logprobs, check_switch
from ..member import Member, member_of
from .pair_rows import PairRows, Slots, pair_rows
from .token_copy import install

if TYPE_CHECKING:
    from vllm.sampling_params import SamplingParams  # pyright: ignore[reportMissingImports]
    from vllm.v1.sample.logits_processor import BatchUpdate  # pyright: ignore[reportMissingImports]


@dataclass(frozen=True)
class Seat:
    """A row of Model Runner V1's batch.

    Args:
        member: Whose it is.
        output_ids: What it has produced; the runner's own list, which grows.
    """

    member: Member
    output_ids: Sequence[int]

    @classmethod
    def of(cls, params: SamplingParams, _prompt_ids: list[int] | None, output_ids: list[int]) -> Seat | None:
        """For a request that joins the batch; `None` for a plain one."""
        member = member_of(params.extra_args)
        return cls(member, output_ids) if member is not None else None


class PairLogitsProcessor(LogitsProcessor, SlotLogitsProcessor):
    """Contrasts the rows of pairs; other rows it leaves as they are.

    Args:
        vllm_config: The engine's.
        second: The device (V1) or the state of all requests (V2).
        is_pin_memory: Given by V1 alone.
    """

    def __init__(self, vllm_config: Any, second: Any, is_pin_memory: bool | None = None) -> None:  # noqa: ANN401
        self.uses_slots = is_pin_memory is None
        self.seats: dict[int, Seat] = {}
        self.slots = Slots()
        self.groups: list[PairRows] = []
        install(uses_slots=self.uses_slots)

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        """Raise `ValueError` for a contrast that is not one; called before a request reaches the engine."""
        check_switch(sampling_params)
        if pair_request(sampling_params.extra_args) is not None:
            check_prompt_logprobs(sampling_params.prompt_logprobs)

    def is_argmax_invariant(self) -> bool:
        """No: that is the point."""
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Follow the rows of Model Runner V1."""
        if process_dict_updates(self.seats, batch_update, Seat.of):
            self.groups = pair_rows({row: seat.member for row, seat in self.seats.items()})

    def add_request(self, req_idx: int, sampling_params: SamplingParams) -> bool:
        """Follow the slots of Model Runner V2; whether the request is half of a pair."""
        member = member_of(sampling_params.extra_args)
        self.slots.put(req_idx, member)
        return member is not None

    def rows(self, slots: Any = None) -> list[PairRows]:  # noqa: ANN401
        """The pairs of this step.

        Args:
            slots: `[rows]`, the slot of each row, under Model Runner V2.
        """
        return self.slots.rows(slots.tolist()) if self.uses_slots else self.groups

    def apply(self, logits: Tensor, ctx: Any = None) -> Tensor:  # noqa: ANN401
        """Put the scores of its rule in each main row of `logits` `[rows, vocab]`, in place."""
        for group in self.rows(ctx and ctx.idx_mapping_np):
            scores = group.contrast.scores(logits[group.main], logits[group.twin])
            logits[group.main] = scores.to(logits.dtype)
        return logits
