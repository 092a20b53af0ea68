"""The layout keeps its promises: who may import whom, what is installed, what is exported, how long a file is."""

from __future__ import annotations

import ast
import importlib
import itertools
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {
    "models": set(),
    "decoding": {"models"},
    "attribution": {"models"},
    "grounding": {"models", "decoding", "attribution"},
    "eval": {"models", "decoding", "attribution", "grounding"},
    "training": {"models", "decoding", "attribution", "grounding", "eval"},
    "cli": {"models", "decoding", "attribution", "grounding", "eval"},
}
"""The rooms that each room may import."""

INSTALLED = ROOMS.keys() - {"training"}
LONGEST = 400


def module_name(path: Path) -> str:
    """The name under which a file is imported."""
    return ".".join(("counterfoil", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
MODULES = {module_name(path): path for path in SOURCES}


def import_statements(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """All imports that can run, those within functions too; not those for type checkers alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from import_statements(ast.Module([other], []))
        elif isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        else:
            yield from import_statements(child)


def imported(path: Path, modules: Mapping[str, Path]) -> Iterator[str]:
    """Names of the modules among `modules` that a file imports."""
    package = module_name(path).split(".")[: None if path.name == "__init__.py" else -1]
    for statement in import_statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(statement, ast.Import):
            found = [alias.name for alias in statement.names]
        else:
            start = package[: len(package) - statement.level + 1] if statement.level else []
            base = ".".join([*start, *((statement.module or "").split(".") if statement.module else [])])
            # `from package import name` imports a module or something within the package's own file.
            found = [name if (name := f"{base}.{alias.name}") in modules else base for alias in statement.names]
        yield from (name for name in found if name in modules)


GRAPH = {name: sorted(set(imported(path, MODULES)) - {name}) for name, path in MODULES.items()}


def circles(graph: Mapping[str, list[str]]) -> list[frozenset[str]]:
    """Sets of modules of which each reaches each other (Tarjan's strongly connected components, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []
    for root in graph:
        if root in index:
            continue
        work = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        while work:
            name, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    position = stack.index(name)
                    component = frozenset(stack[position:])
                    del stack[position:]
                    if len(component) > 1:
                        found.append(component)
            elif following not in index:
                index[following] = low[following] = len(index)
                stack.append(following)
                work.append((following, iter(graph[following])))
            elif following in stack:
                low[name] = min(low[name], index[following])
    return found


def room(module: str) -> str:
    """The top-level folder of a module."""
    return module.split(".")[1]


def test_no_modules_import_each_other_in_a_circle() -> None:
    # The list of a package's names, its __init__, is no place where anything is done.
    inner = {name for name, path in MODULES.items() if path.name != "__init__.py"}
    graph = {name: [other for other in GRAPH[name] if other in inner] for name in inner}
    assert circles(graph) == []


def test_circles_are_found() -> None:
    graph = {"a": ["b"], "b": ["c"], "c": ["b", "d"], "d": [], "e": ["f", "a"], "f": ["e"]}
    assert set(circles(graph)) == {frozenset("bc"), frozenset("ef")}


def test_no_arrow_leads_upwards() -> None:
    arrows = [(name, other) for name, others in GRAPH.items() for other in others if room(name) != room(other)]
    assert [(a, b) for a, b in arrows if room(b) not in ROOMS[room(a)]] == []
    assert ("counterfoil.cli.ask", "counterfoil.grounding") in arrows, "the walk sees imports"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_are_relative_within_a_room_and_absolute_across(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0]
    for statement in import_statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(statement, ast.ImportFrom):
            assert statement.level or not (statement.module or "").startswith(f"counterfoil.{own}."), statement.module
            depth = len(path.relative_to(ROOT).parent.parts)
            assert statement.level <= depth, f"{path}: {ast.unparse(statement)}"


def test_no_file_is_long() -> None:
    lengths = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}
    assert {module: n for module, n in lengths.items() if n > LONGEST} == {}


def test_every_package_is_installed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {module for module, path in MODULES.items() if path.name == "__init__.py" and room(module) in INSTALLED}
    # Folders of files that no code is in; setuptools wants them named all the same.
    assert listed == found | {
        "counterfoil.attribution.report.web",
        "counterfoil.grounding.app.web",
        "counterfoil.models.scenes",
    }


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if "raise ImportError(" in path.read_text()], ids=module_name
)
def test_what_is_missing_is_told_with_its_cause_and_the_command_that_brings_it(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = ast.unparse(node.exc)
            if raised.startswith("ImportError("):
                assert "{error}" in raised, f"{raised}: the cause may be another package that is missing"
                assert "pip install" in raised or "EXTRA" in raised, raised


def test_runtime_dependencies_are_few_and_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "docs" / "dependencies.md").read_text()
    assert len(project["dependencies"]) <= 15
    for requirement in [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]:
        name = requirement.split(">=")[0].split("[")[0]
        assert name == "counterfoil" or f"| {name} |" in text, name


@pytest.mark.parametrize("name", ["models", "decoding", "attribution", "attribution.entailment", "grounding"])
def test_exports_are_sorted_and_exist(name: str) -> None:
    module = importlib.import_module(f"counterfoil.{name}")
    assert [export for export in module.__all__ if not hasattr(module, export)] == []
    assert len(set(module.__all__)) == len(module.__all__)
