"""`counterfoil locate`: every method on example documents, what is printed, written and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
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


def test_words_are_whole_ones_and_several_places_are_told(tmp_path, answer):
    said, held = located(tmp_path, answer, "--words", "in", "--words", "It", "--method", "alignment", "--no-verify")
    starts = [ANSWER.index("in 1990"), ANSWER.index("It is")]
    assert sorted(start for start, _ in held["ranges"]) == sorted(starts)
    assert f"'It' stands in the answer 2 times; meant is {place('It is')[:2]}" in said
    assert "'in' stands" not in said


def test_an_answer_in_utf16(tmp_path, answer):
    answer.write_bytes(ANSWER.encode("utf-16"))
    _, held = located(tmp_path, answer, "--words", "painted", "--method", "alignment", "--no-verify")
    assert held["ranges"] == [[ANSWER.index("painted"), ANSWER.index("painted") + len("painted")]]


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
