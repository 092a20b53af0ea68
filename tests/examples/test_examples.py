"""Every example runs as it is, and says what its users were promised."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SAYS = {
    "researcher.py": ["CAD, strength 1:            Lyon", "the same, one forward:   Lyon", "contrastive search:"],
    "score_in_ci.py": ["exit codes: 0 for the good answers, 1 with the wrong ones", "mean_f1 is 0."],
    "ask_documents.py": [
        "supported: The ferry crossing from Port Anwen to Stannick takes 55 minutes.",
        "KiB of report",
    ],
    "own_method.py": ["AdaCAD:                 Lyon", "the same, one forward:  Lyon", "adacad (scale 5):       Lyon"],
    "evaluate_method.py": ["moved (version 1), 12 items of places,", "| cad (strength 1) | "],
}
ELSEWHERE = {"serving.py", "shaded_words.py"}
"""Needs a server; tests/decoding/vllm starts one."""


def test_every_example_is_run() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == SAYS.keys() | ELSEWHERE


@pytest.mark.parametrize("name", SAYS)
def test_it_runs_as_it_is(name: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        cwd=tmp_path,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    for text in SAYS[name]:
        assert text in run.stdout + run.stderr
    assert not list(tmp_path.iterdir()), "an example leaves nothing behind where it is run"
