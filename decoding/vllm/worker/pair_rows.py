"""Find the rows of each pair in a step, under both model runners of vLLM.

Model Runner V1 reports every change of the batch by row. V2 assigns slots, reuses them without notice, and lays out the
rows of each step anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from vllm.v1.sample.logits_processor.builtin import process_dict_updates  # pyright: ignore[reportMissingImports]

from ...methods.method import Method
from ..contrast_params import PairMember, member_of

if TYPE_CHECKING:
    from torch import Tensor
    from vllm.sampling_params import SamplingParams  # pyright: ignore[reportMissingImports]
    from vllm.v1.sample.logits_processor import BatchUpdate  # pyright: ignore[reportMissingImports]


@dataclass
class PairRows:
    """Rows of one step that one call of a method combines, each pair with its own parameters.

    Args:
        methods: The method of each pair with its parameters; all are of one group, see :meth:`.Method.stacked`.
        main: The row of each main request.
        contrasts: The rows of its contrasts, in the same order.
    """

    methods: list[Method] = field(default_factory=list)
    main: list[int] = field(default_factory=list)
    contrasts: list[tuple[int, ...]] = field(default_factory=list)
    _stacked: Method | None = None

    def put_scores(self, logits: Tensor, contrast: Tensor, steps: Sequence[int] = ()) -> None:
        """Put the method's scores into the main rows of `logits`, in place.

        Args:
            logits: `[rows, vocab]` logits of a step.
            contrast: `[rows, vocab]` logits with the contrast rows; `logits` itself if they are rows of the same step.
            steps: How many tokens each main row has produced, for a method that needs it.
        """
        if self._stacked is None:
            self._stacked = type(self.methods[0]).stacked(self.methods, logits)
        context = {"step": logits.new_tensor(steps, dtype=torch.float32)[:, None]} if self._stacked.needs_step else {}
        views = [contrast[list(rows)] for rows in zip(*self.contrasts, strict=True)]
        others = views[0] if len(views) == 1 else torch.stack(views)
        scores = self._stacked.served_scores(logits[self.main], others, **context)
        logits[self.main] = scores.to(logits.dtype)


def grouped_rows(rows: Iterable[tuple[Method, int, tuple[int, ...]]]) -> list[PairRows]:
    """Group rows that one call of a method can combine.

    Args:
        rows: Each pair's method, its main row and the rows of its contrasts.
    """
    groups: dict[tuple[object, ...], PairRows] = {}
    for method, main, contrasts in rows:
        group = groups.setdefault((len(contrasts), *method.group), PairRows())
        group.methods.append(method)
        group.main.append(main)
        group.contrasts.append(contrasts)
    return list(groups.values())


def pair_rows(members: Mapping[int, PairMember]) -> list[PairRows]:
    """Return the pairs of which all requests have a row.

    A request alone is still reading its prompt; vLLM throws away what it samples.

    Args:
        members: The request in each row.
    """
    contrasts: dict[str, dict[int, int]] = {}
    for row, member in members.items():
        if not member.is_main:
            contrasts.setdefault(member.pair, {})[member.index] = row
    return grouped_rows(
        (member.method, row, tuple(contrasts[member.pair][index] for index in range(member.size - 1)))
        for row, member in members.items()
        if member.is_main and len(contrasts.get(member.pair, ())) == member.size - 1
    )


def all_rows(groups: Sequence[PairRows]) -> tuple[list[int], list[int]]:
    """Return the rows of main requests, once for each contrast, and those of the contrasts in the same order."""
    pairs = [(main, rows) for group in groups for main, rows in zip(group.main, group.contrasts, strict=True)]
    return [main for main, rows in pairs for _ in rows], [row for _, rows in pairs for row in rows]


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


class BatchRows:
    """The rows of pairs under Model Runner V1."""

    def __init__(self) -> None:
        self._rows: dict[int, BatchRow] = {}
        self._groups: list[PairRows] = []

    def update(self, batch_update: BatchUpdate | None) -> None:
        """Follow a change of the batch."""
        if process_dict_updates(self._rows, batch_update, BatchRow.of):
            self._groups = pair_rows({row: entry.member for row, entry in self._rows.items()})

    def pairs(self, _slots: Any = None) -> list[PairRows]:  # noqa: ANN401
        """Return the pairs of this step."""
        return self._groups

    def steps(self, group: PairRows) -> list[int]:
        """Return how many tokens each main row of a group has produced."""
        return [len(self._rows[row].output_ids) for row in group.main]

    def seeds(self) -> dict[int, tuple[int, int]]:
        """Return the seed and the output position of each main row of this step that has a seed."""
        entries = {row: self._rows[row] for group in self._groups for row in group.main}
        return {
            row: (entry.member.seed, len(entry.output_ids))
            for row, entry in entries.items()
            if entry.member.seed is not None
        }


class SlotRows:
    """The rows of pairs under Model Runner V2."""

    def __init__(self) -> None:
        self._members: dict[int, PairMember] = {}

    def put(self, slot: int, params: SamplingParams) -> bool:
        """Put a request into a slot, in place of the one before; return whether it belongs to a pair."""
        member = member_of(params.extra_args)
        self._members.pop(slot, None)
        if member is not None:
            self._members[slot] = member
        return member is not None

    def steps(self, _group: PairRows) -> list[int]:
        """Return nothing: the engine refuses methods that need the step under this runner."""
        return []

    def pairs(self, slots: Any) -> list[PairRows]:  # noqa: ANN401  (numpy.ndarray)
        """Return the pairs of a step.

        Args:
            slots: `[rows]`, the slot of each row.
        """
        if not self._members:
            return []
        return pair_rows({row: self._members[slot] for row, slot in enumerate(slots.tolist()) if slot in self._members})
