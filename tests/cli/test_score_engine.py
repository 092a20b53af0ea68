"""`counterfoil score --engine`: the same file on Ray, and what is refused."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner
from counterfoil.attribution import Judgement
from counterfoil.cli import judge
from counterfoil.cli.app import app


@pytest.fixture(autouse=True)
def words(monkeypatch):
    def load(name, **options):  # pickled by value: a worker cannot import a test
        class Words:
            threshold = 0.5

            def __init__(self, name="words@1"):
                self.name = name

            def judge(self, pairs):
                found = ((set(re.findall(r"\w+", text.lower())) for text in pair) for pair in pairs)
                return [Judgement(float(hypothesis <= premise)) for premise, hypothesis in found]

        return Words(**options)

    monkeypatch.setattr(judge, "load_entailment", load)


@pytest.fixture
def file(tmp_path):
    rows = [
        {
            "response": f"Alpha {n} [1]. Beta [1][2].",
            "retrieved_contexts": [f"Alpha {n}.", "Beta." if n % 3 else "Gamma."],
        }
        for n in range(30)
    ]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(*arguments):
    return CliRunner().invoke(app, ["score", "--entailment", "words", *map(str, arguments)])


def test_ray_writes_what_the_local_engine_writes(tmp_path, file):
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install counterfoil[ray]")
    ray.init(num_cpus=2, object_store_memory=80 * 2**20, include_dashboard=False, log_to_driver=False)
    try:
        local = run(file, "--no-cache", "--json", tmp_path / "local.json")
        spread = run(file, "--cache", tmp_path / "cache", "--engine", "ray", "--json", tmp_path / "ray.json")
        refused = run(file, "--engine", "ray", "-o", "colour=red")
    finally:
        ray.shutdown()
    assert (local.exit_code, spread.exit_code) == (0, 0), spread.output
    assert json.loads((tmp_path / "ray.json").read_text()) == json.loads((tmp_path / "local.json").read_text())
    assert spread.stdout.splitlines()[:-1] == local.stdout.splitlines()[:-1]
    assert (refused.exit_code, "unexpected keyword argument 'colour'" in refused.stderr) == (2, True)


def test_a_ray_that_the_command_starts_has_to_have_room_for_the_workers(file):
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install counterfoil[ray]")
    refused = run(file, "--engine", "ray", "--workers", 10_000)
    assert (refused.exit_code, "--workers has to be at most" in refused.stderr) == (2, True)
    assert not ray.is_initialized()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--engine", "spark"), "'--engine': 'spark' is not one of 'local', 'ray'"),
        (("--workers", 2), "--workers is for --engine ray"),
    ],
)
def test_what_cannot_be_meant_is_refused(file, arguments, message):
    result = run(file, *arguments)
    assert (result.exit_code, message in result.stderr, result.stderr.count("\n")) == (2, True, 1)
