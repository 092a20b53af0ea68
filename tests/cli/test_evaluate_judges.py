"""`counterfoil eval entailment` and `eval attributionbench`: what is printed, written, refused, and the exit codes."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner
from counterfoil.attribution import Judgement, Pair
from counterfoil.cli import judge
from counterfoil.cli.app import app
from counterfoil.eval.entailment import evaluate as measuring
from counterfoil.eval.entailment.data import read_pairs
from counterfoil.eval.entailment.evaluate import evaluate


class Words:
    name, threshold = "words@1", 1.0

    def judge(self, pairs):
        return [self.one(pair) for pair in pairs]

    @staticmethod
    def one(pair: Pair):
        if "broken" in pair.hypothesis:
            return Judgement(None, failure="no answer")
        wanted = re.findall(r"\w+", pair.hypothesis)
        return Judgement(sum(word in pair.premise.split() for word in wanted) / len(wanted))


@pytest.fixture(autouse=True)
def words(monkeypatch):
    monkeypatch.setattr(judge, "load_entailment", lambda name, **_: Words())


def run(*arguments):
    return CliRunner().invoke(app, ["eval", *map(str, arguments)])


def written(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def labelled(n=12):
    return [
        {"premise": f"{i} is red", "hypothesis": f"{i} is {colour}", "label": label, "source": source}
        for i in range(n)
        for source in ("one", "two")
        for colour, label in (("red", "supported"), ("blue" if i % 3 else "red", "not_supported"))
    ]


def test_entailment_prints_the_table_of_the_module(tmp_path):
    file, figures = written(tmp_path / "dev.jsonl", labelled()), tmp_path / "figures.json"
    result = run("entailment", file, "--json", figures)
    assert result.exit_code == 0, result.output
    expected = evaluate(Words(), read_pairs(file))
    assert result.stdout == expected.table() + "\n"
    recorded = json.loads(figures.read_text())
    assert (recorded["task"], recorded["model"], recorded["data"]["n"]) == ("entailment", "words@1", 48)
    # A third of the others reads as the supported ones do: (1 + 2/3) / 2.
    assert recorded["report"]["mean"] == pytest.approx(5 / 6)
    assert recorded["settings"] == {"limit": None, "seed": 0, "train": None}


def test_entailment_has_the_floors_where_there_are_pairs_to_fit_them_on(tmp_path, monkeypatch):
    file = written(tmp_path / "dev.jsonl", labelled())
    written(tmp_path / "train.jsonl", labelled())
    monkeypatch.setattr(measuring, "embedding_cosine", lambda train, rows: np.ones(len(rows), dtype=bool))
    assert "| hypothesis only | embedding cosine |" in run("entailment", file).stdout


def test_pairs_without_a_verdict_are_shown_and_leave_with_3(tmp_path):
    broken = {"premise": "p", "hypothesis": "broken", "label": "supported", "source": "one"}
    result = run("entailment", written(tmp_path / "dev.jsonl", [*labelled(), broken]))
    assert result.exit_code == 3
    assert [line.split("|")[-2].strip() for line in result.stdout.splitlines() if line.startswith("| one")] == ["1"]


def test_a_source_without_any_verdict_ends_no_evaluation(tmp_path):
    broken = [{"premise": "p", "hypothesis": "broken", "label": "supported", "source": "three"}] * 2
    figures = tmp_path / "figures.json"
    result = run("entailment", written(tmp_path / "dev.jsonl", [*labelled(), *broken]), "--json", figures)
    assert result.exit_code == 3, result.output
    sources = {source["source"]: source for source in json.loads(figures.read_text())["report"]["sources"]}
    silent = sources["three"]
    assert (silent["pairs"], silent["failures"], silent["balanced_accuracy"]) == (0, 2, None)
    assert all(sources[name]["balanced_accuracy"] == pytest.approx(5 / 6) for name in ("one", "two"))


def bench(*claims):
    return [
        {
            "claim": text,
            "references": ["a b", "c"],
            "attribution_label": label,
            "src_dataset": "HAGRID",
            "question": "q",
        }
        for text, label in claims
    ]


def test_attributionbench_prints_and_writes_its_table(tmp_path):
    claims = bench(("a c", "attributable"), ("d", "not attributable"), ("b", "not attributable"))
    figures, samples = tmp_path / "figures.json", tmp_path / "samples.jsonl"
    file = written(tmp_path / "bench.jsonl", claims)
    result = run("attributionbench", file, "--json", figures, "--samples", samples)
    assert result.exit_code == 0, result.output
    # One false positive of three: F1 2/3 on both sides.
    assert re.search(r"\| HAGRID \| 3 \| 0\.667 \[0\.667, 0\.667\] \| 0\.667 ", result.stdout)
    recorded = json.loads(figures.read_text())
    assert [row["subset"] for row in recorded["rows"]] == ["HAGRID", "all claims"]
    assert recorded["rows"][0]["figures"]["false_positive_rate"]["value"] == pytest.approx(1 / 2)
    assert [json.loads(line)["predicted"] for line in samples.read_text().splitlines()] == [True, False, True]


def test_attributionbench_leaves_with_3_where_a_claim_got_no_verdict(tmp_path):
    result = run("attributionbench", written(tmp_path / "bench.jsonl", bench(("broken", "attributable"))))
    assert result.exit_code == 3
    assert "| HAGRID | 1 | – | – |" in result.stdout
    assert "1 claim(s) got no verdict" in result.stdout


@pytest.mark.parametrize(
    ("task", "arguments", "message"),
    [
        ("entailment", ("missing.jsonl",), "there is no such file"),
        ("attributionbench", ("FILE",), "line 1 of dev.jsonl has to be a claim of AttributionBench"),
        ("entailment", ("FILE", "--limit", "0"), "`limit` has to be at least 1"),
        ("entailment", ("FILE", "--json", "no/such/file"), "has to be a file in a folder that exists"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(tmp_path, task, arguments, message):
    file = written(tmp_path / "dev.jsonl", labelled())
    result = run(task, *(file if argument == "FILE" else argument for argument in arguments))
    assert (result.exit_code, message in result.stderr, result.stderr.count("\n")) == (2, True, 1)
