"""The check that has to go red: a file of planted errors, scored by the command with its defaults, as in a build."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"


def score(name, *options):
    """Run the command with the default judge, in a process of its own."""
    run = "from counterfoil.cli import main; main()"
    command = [sys.executable, "-c", run, "score", str(DATA / name), "--no-cache", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    out = tmp_path_factory.mktemp("planted") / "errors.json"
    return score("planted_errors.jsonl", "--fail-under", 0.5, "--json", out), json.loads(out.read_text())


def test_planted_errors_fail_the_build(errors):
    ran, written = errors
    assert ran.returncode == 1, ran.stderr
    assert "mean_f1 is 0.000, under 0.5" in ran.stderr
    assert "this judge: sensitivity 0.83 [0.75, 0.89], specificity 0.70 [0.52, 0.84], measured on the 123" in ran.stdout
    assert "it calls 0.000 of 20 judged statements supported; without its errors 0.000 [0.000, " in ran.stdout
    assert written["corpus"]["supported_share"]["value"] == written["corpus"]["corrected_share"]["value"] == 0
    assert all(answer["statements"][0]["details"] for answer in written["answers"])


def test_the_same_statements_without_the_errors_pass():
    ran = score("planted_right.jsonl", "--fail-under", 0.95)
    assert ran.returncode == 0, ran.stderr


def test_without_the_detail_check_most_errors_pass():
    """What the check is for: the judge alone lets most of them through."""
    ran = score("planted_errors.jsonl", "--fail-under", 0.5, "--no-detail-check")
    assert ran.returncode == 0, ran.stdout
    assert "this judge: sensitivity 0.85 [0.77, 0.91], specificity 0." in ran.stdout
