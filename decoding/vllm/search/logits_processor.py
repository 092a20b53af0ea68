# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""The logits processor that chooses among the candidates and finds the next ones, for both of vLLM's model runners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from vllm.v1.sample.logits_processor import LogitsProcessor
from vllm.v1.worker.gpu.sample.logits_processor.interface import LogitsProcessor as SlotLogitsProcessor

from ...methods import ContrastiveSearch
from ..metrics import SEARCH_COUNTERS, EngineCounters
from .config import PROCESSOR
from .metadata import on_device
from .model import Searching, model_of
from .seats import BatchSeats, Seat, SlotSeats

if TYPE_CHECKING:
    from vllm.sampling_params import SamplingParams
    from vllm.v1.sample.logits_processor import BatchUpdate


@dataclass
class Choice:
    """The requests that choose a token in this step, padded to the largest number of candidates.

    Args:
        rows: The row of each.
        seats: Their seats.
        tokens: `[requests, k]`, their candidates.
        probabilities: `[requests, k]`; 0 for what is no candidate.
        hidden: `[requests, k, width]`, the candidates' hidden states.
    """

    rows: list[int]
    seats: list[Seat]
    tokens: Tensor
    probabilities: Tensor
    hidden: Tensor

    def put(self, i: int, tokens: Tensor, probabilities: Tensor, hidden: Tensor) -> None:
        """Set the candidates of the i-th request."""
        k = self.seats[i].top_k
        self.tokens[i, :k], self.probabilities[i, :k], self.hidden[i, :k] = tokens[:k], probabilities[:k], hidden


