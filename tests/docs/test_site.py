"""The site's navigation."""

from __future__ import annotations

import re
from pathlib import Path


def test_a_page_stands_in_the_navigation_once() -> None:
    text = (Path(__file__).parents[2] / "mkdocs.yml").read_text()
    pages = re.findall(r"[\w/]+\.md", text.split("\nnav:")[1])
    assert sorted(pages) == sorted(set(pages))
