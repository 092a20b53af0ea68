"""The layout keeps its promises: who may import whom, what is installed, what is exported."""

from __future__ import annotations

import ast
import importlib
import itertools
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {
    "models": set(),
    "decoding": {"models"},
    "attribution": {"models"},
    "eval": {"models", "decoding", "attribution"},
    "cli": {"models", "decoding", "attribution", "eval"},
}
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def counterfoil_imports(path: Path) -> set[str]:
    """The rooms that a file imports by their absolute names."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.append(node.module)
    return {name.split(".")[1] for name in names if name.startswith("counterfoil.")}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_what_it_may_know(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    assert counterfoil_imports(path) <= ROOMS[room], "inside a room imports are relative"


def test_every_package_is_installed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {
        "counterfoil." + ".".join(path.parent.relative_to(ROOT).parts) for path in SOURCES if path.name == "__init__.py"
    }
    assert listed == found


def test_runtime_dependencies_are_few_and_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "docs" / "dependencies.md").read_text()
    assert len(project["dependencies"]) < 10
    for requirement in [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]:
        name = requirement.split(">=")[0].split("[")[0]
        assert name == "counterfoil" or f"| {name} |" in text, name


@pytest.mark.parametrize("room", ["models", "decoding", "decoding.methods", "attribution", "attribution.entailment"])
def test_exports_are_sorted_and_exist(room: str) -> None:
    module = importlib.import_module(f"counterfoil.{room}")
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert len(set(module.__all__)) == len(module.__all__)
