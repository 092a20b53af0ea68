"""Find the rows of each pair in a step, under both model runners of vLLM, and combine them.

Model Runner V1 reports every change of the batch by row. V2 assigns slots, reuses them without notice, and lays out the
rows of each step anew, mostly as in the step before. Under both, what a step needs on the device, indices of rows and
parameters of methods, is made and copied when the rows have changed; a step in between copies nothing and waits for
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor
from vllm.v1.sample.logits_processor.builtin import process_dict_updates  # pyright: ignore[reportMissingImports]

from ...methods.method import Method, on_device
from ..contrast_params import PairMember, member_of

if TYPE_CHECKING:
    from vllm.sampling_params import SamplingParams  # pyright: ignore[reportMissingImports]
    from vllm.v1.sample.logits_processor import BatchUpdate  # pyright: ignore[reportMissingImports]

Entry = TypeVar("Entry")
Steps = Callable[[Tensor], Tensor]
"""Returns how many tokens requests have produced, `[rows]`, given their rows on the device."""
EarlyLogits = Callable[[int, Tensor, int], Tensor]
"""Returns what the model would say after a layer, `[rows, vocab]`, given the layer, rows of the step on the device, and
how many rows the step has."""

AT_ONCE = 64 << 20
"""How many bytes of logits, all views together, a method is given at once. It needs at most 2.5 times as many for
itself, so that this is what bounds the memory of large batches."""


class Pair(NamedTuple):
    """A method with its parameters, its main row, and its contrasts in the order in which it reads them: the rows of
    some, and the layers after which the main row itself is one."""

    method: Method
    main: int
    contrasts: tuple[int, ...]
    exits: tuple[int, ...] = ()


class _Call(NamedTuple):
    """Pairs that one call of a method combines: their parameters as columns, and their rows on the device.

    `contrast` has the contrasts of a pair one after the other, `contrasts` for each main row; `exits` are the same for
    all of them.
    """

    method: Method
    main: Tensor
    contrast: Tensor
    contrasts: int
    exits: tuple[int, ...]


class PairRows:
    """The rows of a batch that are combined, as long as the batch stays as it is.

    Args:
        pairs: Each pair's method and rows. Those of one :attr:`.Method.group` with as many contrasts and the same early
            exits are combined by one call.

    Attributes:
        main: The row of each main request, call by call.
        contrast: The rows of each pair's contrast requests, in the same order.
    """

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        groups: dict[tuple[object, ...], list[Pair]] = {}
        for pair in pairs:
            groups.setdefault((len(pair.contrasts), pair.exits, *pair.method.group), []).append(pair)
        self._groups = list(groups.values())
        ordered = [pair for group in self._groups for pair in group]
        self.main = [pair.main for pair in ordered]
        self.contrast = [pair.contrasts for pair in ordered]
        self._on_device: tuple[Tensor, ...] | None = None
        self._calls: list[_Call] | None = None

    def put_scores(
        self, logits: Tensor, contrast: Tensor, steps: Steps | None = None, early: EarlyLogits | None = None
    ) -> None:
        """Put each method's scores into the main rows of `logits`, in place.

        Args:
            logits: `[rows, vocab]` logits of a step.
            contrast: `[rows, vocab]` logits with the contrast rows; `logits` itself if they are rows of the same step.
            steps: Counts tokens, for methods that need it.
            early: Reads early exits, for pairs that have some.
        """
        if not self.main:
            return
        if self._calls is None:
            self._calls = list(self._made_calls(logits))
        for call in self._calls:
            context = {"step": steps(call.main)[:, None]} if call.method.needs_step and steps is not None else {}
            views = logits.index_select(0, call.main), _views(call, logits, contrast, early)
            logits.index_copy_(0, call.main, call.method.served_scores(*views, **context).to(logits.dtype))
            del views  # before those of the next call are made

    def copy_tokens(self, sampled: Tensor) -> None:
        """Give each contrast request the token of its main request: `sampled` is `[rows]` ids, changed in place."""
        if any(self.contrast):
            _, sources, contrast = self._rows(sampled)
            sampled.index_copy_(0, contrast, sampled.index_select(0, sources))

    def _rows(self, like: Tensor) -> tuple[Tensor, ...]:
        """Return the rows of all main requests, and those of all contrast requests behind the rows of their main
        requests, on the device."""
        if self._on_device is None:
            sources = [main for main, rows in zip(self.main, self.contrast, strict=True) for _ in rows]
            contrast = [row for rows in self.contrast for row in rows]
            on = on_device(torch.tensor([*self.main, *sources, *contrast]), like)
            self._on_device = on.split([len(self.main), len(sources), len(contrast)])
        return self._on_device

    def _made_calls(self, logits: Tensor) -> Iterable[_Call]:
        main, _, contrast = self._rows(logits)
        start = first = 0  # among the pairs, and among the rows of their contrasts
        for group in self._groups:
            contrasts, exits = len(group[0].contrasts), group[0].exits
            most = max(1, AT_ONCE // ((1 + contrasts + len(exits)) * 4 * logits.shape[-1]))
            for begin in range(0, len(group), most):
                methods = [pair.method for pair in group[begin : begin + most]]
                end, last = start + len(methods), first + contrasts * len(methods)
                stacked = type(methods[0]).stacked(methods, logits)
                yield _Call(stacked, main[start:end], contrast[first:last], contrasts, exits)
                start, first = end, last


def _views(call: _Call, logits: Tensor, contrast: Tensor, early: EarlyLogits | None) -> Tensor:
    """Return the contrasts of a call as its method reads them, `[contrasts, pairs, vocab]` if they are several."""
    rows = contrast.index_select(0, call.contrast)
    if not call.exits:
        return rows if call.contrasts == 1 else rows.unflatten(0, (-1, call.contrasts)).transpose(0, 1)
    assert early is not None
    exits = [early(layer, call.main, len(logits)).to(logits.dtype) for layer in call.exits]
    if not call.contrasts:
        return exits[0] if len(exits) == 1 else torch.stack(exits)
    return torch.cat([rows.unflatten(0, (-1, call.contrasts)).transpose(0, 1), torch.stack(exits)])


def pairs_of(members: Mapping[int, PairMember]) -> Iterable[Pair]:
    """Yield the pairs of which all requests have a row.

    A request alone is still reading its prompt, unless all of its contrasts are early exits; vLLM throws away what it
    samples.

    Args:
        members: The request in each row.
    """
    contrasts: dict[str, dict[int, int]] = {}
    for row, member in members.items():
        if not member.is_main:
            contrasts.setdefault(member.pair, {})[member.index] = row
    for row, member in members.items():
        found = contrasts.get(member.pair, {})
        if member.is_main and len(found) == member.size - 1:
            yield Pair(member.method, row, tuple(found[index] for index in sorted(found)), member.exits)


@dataclass(frozen=True)
class BatchRow:
    """A row of Model Runner V1's batch.

    Args:
        member: The request in it.
        output_ids: The tokens that the request has produced; the runner's own list, which grows.
    """

    member: PairMember
    output_ids: Sequence[int]

    @classmethod
    def of(cls, params: SamplingParams, _prompt_ids: list[int] | None, output_ids: list[int]) -> BatchRow | None:
        """Make the row of a request that joins the batch; `None` for a request without a pair."""
        member = member_of(params.extra_args)
        return cls(member, output_ids) if member is not None else None


class BatchRows(Generic[Entry]):
    """The rows of a batch under Model Runner V1.

    Args:
        entry_of: Makes the entry of a request that joins the batch, from its parameters, prompt and output; `None` if
            the request is none of ours.
        pairs: Finds the pairs among the entries by row.
    """

    def __init__(
        self, entry_of: Callable[..., Entry | None], pairs: Callable[[dict[int, Entry]], Iterable[Pair]]
    ) -> None:
        self._entry_of, self._pairs = entry_of, pairs
        self.entries: dict[int, Entry] = {}
        self._rows = PairRows()

    def update(self, batch_update: BatchUpdate | None) -> None:
        """Follow a change of the batch."""
        if process_dict_updates(self.entries, batch_update, self._entry_of):
            self._rows = PairRows(self._pairs(self.entries))

    def of_step(self, _slots: Any = None) -> PairRows:  # noqa: ANN401
        """Return the pairs of this step."""
        return self._rows


class PairBatchRows(BatchRows[BatchRow]):
    """The rows of pairs of requests under Model Runner V1."""

    def __init__(self) -> None:
        super().__init__(BatchRow.of, lambda rows: pairs_of({row: entry.member for row, entry in rows.items()}))
        self._counts: dict[int, int] = {}
        self._counted: Tensor | None = None

    def steps(self, _context: Any = None) -> Steps:  # noqa: ANN401
        """Return what counts the tokens of this step's requests, see :data:`Steps`."""
        return self._steps

    def _steps(self, rows: Tensor) -> Tensor:
        """Count on the host, where the runner keeps the tokens, and on the device where all counts have risen by one.

        That is what most steps do; a copy from the host would be one more of each.
        """
        counts = {
            row: len(entry.output_ids)
            for row, entry in self.entries.items()
            if entry.member.is_main and entry.member.method.needs_step
        }
        if self._counted is not None and counts == {row: count + 1 for row, count in self._counts.items()}:
            self._counted.add_(1)
        elif self._counted is None or counts != self._counts:
            host = torch.tensor([counts.get(row, 0) for row in range(1 + max(counts))])
            self._counted = on_device(host, rows)
        self._counts = counts
        return self._counted.index_select(0, rows)

    def seeds(self) -> dict[int, tuple[int, int]]:
        """Return the seed and the output position of each main row of this step that has a seed."""
        entries = {row: self.entries[row] for row in self.of_step().main}
        return {
            row: (entry.member.seed, len(entry.output_ids))
            for row, entry in entries.items()
            if entry.member.seed is not None
        }


