"""Named parts of this package that an installed package can add to through entry points."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any


class Registry:
    """Objects by name, each imported only when it is asked for.

    Args:
        group: The entry point group, for example `"counterfoil.judges"`. A package adds to it in its `pyproject.toml`:
            `[project.entry-points."counterfoil.judges"]`, `mine = "my_package.judges:MyJudge"`.
        builtin: Where the objects of this package are, by name: `"package.module:object"`.
    """

    def __init__(self, group: str, builtin: Mapping[str, str]) -> None:
        self.group = group
        self._builtin = {name: EntryPoint(name, value, group) for name, value in builtin.items()}

    @cached_property
    def _found(self) -> Mapping[str, list[EntryPoint]]:
        found = {name: [entry] for name, entry in self._builtin.items()}
        for entry in entry_points(group=self.group):
            found.setdefault(entry.name, []).append(entry)
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """All names, those of this package first."""
        return tuple(self._found)

    def load(self, name: str) -> Any:  # noqa: ANN401 (whatever is registered)
        """Import and return what is registered as `name`.

        Raises:
            ValueError: If nothing is, or if several packages use the name.
        """
        if name not in self._found:
            raise ValueError(f"`name` has to be one of {', '.join(self.names)}, but is {name!r}")
        entries = self._found[name]
        places = sorted({entry.value for entry in entries})
        if len(places) > 1:
            raise ValueError(f"`name` has to be registered once in {self.group}, but {name!r} is {', '.join(places)}")
        return entries[0].load()
