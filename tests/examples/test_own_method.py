"""A method of an installed package works by its name wherever the package's own methods do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "examples" / "adacad"
PASSAGE = "In 2031 the government of France moved to Lyon, the new capital. "
QUESTION = "What is the capital of France? The capital of France is"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the package is installed into."""
    source, target = tmp_path_factory.mktemp("source") / "adacad", tmp_path_factory.mktemp("site")
    shutil.copytree(PACKAGE, source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(target), str(source)], check=True)
    return target


def counterfoil(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from counterfoil.cli import main; main()", *arguments],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_generate_knows_it_and_its_parameter(installed: Path) -> None:
    arguments = ["--prompt", PASSAGE + QUESTION, "--contrast", QUESTION, "--max-new-tokens", "2", "--json"]
    run = counterfoil(installed, "generate", "--method", "adacad", "--scale", "5", *arguments)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert (found["contrastive"].strip(), found["plain"].strip()) == ("Lyon.", "Paris.")
    assert found["settings"] == {"scale": 5.0}


def test_eval_run_has_a_row_for_it(installed: Path, tmp_path: Path) -> None:
    traps, figures = tmp_path / "traps.jsonl", tmp_path / "figures.json"
    asked = 'Write a quote that ends in the word "early": Better late than'
    traps.write_text(json.dumps({"prompt": asked, "classes": "[' early', ' never']", "answer_index": 0}) + "\n")
    arguments = ["--method", "none,adacad", "--scale", "1,5", "--data", str(traps), "--json", str(figures)]
    run = counterfoil(installed, "eval", "run", "memotrap", *arguments)
    assert run.returncode == 0, run.stderr
    (result,) = json.loads(figures.read_text())["results"]
    assert [row["label"] for row in result["rows"]] == ["none", "adacad (scale 1)", "adacad (scale 5)"]


def test_a_server_takes_its_keys(installed: Path) -> None:
    code = (
        "from counterfoil.decoding.vllm.contrast_params import parse_contrast\n"
        "pair = parse_contrast({'cf_method': 'adacad', 'cf_scale': 2.0, 'cf_contrast_ids': [1, 2]})\n"
        "print(pair.method.label)\n"
        "try: parse_contrast({'cf_method': 'adacad', 'cf_scale': -1, 'cf_contrast_ids': [1, 2]})\n"
        "except ValueError as error: print(error)"
    )
    env = {**os.environ, "PYTHONPATH": str(installed)}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert run.stdout == "adacad (scale 2)\n`cf_scale` has to be a number of at least 0, but is -1\n"


def test_without_the_package_it_is_unknown(tmp_path: Path) -> None:
    run = counterfoil(tmp_path, "generate", "--method", "adacad", "--prompt", "x")
    assert run.returncode == 2
    assert "has to be one of none, cad, " in run.stderr
