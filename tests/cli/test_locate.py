"""`counterfoil locate` and `eval laquer`: every method on example documents, what is printed, written and refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from counterfoil.attribution import Judgement
from counterfoil.cli import judge
from counterfoil.cli.app import app

from tests.support.locating_models import byte_language
from tests.support.pdf_files import pdf_of

ROOT = Path(__file__).parents[2]
DOCUMENTS = ROOT / "examples" / "documents"
FACTS = ROOT / "examples" / "laquer.jsonl"
ANSWER = "The lighthouse was built by Isla Pentreath. It is climbed by 142 steps. It was painted red in 1990.\r\n"


@pytest.fixture
def answer(tmp_path):
    path = tmp_path / "answer.txt"
    path.write_bytes(ANSWER.encode())
    return path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def place(words):
    start = ANSWER.index(words)
    return f"{start}:{start + len(words)}"


def located(tmp_path, answer, *arguments, documents=(DOCUMENTS / "lighthouse.md",)):
    out = tmp_path / "out.json"
    given = [argument for path in documents for argument in ("--documents", path)]
    result = run("locate", "--answer", answer, *given, "--json", out, "--debug", *arguments)
    assert result.exit_code == 0, result.output
    return result.output, json.loads(out.read_text())


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with a random model that reads bytes and has a chat template."""
    folder = tmp_path_factory.mktemp("tiny")
    language = byte_language()
    language.model.save_pretrained(folder)
    language.tokenizer.chat_template = "{% for message in messages %}{{ message.content }}{% endfor %}"
    language.tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    "method",
    [
        ["alignment"],
        ["hidden_states"],
        ["attention_knockout"],
        ["contextcite", "--set", "n_ablations=4"],
        ["prompting", "--set", "tries=1", "--set", "max_tokens=8"],
    ],
    ids=lambda method: method[0],
)
def test_every_method_finds_the_words_in_the_example_documents(tmp_path, answer, tiny, method):
    name, *options = method
    # The real model where it has to understand; where it only has to run, a random one of the same kind.
    options += [] if name in {"alignment", "hidden_states"} else ["--model", tiny]
    question = ["--question", "Who built the lighthouse at Morrow Point?"]
    said, held = located(
        tmp_path, answer, "--span", place("It is climbed by 142 steps"), "--method", name, *question, *options
    )
    text = (DOCUMENTS / "lighthouse.md").read_text()
    assert held["method"] == name
    assert held["claim"] == "The lighthouse at Morrow Point is climbed by 142 steps."
    assert ("contributive" in said) == (name in {"contextcite", "attention_knockout"})
    for span in held["spans"]:
        assert text[span["start"] : span["end"]] == span["quote"]
        assert "142 steps" in span["quote"]
    assert held["candidates"] or name == "contextcite"
    if name in {"alignment", "hidden_states", "prompting"}:
        assert held["spans"], "prompting falls back on the whole document, which is searched"


def test_words_in_several_places_are_one_claim(tmp_path, answer):
    said, held = located(
        tmp_path, answer, "--words", "The lighthouse", "--words", "is climbed by 142 steps",
        "--method", "alignment",
    )  # fmt: skip
    assert held["claim"] == "The lighthouse is climbed by 142 steps."
    assert len(held["ranges"]) == 2
    assert "142 steps" in held["spans"][0]["quote"]
    assert "The lighthouse … is climbed by 142 steps" in said


def test_a_quote_of_a_pdf_names_its_page(tmp_path, answer):
    manual = tmp_path / "manual.pdf"
    manual.write_bytes(
        pdf_of("The island has a ferry.", "The lighthouse is climbed by 142 steps.", "It was painted red in 1874.")
    )
    said, held = located(
        tmp_path, answer, "--words", "It is climbed by 142 steps", "--method", "alignment",
        "--question", "What is known of the lighthouse?", documents=(manual,),
    )  # fmt: skip
    (span,) = held["spans"]
    assert span["quote"] == "The lighthouse is climbed by 142 steps."
    assert f"  manual.pdf, p. 2, {span['start']}:{span['end']}" in said


