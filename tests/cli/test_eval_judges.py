"""Entailment models as tasks of `counterfoil eval run`: what is printed, written, refused, and the exit codes."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner
from counterfoil.attribution import Judgement, Pair
from counterfoil.cli import judge
from counterfoil.cli.app import app

from tests.support.tasks import TinyEmbedding


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


def run(task, file, *arguments):
    return CliRunner().invoke(app, ["eval", "run", task, "--data", str(file), *map(str, arguments)])


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


def test_entailment_prints_and_writes_its_table(tmp_path):
    file, figures, drawing = written(tmp_path / "dev.jsonl", labelled()), tmp_path / "figures.json", tmp_path / "o.png"
    result = run("entailment", file, "--json", figures, "--plot", drawing)
    assert result.exit_code == 0, result.output
    (recorded,) = json.loads(figures.read_text())["results"]
    assert (recorded["task"], recorded["model"], recorded["data"]["n"]) == ("entailment", "words@1", 48)
    # A third of the others reads as the supported ones do: (1 + 2/3) / 2.
    assert recorded["rows"][-1]["figures"]["balanced accuracy"]["value"] == pytest.approx(5 / 6)
    assert recorded["settings"] == {
        "train": None, "limit": None, "seed": 0, "engine": "entailment", "threshold": 1.0,
    }  # fmt: skip
    assert "| one | 24 | 0.50 | 0.833 [" in result.stdout
    assert drawing.read_bytes().startswith(b"\x89PNG")


def test_entailment_has_the_floors_if_there_are_pairs_to_fit_them_on(tmp_path, monkeypatch):
    monkeypatch.setattr("counterfoil.models.load_embedding_model", lambda name=None, **_: TinyEmbedding())
    file = written(tmp_path / "dev.jsonl", labelled())
    written(tmp_path / "train.jsonl", labelled())
    result = run("entailment", file)
    assert result.exit_code == 0, result.output
    assert "| hypothesis only | embedding cosine |" in result.stdout
    other = written(tmp_path / "other.jsonl", labelled(6))
    assert "other.jsonl" in json.dumps(_recorded(tmp_path, "entailment", file, "--train", other)["settings"])


def _recorded(folder, *arguments):
    result = run(*arguments, "--json", folder / "recorded.json")
    assert result.exit_code == 0, result.output
    return json.loads((folder / "recorded.json").read_text())["results"][0]


def test_options_of_the_model_are_recorded(tmp_path):
    file = written(tmp_path / "dev.jsonl", labelled())
    recorded = _recorded(tmp_path, "entailment", file, "-o", "batch_size=4", "--device", "cpu")
    assert (recorded["settings"]["option batch_size"], recorded["settings"]["option device"]) == (4, "cpu")


@pytest.mark.parametrize("option", ["--json", "--samples", "--plot"])
@pytest.mark.parametrize("source", ["--data", "--train"])
def test_an_input_is_not_overwritten(tmp_path, option, source):
    files = {
        "--data": written(tmp_path / "dev.jsonl", labelled()),
        "--train": written(tmp_path / "t.jsonl", labelled()),
    }
    before = files[source].read_text()
    result = run("entailment", files["--data"], "--train", files["--train"], option, files[source])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "it is an input" in result.stderr
    assert files[source].read_text() == before


def test_the_detail_check_is_measured_if_it_is_asked_for(tmp_path):
    file, figures = written(tmp_path / "dev.jsonl", labelled()), tmp_path / "figures.json"
    assert run("entailment", file, "--detail-check", "--json", figures).exit_code == 0
    assert json.loads(figures.read_text())["results"][0]["model"].startswith("words@1+details/")


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
    (recorded,) = json.loads(figures.read_text())["results"]
    sources = {row["label"]: row["figures"] for row in recorded["rows"]}
    silent = sources["three"]
    assert (silent["pairs"]["value"], silent["not checked"]["value"]) == (0, 2)
    assert silent["balanced accuracy"]["value"] is None
    assert all(sources[name]["balanced accuracy"]["value"] == pytest.approx(5 / 6) for name in ("one", "two"))
    assert recorded["unchecked"] == 2


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
    assert re.search(r"\| HAGRID \| 3 \| 0\.667 \| 0\.667 ", result.stdout)
    (recorded,) = json.loads(figures.read_text())["results"]
    assert [row["label"] for row in recorded["rows"]] == ["HAGRID", "all claims"]
    assert recorded["rows"][0]["figures"]["false positive rate"]["value"] == pytest.approx(1 / 2)
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    assert [line["score"]["predicted"] for line in lines] == [True, False, True]


def test_attributionbench_leaves_with_3_if_a_claim_got_no_verdict(tmp_path):
    result = run("attributionbench", written(tmp_path / "bench.jsonl", bench(("broken", "attributable"))))
    assert result.exit_code == 3
    assert "| HAGRID | 1 | 1 |" in result.stdout
    assert "1 claim(s) got no verdict" in result.stdout


@pytest.mark.parametrize(
    ("task", "arguments", "message"),
    [
        ("entailment", ("missing.jsonl",), "cannot read entailment: there is no "),
        ("attributionbench", ("FILE",), "line 1 of dev.jsonl has to be a claim of AttributionBench"),
        ("entailment", ("FILE", "--limit", "-1"), "Invalid value for '--limit'"),
        ("entailment", ("FILE", "--json", "no/such/file"), "there is no folder 'no/such'"),
        ("entailment", ("FILE", "--train", "missing.jsonl"), "does not exist"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(tmp_path, task, arguments, message):
    file = written(tmp_path / "dev.jsonl", labelled())
    result = run(task, *(file if argument == "FILE" else argument for argument in arguments))
    assert (result.exit_code, message in result.stderr, result.stderr.count("\n")) == (2, True, 1)
