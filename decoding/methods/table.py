"""The methods by name: of this package, of installed packages, of a server's rules, and those a program registers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from .loading import named_rules
from .method import Method

GROUP = "counterfoil.methods"
"""The entry-point group of installed packages: each entry point is a :class:`Method` class."""

M = TypeVar("M", bound=type[Method])


class MethodTable(Mapping[str, type[Method]]):
    """Method classes by name, in the order of registration.

    Installed packages are asked when a name is looked up that is not known yet, or when the table is listed: looking up
    one of the package's own methods costs nothing.

    Args:
        *methods: The methods of this package.
    """

    def __init__(self, *methods: type[Method]) -> None:
        self._methods: dict[str, type[Method]] = {}
        self._asked_packages = False
        for method in methods:
            self.register(method)
        self.own = tuple(methods)
        """The methods of this package."""

    def register(self, method: M) -> M:
        """Add a method class; returns it, so that this can be used as a decorator.

        Raises:
            ValueError: The class has no name of its own, or the name is another method's.
        """
        name = getattr(method, "name", None)
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"`name` of {method.__name__} has to be an identifier, but is {name!r}")
        if self._methods.get(name, method) is not method:
            raise ValueError(f"`name` of {method.__name__} has to be its own, but {name!r} is {self._methods[name]!r}")
        if not isinstance(getattr(method, "contrast", None), str):
            raise ValueError(f"`contrast` of {method.__name__} has to say what {name} compares, but is missing")
        self._methods[name] = method
        return method

    def __getitem__(self, name: str) -> type[Method]:
        if name not in self._methods:
            self._ask_packages()
        return self._methods[name]

    def __iter__(self) -> Iterator[str]:
        self._ask_packages()
        return iter(self._methods)

    def __len__(self) -> int:
        self._ask_packages()
        return len(self._methods)

    def _ask_packages(self) -> None:
        if self._asked_packages:
            return
        self._asked_packages = True
        from importlib.metadata import entry_points  # noqa: PLC0415  (slow, and needed for unknown names alone)

        for entry in entry_points(group=GROUP):
            self.register(entry.load())
        for method in named_rules():
            self.register(method)
