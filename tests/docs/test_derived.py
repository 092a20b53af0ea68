"""What is derived from the methods' declarations is up to date: parameter tables, and stubs for editors."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import counterfoil.decoding
import pytest
from counterfoil.decoding.methods import METHODS

from tools import derive

ROOT = Path(__file__).parents[2]


def test_every_derived_file_is_up_to_date() -> None:
    derived = derive.derived_files()
    old = [str(path.relative_to(ROOT)) for path, content in derived.items() if path.read_text() != content]
    assert old == [], "run `python -m tools.derive`"


@pytest.mark.parametrize("method", METHODS.own, ids=lambda method: method.name)
def test_every_method_has_a_page_with_its_parameters(method) -> None:
    page = (ROOT / "docs" / "methods" / f"{method.name}.md").read_text()
    assert f"<!-- derived: parameters {method.name} -->" in page
    for parameter in method.parameters():
        assert f"| `{parameter.name}` |" in page


def test_a_page_that_is_out_of_date_is_found() -> None:
    page = (ROOT / "docs" / "methods" / "cad.md").read_text()
    assert derive.MARK.sub(derive._part, page.replace("| 0.5 |", "| 0.6 |")) == page


def test_the_stub_of_the_package_names_what_it_has() -> None:
    tree = ast.parse((ROOT / "decoding" / "__init__.pyi").read_text())
    named = [alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(named) == counterfoil.decoding.__all__ == dir(counterfoil.decoding)


def test_a_stub_has_the_arguments_that_a_processor_takes() -> None:
    text = (ROOT / "decoding" / "processors" / "images.pyi").read_text()
    (line,) = re.findall(r"class VCDLogitsProcessor.*?(def from_images[^\n]*)", text, flags=re.DOTALL)
    for name in inspect.signature(counterfoil.decoding.VCDLogitsProcessor.from_images).parameters:
        assert re.search(rf"\b{name}: ", line), name
