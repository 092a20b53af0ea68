"""Locating methods that an installed package adds: a distribution on the path, as pip would leave it."""

from __future__ import annotations

import sys

import pytest
from counterfoil.attribution import Document, Kind, Locator, Status
from counterfoil.attribution.locating import METHODS

METHOD = '''
from counterfoil.attribution.locating.base import BaseMethod, Proposal, everything
from counterfoil.attribution import Kind, SourceSpan

class FirstWord(BaseMethod):
    """Proposes the first word of each document."""

    name, kind = "first_word", Kind.CORROBORATIVE

    def __init__(self, answer, documents, *, question=None, model=None, least=1):
        super().__init__(answer, documents, question)
        self.least = least

    def _propose(self, query):
        spans = [SourceSpan.of(d, 0, len(d.text.split()[0]), 0.5) for d in self.documents]
        return Proposal(tuple(spans), everything(self.documents))
'''


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Puts a distribution with entry points where Python finds it; what was looked up before is forgotten."""

    def install(group: str, **entries: str) -> None:
        metadata = tmp_path / "acme-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
        lines = "\n".join(f"{name} = {value}" for name, value in entries.items())
        (metadata / "entry_points.txt").write_text(f"[{group}]\n{lines}\n")
        (tmp_path / "acme_locating.py").write_text(METHOD)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "acme_locating", raising=False)

    METHODS.__dict__.pop("_found", None)
    yield install
    METHODS.__dict__.pop("_found", None)


def test_an_installed_package_adds_a_locating_method(installed, words):
    installed("counterfoil.locating_methods", first_word="acme_locating:FirstWord")
    assert list(METHODS)[-1] == "first_word"
    assert "acme_locating" not in sys.modules, "nothing is imported before it is asked for"
    locator = Locator("Tower.", [Document("a", "Tower and more.")], method="first_word", entailment=words, least=2)
    found = locator.locate((0, 5))
    assert (found.status, found.method, found.kind) == (Status.SUPPORTED, "first_word", Kind.CORROBORATIVE)
    assert locator.method.least == 2