class SlotRows(Generic[Entry]):
    """The rows of a step under Model Runner V2.

    Args:
        entry_of: Makes the entry of a request from its parameters; `None` if the request is none of ours.
        pairs: Finds the pairs among the entries by row.
    """

    def __init__(
        self,
        entry_of: Callable[[SamplingParams], Entry | None],
        pairs: Callable[[dict[int, Entry]], Iterable[Pair]],
    ) -> None:
        self._entry_of, self._pairs = entry_of, pairs
        self._entries: dict[int, Entry] = {}
        self._slots: list[int] | None = None
        self._rows = PairRows()

    def put(self, slot: int, params: SamplingParams) -> bool:
        """Put a request into a slot, in place of the one before; return whether it is one of ours."""
        entry = self._entry_of(params)
        self._entries.pop(slot, None)
        self._slots = None
        if entry is not None:
            self._entries[slot] = entry
        return entry is not None

    def of_step(self, slots: Any) -> PairRows:  # noqa: ANN401  (numpy.ndarray)
        """Return the pairs of a step.

        Args:
            slots: `[rows]`, the slot of each row, on the host.
        """
        now = slots.tolist()
        if now != self._slots:
            found = {row: self._entries[slot] for row, slot in enumerate(now) if slot in self._entries}
            self._slots, self._rows = now, PairRows(self._pairs(found))
        return self._rows


class PairSlotRows(SlotRows[PairMember]):
    """The rows of pairs of requests under Model Runner V2.

    Args:
        states: The state of all requests, vLLM's `LogitsProcRequestState`.
    """

    def __init__(self, states: Any) -> None:  # noqa: ANN401
        super().__init__(lambda params: member_of(params.extra_args), pairs_of)
        self._states = states

    def steps(self, context: Any) -> Steps:  # noqa: ANN401
        """Return what counts the tokens of a step's requests, from the runner's own counts on the device.

        Args:
            context: The step, vLLM's `LogitsContext`.
        """

        def counted(rows: Tensor) -> Tensor:
            slots = context.idx_mapping.index_select(0, rows)
            total, prompt = self._states.total_len.gpu, self._states.prompt_len.gpu
            return total.index_select(0, slots) - prompt.index_select(0, slots)

        return counted
