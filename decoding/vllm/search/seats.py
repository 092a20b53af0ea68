# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""The requests that search: what each needs between two steps, and the row that it has in a step.

Model Runner V1 reports every change of the batch by row. V2 assigns slots, reuses them without notice, and lays out the
rows of each step anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vllm.v1.sample.logits_processor.builtin import process_dict_updates

from ...methods import ContrastiveSearch
from ..contrast_params import search_of

if TYPE_CHECKING:
    from vllm.sampling_params import SamplingParams
    from vllm.v1.attention.backend import CommonAttentionMetadata
    from vllm.v1.sample.logits_processor import BatchUpdate


@dataclass(eq=False)
class Seat:
    """A request that searches.

    Args:
        method: The method with its parameters.
        changes_logits: Whether something of the request changes logits before the choice (a bias, a grammar, ...), so
            that candidates found in advance have to be compared with the changed ones.
        needed: Returns how many tokens must be in the cache before the next one is chosen.
        group: The group of scratch blocks that holds its candidates between two steps, if it has one.
        ahead: The position of the token for which its group holds candidates, or `None`.
    """

    method: ContrastiveSearch
    changes_logits: bool
    needed: Callable[[], int]
    group: int | None = None
    ahead: int | None = None

    @property
    def top_k(self) -> int:
        """Return the number of candidates."""
        return self.method.top_k


def new_seat(params: SamplingParams, needed: Callable[[], int]) -> Seat | None:
    """Return the seat of a request that joins the batch, or `None` if it does not search."""
    method = search_of(params.extra_args)
    if method is None:
        return None
    changes = (
        params.logit_bias, params.min_tokens, params.allowed_token_ids, params.bad_words, params.structured_outputs,
    )  # fmt: skip
    return Seat(method, any(map(bool, changes)), needed)


class BatchSeats:
    """The seats under Model Runner V1, by row."""

    def __init__(self) -> None:
        self._seats: dict[int, Seat] = {}

    def __iter__(self) -> Iterator[Seat]:
        return iter(self._seats.values())

    def __bool__(self) -> bool:
        return bool(self._seats)

    def update(self, batch_update: BatchUpdate | None) -> list[Seat]:
        """Follow a change of the batch; return the seats of requests that have left."""
        before = list(self._seats.values())
        process_dict_updates(self._seats, batch_update, _batch_seat)
        after = set(self._seats.values())
        return [seat for seat in before if seat not in after]

    def rows(self, common: CommonAttentionMetadata) -> list[tuple[int, Seat]]:
        """Return the rows of a step that search, with their seats."""
        return [(row, seat) for row, seat in sorted(self._seats.items()) if row < common.num_reqs]


class SlotSeats:
    """The seats under Model Runner V2, by slot.

    Args:
        states: vLLM's state of all requests.
    """

    def __init__(self, states: Any) -> None:  # noqa: ANN401
        self._states, self._seats = states, dict[int, Seat]()

    def __iter__(self) -> Iterator[Seat]:
        return iter(self._seats.values())

    def __bool__(self) -> bool:
        return bool(self._seats)

    def put(self, slot: int, params: SamplingParams) -> tuple[Seat | None, Seat | None]:
        """Put a request into a slot; return its seat, and that of the one before."""
        before = self._seats.pop(slot, None)
        seat = new_seat(params, lambda: int(self._states.prefill_len.np[slot]))
        if seat is not None:
            self._seats[slot] = seat
        return seat, before

    def rows(self, common: CommonAttentionMetadata) -> list[tuple[int, Seat]]:
        """Return the rows of a step that search, with their seats."""
        slots = [] if common.req_idx is None else common.req_idx.tolist()
        return [(row, self._seats[slot]) for row, slot in enumerate(slots) if slot in self._seats]


def _batch_seat(params: SamplingParams, prompt_ids: list[int] | None, output_ids: list[int]) -> Seat | None:
    prompt = len(prompt_ids or ())
    return new_seat(params, lambda: prompt + len(output_ids))
