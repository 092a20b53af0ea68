"""Named parts of this package that an installed package can add to through entry points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any


class Registry:
    """Objects by name, each imported only when it is asked for.

    Args:
        group: The entry point group, for example `"counterfoil.judges"`. A package adds to it in its `pyproject.toml`:
            `[project.entry-points."counterfoil.judges"]`, `mine = "my_package.judges:MyJudge"`.
        builtin: Where the objects of this package are, by name: `"package.module:object"`.
        parameter: What error messages call the name.
    """

    def __init__(self, group: str, builtin: Mapping[str, str], *, parameter: str = "name") -> None:
        self.group = group
        self.parameter = parameter
        self._builtin = {name: EntryPoint(name, value, group) for name, value in builtin.items()}

    @cached_property
    def _found(self) -> Mapping[str, list[EntryPoint]]:
        found = {name: [entry] for name, entry in self._builtin.items()}
        for entry in entry_points(group=self.group):
            found.setdefault(entry.name, []).append(entry)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __contains__(self, name: object) -> bool:
        return name in self._found

    @property
    def names(self) -> tuple[str, ...]:
        """Return all names, those of this package first."""
        return tuple(self._found)

    def check(self, name: str) -> str:
        """Return `name` itself.

        Raises:
            ValueError: If nothing is registered under it.
        """
        if name not in self._found:
            raise ValueError(f"`{self.parameter}` has to be one of {', '.join(self.names)}, but is {name!r}")
        return name

    def load(self, name: str) -> Any:  # noqa: ANN401 (whatever is registered)
        """Import and return what is registered as `name`.

        Raises:
            ValueError: If nothing is, or if several packages use the name.
        """
        entries = self._found[self.check(name)]
        places = sorted({entry.value for entry in entries})
        if len(places) > 1:
            raise ValueError(
                f"`{self.parameter}` has to be registered once in {self.group}, but {name!r} is {', '.join(places)}"
            )
        return entries[0].load()
