"""Which requests of an engine belong together."""

from __future__ import annotations

from collections.abc import Iterator

MARK = "#counterfoil"
"""Ends the id of a twin."""


class Pairs:
    """The pairs in an engine core: a request that a client knows, the *main*, and its *twin*, which nobody knows.

    A twin stays known as one until :meth:`forget`, so that nothing it still says is heard after its pair has ended.
    """

    def __init__(self) -> None:
        self._other: dict[str, str] = {}
        self._twins: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._twins)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """The ids of each living pair, main and twin, oldest first."""
        return ((main, twin) for main, twin in self._other.items() if twin in self._twins)

    def add(self, main: str, twin: str) -> None:
        """Enter a pair."""
        self._other[main], self._other[twin] = twin, main
        self._twins.add(twin)

    def other(self, request_id: str) -> str | None:
        """The id of the other half, or `None` for a request that is alone."""
        return self._other.get(request_id)

    def is_twin(self, request_id: str) -> bool:
        """Whether a client must not hear of this request."""
        return request_id in self._twins

    def part(self, request_id: str) -> None:
        """End the pair of a request; does nothing if it is in none."""
        other = self._other.pop(request_id, None)
        if other is not None:
            del self._other[other]

    def forget(self) -> None:
        """Forget the twins whose pair has ended."""
        self._twins = {twin for twin in self._twins if twin in self._other}
