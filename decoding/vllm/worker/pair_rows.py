"""Which rows of a batch are pairs: the same answer from the two books that vLLM's model runners keep.

Model Runner V1 names rows and tells of every change; V2 names slots, which it gives to the next request without a word,
and lays the rows of a step out anew each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..contrast_params import PairRequest
from ..member import Member


@dataclass(frozen=True)
class PairRows:
    """Rows of one step that share a rule.

    Args:
        contrast: The rule with its parameters.
        main: Row of each main request.
        twin: Row of its twin, in the same order.
    """

    contrast: PairRequest
    main: list[int]
    twin: list[int]


def pair_rows(members: Mapping[int, Member]) -> list[PairRows]:
    """The pairs of which both halves have a row; a half alone is reading its prompt, and its sample is thrown away.

    Args:
        members: By row.
    """
    twins = {member.pair: row for row, member in members.items() if not member.is_main}
    groups: dict[tuple[object, ...], PairRows] = {}
    for row, member in members.items():
        if member.is_main and member.pair in twins:
            group = groups.setdefault(member.contrast.rule, PairRows(member.contrast, [], []))
            group.main.append(row)
            group.twin.append(twins[member.pair])
    return list(groups.values())


class Slots:
    """The members in the slots of Model Runner V2."""

    def __init__(self) -> None:
        self._members: dict[int, Member] = {}

    def put(self, slot: int, member: Member | None) -> None:
        """A request moved into a slot; whoever was there is gone."""
        self._members.pop(slot, None)
        if member is not None:
            self._members[slot] = member

    def rows(self, slots: Iterable[int]) -> list[PairRows]:
        """The pairs of a step, given the slot of each of its rows."""
        if not self._members:
            return []
        return pair_rows({row: self._members[slot] for row, slot in enumerate(slots) if slot in self._members})


def flat(groups: Sequence[PairRows]) -> tuple[list[int], list[int]]:
    """All rows of main requests, and those of their twins in the same order."""
    return [row for group in groups for row in group.main], [row for group in groups for row in group.twin]
