"""What reports say of the default judge is what it does with the detail check as it is."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from pathlib import Path

from counterfoil.attribution import Pair, load_entailment
from counterfoil.attribution.detail_check import VERSION
from counterfoil.attribution.entailment.detail_checked import with_details
from counterfoil.attribution.entailment.local.model import CHECKED_BY, FACTS, MEASURED

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "judges.py"
AGAIN = "measure again with `python benchmarks/judges.py local`"


def test_the_figures_in_reports_are_of_the_detail_check_as_it_is():
    assert CHECKED_BY == VERSION, AGAIN


def test_the_figures_in_reports_are_those_that_come_out():
    spec = importlib.util.spec_from_file_location("judges", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    by_kind: dict[str, list[Pair]] = defaultdict(list)
    for kind, pair in script.pairs():
        by_kind[kind].append(pair)
    judge = load_entailment("local", device="cpu")
    for checked, said in MEASURED.items():
        right: dict[str, list[bool]] = {}
        for kind in ("true facts", "unsaid facts", "changed facts", "changed details, reworded"):
            judged = judge.judge(by_kind[kind])
            if checked:
                judged = [with_details(*each) for each in zip(judged, by_kind[kind], strict=True)]
            right[kind] = [(each.supported >= judge.threshold) == (kind in script.TRUE) for each in judged]
        others = right["unsaid facts"] + right["changed facts"]
        counts = (sum(right["true facts"]), len(right["true facts"]), sum(others), len(others))
        assert (said.supported_right, said.supported, said.refused_right, said.others) == counts, AGAIN
        shares = [right[kind] for kind in ("changed facts", "changed details, reworded")]
        assert said.on == FACTS.format(*(f"{sum(some) / len(some):.2f}" for some in shares)), AGAIN
