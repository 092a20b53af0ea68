"""Marks such as ✅, partners of clauses alike and other details: the default judge with the check beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from counterfoil.attribution import Pair, Status, cite
from counterfoil.attribution.entailment.detail_checked import detail_checked
from counterfoil.attribution.entailment.premises import STRICT
from counterfoil.attribution.entailment.registry import default_entailment

CASES = [json.loads(line) for line in Path(__file__).with_name("judged.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def verdicts():
    """Return the verdict on each case; all are judged at once."""
    judge = detail_checked(default_entailment())
    pairs = [Pair(case["premise"], STRICT.hypothesis(case["statement"])) for case in CASES]
    names = {True: "supported", False: "not_supported"}
    return [
        "not_checked" if each.supported is None else names[each.supported >= judge.threshold]
        for each in judge.judge(pairs)
    ]


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case["statement"] for case in CASES])
def test_what_a_mark_or_a_partner_says_decides(number, verdicts):
    assert verdicts[number] in CASES[number]["verdicts"]


def test_cite_gives_no_source_to_the_other_mark():
    (same,) = cite("Dogs are allowed: ✅", ["Dogs are allowed: ✅"]).statements
    (other,) = cite("Dogs are allowed: ❌", ["Dogs are allowed: ✅"]).statements
    assert same.status is Status.SUPPORTED
    assert other.status is Status.NOT_SUPPORTED
    assert [detail.message for detail in other.details] == ["❌: the source says ✅"]


def test_a_picture_that_no_word_of_the_source_says_is_not_checked_with_the_reason():
    (statement,) = cite("Weather tomorrow: 🌧️", ["Weather tomorrow is what everybody asks for."]).statements
    assert statement.status is Status.NOT_CHECKED
    assert "🌧" in statement.failure
