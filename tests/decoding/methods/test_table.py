"""The table of methods: registration, and the methods of installed packages."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass

import pytest
from counterfoil.decoding.methods import CAD, METHODS, Method, extrapolate, strength
from counterfoil.decoding.methods.table import GROUP, MethodTable


@dataclass(frozen=True, kw_only=True)
class Halved(Method):
    name = "halved"
    title = "Half of the contrast"
    contrast = "prompt"

    strength: float = strength(0.5)

    def scores(self, main, contrast):
        return extrapolate(main, contrast, self.strength / 2)


class Entry:
    def load(self):
        return Halved


def test_a_method_is_known_by_its_name() -> None:
    table = MethodTable(CAD)
    assert table.register(Halved) is Halved
    assert table["halved"] is Halved
    assert list(table)[:2] == ["cad", "halved"]
    assert table.own == (CAD,)


def test_installed_packages_are_asked_only_for_unknown_names(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def found(*, group: str) -> list[Entry]:
        asked.append(group)
        return [Entry()]

    monkeypatch.setattr(importlib.metadata, "entry_points", found)
    table = MethodTable(CAD)
    assert table["cad"] is CAD
    assert asked == []
    assert table["halved"] is Halved
    assert "none" not in table
    assert asked == [GROUP]


def test_what_is_no_method_is_refused() -> None:
    table = MethodTable(CAD)

    class Nameless(Method):
        contrast = "prompt"

    class Vague(Method):
        name = "vague"

    class Taken(Method):
        name = "cad"
        contrast = "prompt"

    for kind, message in ((Nameless, "`name` of Nameless"), (Vague, "`contrast` of Vague"), (Taken, "`name` of Taken")):
        with pytest.raises(ValueError, match=message):
            table.register(kind)


def test_a_parameter_is_found_by_name() -> None:
    assert CAD.parameter("strength").letter == "alpha"
    with pytest.raises(ValueError, match="`beta` has to be a parameter of cad, but that has strength"):
        CAD.parameter("beta")


def test_the_own_methods_are_those_of_the_package() -> None:
    assert {method.__module__.rpartition(".")[0] for method in METHODS.own} == {"counterfoil.decoding.methods"}
    assert all(METHODS[method.name] is method for method in METHODS.own)
