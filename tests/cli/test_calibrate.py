from __future__ import annotations

import json
import random

import pytest
from click.testing import CliRunner
from counterfoil.attribution import Judgement
from counterfoil.cli import judge
from counterfoil.cli.calibrate import calibrate


class Overconfident:
    """Supported pairs get at least 0.7, the others at most 0.65: its own threshold lets all of those above 0.5 in."""

    name, threshold = "overconfident@1", 0.5

    def judge(self, pairs):
        return [
            Judgement(None, failure="lost") if pair.premise == "lost" else Judgement(float(pair.hypothesis.split()[1]))
            for pair in pairs
        ]


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(judge, "load_entailment", lambda name, **options: Overconfident(**options))
    return lambda *arguments: CliRunner().invoke(calibrate, [str(argument) for argument in arguments])


def written(tmp_path, rows):
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps({"source": "s", **row}) for row in rows))
    return path


def rows(n=200):
    draw = random.Random(0)
    for number in range(n):
        supported = number % 2 == 0
        p = draw.uniform(0.7, 1.0) if supported else draw.uniform(0.3, 0.65)
        label = "supported" if supported else "not_supported"
        yield {"premise": f"premise {number}", "hypothesis": f"says {p:.4f}", "label": label}


def test_the_threshold_separates_and_is_measured_on_other_premises(run, tmp_path):
    path = written(tmp_path, [*rows(), {"premise": "lost", "hypothesis": "x 1", "label": "supported"}])
    out = tmp_path / "calibration.json"
    result = run(path, "--json", out)
    assert result.exit_code == 0, result.output
    found = json.loads(out.read_text())
    assert 0.65 <= found["threshold"] <= 0.7
    assert "1 pairs could not be judged" in result.output
    assert found["balanced_accuracy"] == 1.0
    assert found["before"] < 0.9
    assert found["fitted_on"] + found["measured_on"] == 200
    assert found["measured_on"] > 0
    # Supported and other pairs apart, each with a threshold that was fitted without it.
    assert (found["supported"], found["others"]) == (100, 100)
    assert found["supported_right"] >= 99
    assert found["refused_right"] >= 99
    assert (
        "sensitivity 1.00 [0.96, 1.00], specificity 1.00 [0.96, 1.00], measured on the labelled pairs of"
        in result.output
    )
    assert (found["entailment"], found["own_threshold"], found["not_judged"]) == ("overconfident@1+details/3", 0.5, 1)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"premise": "a", "hypothesis": "x 1", "label": "supported"}], "but holds one kind"),
        ([{"premise": "a", "hypothesis": "x 1"}], "line 1"),
    ],
)
def test_files_that_cannot_be_used(run, tmp_path, rows, message):
    result = run(written(tmp_path, rows))
    assert (result.exit_code, message in result.output) == (2, True)
