"""The page on the architecture names files that there are: it is read by people who then look for them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STARTS = ("", "decoding/", "decoding/vllm/", "attribution/", "attribution/scoring/")
"""Where a path on the page may start: the sections shorten paths by their folder."""


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_path_that_is_named_exists(page: str) -> None:
    named = re.findall(r"`([\w./-]+(?:\.py|\.md|\.txt|\.toml|/))`", (ROOT / page).read_text(encoding="utf-8"))
    assert len(named) >= 5
    missing = [name for name in named if "NAME" not in name and not any((ROOT / at / name).exists() for at in STARTS)]
    assert missing == []


def test_every_top_level_package_is_on_the_page() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "tools"}
    assert {name for name in packages if name not in page} == set()
