"""The tables of docs/performance.md about drafts are those of the records beside them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import median
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
RECORDS = sorted((DOCS / "measured").glob("*.json"))
KINDS = ("quoting", "half quoting", "not quoting", "all")


def read(name: str) -> dict[str, Any]:
    return json.loads((DOCS / "measured" / f"{name}.json").read_text())


def ratios(runs: list[dict[str, Any]], name: str, other: str) -> list[float]:
    both = [(run["contenders"][name], run["contenders"][other]) for run in runs]
    return [before["seconds_a_token"] / own["seconds_a_token"] for own, before in both]


def cells(line: str) -> list[str]:
    return [cell.strip(" *") for cell in line.strip("|\n").split("|")]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_records_say_how_they_were_made_and_are_named_on_the_page(path: Path) -> None:
    record = json.loads(path.read_text())
    assert re.match(r"python benchmarks/\w+\.py ", record["command"])
    assert {"python", "torch", "transformers", "processor", "threads"} <= set(record["machine"])
    assert not re.search(r'["\' ]/\w', path.read_text()), "a path of the machine"
    assert f"(measured/{path.name})" in (DOCS / "performance.md").read_text()


@pytest.mark.parametrize("name", ["drafts", "drafts_1024"])
def test_tables_of_drafts(name: str) -> None:
    runs = read(name)["runs"]
    assert all(run["same"] for run in runs)
    lines = [cells(line) for line in (DOCS / "performance.md").read_text().splitlines() if line.startswith("| ")]
    for kind in KINDS:
        own = [run for run in runs if kind in (run["kind"], "all")]
        drafted = [run["contenders"]["with drafts"] for run in own]
        written = sum(len(run["tokens"][0]) - 1 for run in drafted)
        plain, views = (ratios(own, "with drafts", other) for other in ("plain greedy", "batched views"))
        expected = [
            kind, str(len(own)), f"{written / sum(run['forwards'] - 1 for run in drafted):.2f}",
            f"{median(plain):.2f}", f"{min(plain):.2f} to {max(plain):.2f}",
            f"{median(views):.2f}", f"{min(views):.2f}",
            f"{median(ratios(own, 'plain, prompt lookup', 'plain greedy')):.2f}",
        ]  # fmt: skip
        assert expected in lines


def test_table_of_amateurs() -> None:
    runs = read("amateur_drafts")["runs"]
    assert all(run["same"] for run in runs)
    lines = [cells(line) for line in (DOCS / "performance.md").read_text().splitlines() if line.startswith("| ")]
    for amateur in dict.fromkeys(run["amateur"] for run in runs):
        own = [run for run in runs if run["amateur"] == amateur]
        reads = [run["contenders"]["amateur drafts"]["expert_read"] for run in own]
        drafted = sum(map(sum, reads)) - sum(map(len, reads))
        written = sum(len(run["contenders"]["amateur drafts"]["tokens"]) - 1 for run in own)
        taken = (written - sum(map(len, reads))) / drafted

        def each(name: str, other: str, own: list[dict[str, Any]] = own) -> str:
            return " / ".join(f"{ratio:.2f}" for ratio in ratios(own, name, other))

        copying = "amateur drafts, and copies"
        expected = [
            amateur, f"{taken:.2f}", each("amateur drafts", "processor"), each(copying, "processor"),
            each(copying, "plain expert"), each("plain expert, assisted", "plain expert"),
        ]  # fmt: skip
        assert expected in lines