class SearchLogitsProcessor(LogitsProcessor, SlotLogitsProcessor):
    """Puts the chosen token alone into each row that searches; other rows stay as they are.

    Args:
        vllm_config: The engine's configuration.
        second: The device (V1) or the state of all requests (V2).
        is_pin_memory: Given by V1 alone.
    """

    seats: Any  # BatchSeats under V1, SlotSeats under V2; each runner calls only the methods that its seats have

    def __init__(self, vllm_config: Any, second: Any, is_pin_memory: bool | None = None) -> None:  # noqa: ANN401
        self.seats = SlotSeats(second) if is_pin_memory is None else BatchSeats()
        self._config = vllm_config
        self._loaded: Searching | None = None
        processors: list[Any] = list(vllm_config.model_config.logits_processors or ())
        before = processors[: processors.index(PROCESSOR)]
        self._others_change_rows = any(not str(one).startswith("counterfoil.") for one in before)
        self._counters = EngineCounters.of(vllm_config, SEARCH_COUNTERS) if _counts(vllm_config) else None

    def is_argmax_invariant(self) -> bool:
        """Return false: changing the likeliest token is the purpose."""
        return False

    @property
    def _model(self) -> Searching:
        if self._loaded is None:
            self._loaded = model_of(self._config)
            self._loaded.candidates.find_rows = self.seats.rows
        return self._loaded

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Follow the rows of Model Runner V1."""
        for seat in self.seats.update(batch_update):
            self._leave(seat)
        self._tell_model()

    def add_request(self, req_idx: int, sampling_params: SamplingParams) -> bool:
        """Follow the slots of Model Runner V2; return whether the request searches."""
        seat, before = self.seats.put(req_idx, sampling_params)
        if before is not None:
            self._leave(before)
        self._tell_model()
        return seat is not None

    def _tell_model(self) -> None:
        """Let the model know which rows search, once there is a request that does."""
        if self.seats:
            assert self._model is not None

    def _leave(self, seat: Seat) -> None:
        if seat.group is not None:
            self._model.candidates.scratch.give_back(seat.group)
            seat.group = seat.ahead = None

    def apply(self, logits: Tensor, ctx: Any = None) -> Tensor:  # noqa: ANN401
        """Leave in each row of `logits` `[rows, vocab]` that searches the chosen token alone, in place."""
        if not self.seats:
            return logits
        candidates = self._model.candidates
        if candidates.common is None:  # vLLM tries the sampler before there is a request
            return logits
        rows = self.seats.rows(candidates.common)
        # Requests that are still reading their prompt choose nothing: vLLM throws away what it samples for them.
        due = [(row, seat) for row, seat in rows if candidates.lengths[row] >= seat.needed()]
        if due:
            choice = self._candidates(logits, due)
            self._choose(logits, choice)
        if self._counters is not None:
            self._counters.publish(candidates.counts)
        return logits

    def _candidates(self, logits: Tensor, due: list[tuple[int, Seat]]) -> Choice:
        """Return the candidates of each request, those that did not come along after a forward of their own."""
        forward, scratch = self._model.candidates, self._model.candidates.scratch
        k = max(seat.top_k for _, seat in due)
        width = self._model.history.width
        choice = Choice(
            [row for row, _ in due],
            [seat for _, seat in due],
            torch.zeros(len(due), k, dtype=torch.int64, device=logits.device),
            torch.zeros(len(due), k, dtype=torch.float32, device=logits.device),
            torch.zeros(len(due), k, width, dtype=self._config.model_config.dtype, device=logits.device),
        )
        late = []
        for i, (row, seat) in enumerate(due):
            hidden = forward.tried.get(seat)
            if hidden is None:
                late.append(i)
                continue
            tokens, probabilities = scratch.tokens[seat.group], scratch.probabilities[seat.group]
            if seat.changes_logits or self._others_change_rows:
                found = _checked(logits[row], tokens[: seat.top_k])
                if found is None:
                    forward.counts["fallbacks"] += 1
                    late.append(i)
                    continue
                probabilities = found
            choice.put(i, tokens, probabilities, hidden)
        self._try_alone(logits, choice, late)
        return choice

    def _try_alone(self, logits: Tensor, choice: Choice, late: list[int]) -> None:
        """Run the candidates of the requests at these places, in as few forwards as there is room for."""
        forward, scratch = self._model.candidates, self._model.candidates.scratch
        for i in late:
            if choice.seats[i].group is None:
                choice.seats[i].group = self._free_group(choice.seats)
        while late:
            batch, spare, room = list[tuple[int, int]](), list(scratch.spare), forward.most_rows
            while late and choice.seats[late[0]].top_k <= room:
                seat = choice.seats[late[0]]
                group = seat.group if seat.group is not None else spare.pop() if spare else None
                if group is None:
                    break
                batch.append((late.pop(0), group))
                room -= seat.top_k
            rows, groups = [choice.rows[i] for i, _ in batch], [group for _, group in batch]
            k = max(choice.seats[i].top_k for i, _ in batch)
            found = logits[rows].float().softmax(-1).topk(k, dim=-1)
            at = on_device(groups, scratch.winner)
            scratch.tokens[at, :k], scratch.probabilities[at, :k] = found.indices, found.values
            hidden = forward.alone([(choice.rows[i], choice.seats[i], group) for i, group in batch])
            for j, (i, _) in enumerate(batch):
                choice.put(i, found.indices[j], found.values[j], hidden[j])

    def _free_group(self, present: list[Seat]) -> int | None:
        """Return a group for a request that has none, or `None`.

        V2 does not say when a request has left: one that is not in this step gives its group up.
        """
        scratch = self._model.candidates.scratch
        group = scratch.take()
        if group is None:
            in_step = {seat for _, seat in self.seats.rows(self._model.candidates.common)}.union(present)
            for seat in self.seats:
                if seat.group is not None and seat not in in_step:
                    group, seat.group, seat.ahead = seat.group, None, None
                    break
        return group

    def _choose(self, logits: Tensor, choice: Choice) -> None:
        """Choose the token of each request, and find the candidates for the one after it."""
        model, forward, scratch = self._model, self._model.candidates, self._model.candidates.scratch
        rows = on_device(choice.rows, logits)
        lengths = [forward.lengths[row] for row in choice.rows]
        common: Any = forward.common
        likeness = model.history.likeness(
            choice.hidden, common.block_table_tensor[rows], common.seq_lens[rows], max(lengths)
        )
        method = ContrastiveSearch.stacked([seat.method for seat in choice.seats], logits)
        winner = method.penalized(choice.probabilities, likeness).argmax(-1, keepdim=True)
        logits[rows] = -torch.inf
        logits[rows, choice.tokens.gather(1, winner)[:, 0]] = 0.0
        kept = [i for i, seat in enumerate(choice.seats) if seat.group is not None]
        for seat in choice.seats:
            seat.ahead = None
        if not kept:
            return
        at, groups = on_device(kept, winner), on_device([choice.seats[i].group or 0 for i in kept], winner)
        hidden = choice.hidden[at, winner[at, 0]]
        k = max(choice.seats[i].top_k for i in kept)
        following = model.compute_logits(hidden).float().softmax(-1).topk(k, dim=-1)
        scratch.winner[groups], scratch.hidden[groups] = winner[at, 0], hidden
        scratch.tokens[groups, :k], scratch.probabilities[groups, :k] = following.indices, following.values
        for i in kept:
            choice.seats[i].ahead = lengths[i] + 1


def _checked(row: Tensor, tokens: Tensor) -> Tensor | None:
    """Return the probabilities `[k]` of candidates under the processed logits `[vocab]`, or `None` if others are
    likelier."""
    probabilities = row.float().softmax(-1)
    likeliest = probabilities.topk(len(tokens)).indices
    if not torch.equal(likeliest.sort().values, tokens.sort().values):
        return None
    return probabilities[tokens]


def _counts(vllm_config: Any) -> bool:  # noqa: ANN401
    """Return whether this worker counts: the first one of an engine does."""
    return vllm_config.parallel_config.rank == 0