def test_an_unsupported_claim_has_no_spans_in_all_documents(tmp_path, answer):
    said, held = located(
        tmp_path, answer, "--words", "It was painted red in 1990", "--method", "alignment",
        "--question", "Who built the lighthouse at Morrow Point?", documents=(DOCUMENTS,),
    )  # fmt: skip
    assert held["spans"] == []
    assert held["status"] in {"not_supported", "contradicted"}
    assert "Considered and dropped" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--span", "3"], "has to be START:END"),
        (["--span", "3:999"], "has to lie within the"),
        ([], "either as --span START:END or as --words TEXT"),
        (["--words", "nowhere"], "--words has to stand in the answer"),
        (["--span", "0:3", "--method", "magic"], "'--method': 'magic' is not one of"),
        (["--span", "0:3", "--decontextualize", "magic"], "'--decontextualize': 'magic' is not one of"),
        (["--span", "0:3", "--method", "alignment", "--set", "layer=3"], "--set has to be one that alignment takes"),
        (["--span", "0:3", "--method", "alignment", "--set", "least=3"], "--set least has to be in [-1, 1], but is 3"),
    ],
)
def test_what_cannot_be_meant_is_told_in_a_line(answer, arguments, message):
    result = run("locate", "--answer", answer, "--documents", DOCUMENTS / "lighthouse.md", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


class Words:
    name, threshold = "words@1", 0.8

    def judge(self, pairs):
        return [Judgement(self.share(*pair)) for pair in pairs]

    @staticmethod
    def share(premise, hypothesis):
        wanted = re.findall(r"\w+", hypothesis.lower())
        return sum(word in premise.lower() for word in wanted) / len(wanted)


@pytest.fixture
def two_answers(tmp_path):
    path = tmp_path / "facts.jsonl"
    path.write_text("".join(FACTS.read_text().splitlines(keepends=True)[:2]))
    return path


def test_the_evaluation_prints_a_row_for_what_is_checked_and_what_is_not(tmp_path, two_answers, monkeypatch):
    monkeypatch.setattr(judge, "load_entailment", lambda name, **_: Words())
    out, samples = tmp_path / "out.json", tmp_path / "samples.jsonl"
    result = run("eval", "laquer", two_answers, "--method", "alignment", "--json", out, "--samples", samples, "--debug")
    assert result.exit_code == 0, result.output
    rows = {row["label"]: row["figures"] for row in json.loads(out.read_text())["methods"]}
    assert list(rows) == ["whole cited documents", "alignment, its own spans", "alignment, checked"]
    assert rows["whole cited documents"]["ratio"]["value"] == 1.0
    assert rows["alignment, checked"]["ratio"]["value"] < 0.35
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    facts = sum(len(json.loads(line)["facts"]) for line in two_answers.read_text().splitlines())
    assert len(lines) == 2 * facts
    checked = [line for line in lines if line["row"] == "alignment, checked"]
    mean = sum(line["f1"] for line in checked if line["gold"]) / sum(bool(line["gold"]) for line in checked)
    assert rows["alignment, checked"]["F1"]["value"] == pytest.approx(mean)
    given = [line for line in checked if not line["gold"]]
    assert rows["alignment, checked"]["without support, with span"]["value"] == sum(
        bool(g["spans"]) for g in given
    ) / len(given)
    assert "AutoAIS is the word of the model that checked" in result.output


def test_tuning_prints_its_choices_best_first(two_answers):
    result = run("eval", "laquer", two_answers, "--method", "alignment", "--tune", "--split", "dev")
    assert result.exit_code == 0, result.output
    scores = [float(line.split("|")[5]) for line in result.output.splitlines() if line.startswith("| –")]
    assert len(scores) == 15
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": 5000, "end": 5001}, "line 1: fact x has to lie within"),
        ({"cited": ["nobody"]}, "cites 'nobody'"),
        ({"gold": [{"document": "bridge", "start": 0, "end": 3, "quote": "abc"}]}, "the gold of fact x has to be"),
        ({"gold": [{"document": "nobody", "start": 0, "end": 3}]}, "has to be in a document of the answer"),
        ({"text": "other words"}, "fact x has to be"),
    ],
)
def test_a_file_that_does_not_fit_together_is_refused_by_line(tmp_path, change, message):
    item = json.loads(FACTS.read_text().splitlines()[0])
    item["facts"] = [{"id": "x", "start": 0, "end": 3, **change}]
    path = tmp_path / "broken.jsonl"
    path.write_text(json.dumps(item))
    result = run("eval", "laquer", path, "--method", "alignment")
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_what_is_of_one_method_is_refused_for_two(two_answers):
    result = run("eval", "laquer", two_answers, "--set", "layer=3")
    assert result.exit_code == 2
    assert "are for a single --method" in " ".join(result.output.split())
