"""The examples on the pages of the methods print what the pages say."""

from __future__ import annotations

import doctest
import functools
import re
from pathlib import Path

import counterfoil.models
import pytest

METHODS = Path(__file__).parents[2] / "docs" / "methods"
PAGES = sorted(page for page in METHODS.glob("*.md") if "```pycon" in page.read_text())
loaded_once = functools.cache(counterfoil.models.load_language_model)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_print_what_is_shown(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counterfoil.models, "load_language_model", loaded_once)
    blocks = "\n".join(re.findall(r"```pycon\n(.*?)```", page.read_text(), flags=re.DOTALL))
    example = doctest.DocTestParser().get_doctest(blocks, {}, page.name, str(page), 0)
    report: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize("page", sorted(METHODS.glob("*.md")), ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).is_file()] == []
