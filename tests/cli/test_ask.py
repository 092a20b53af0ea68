"""`counterfoil ask` as a person runs it: once to the end, once interrupted, and with everything that can be wrong."""

from __future__ import annotations

import itertools
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner
from counterfoil.cli.app import app

from tests.support.interrupting import interruptible

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"
QUESTION = "When was the lighthouse at Morrow Point built, and by whom?"
COMMAND = [sys.executable, "-c", "from counterfoil.cli import main; main()"]
ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1", "TERM": "xterm", "COLUMNS": "200", "PYTHONWARNINGS": "error"}


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ask")
    (folder / "notes").mkdir()
    (folder / "notes" / "photo.jpg").write_bytes(b"\xff\xd8")
    (folder / "notes" / "evil.html").write_text(
        "<title>Evil</title><p>The lighthouse <script>alert(1)</script> is red.</p>"
    )
    arguments = ["ask", QUESTION, "--documents", EXAMPLES, folder / "notes", "--compare"]
    outputs = ["--report", folder / "report.html", "--json", folder / "answer.json"]
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "PYTHONWARNINGS"}
    run = subprocess.run(
        [*COMMAND, *map(str, arguments), *map(str, outputs)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert run.returncode == 0, run.stderr
    return folder, run


@pytest.fixture(scope="module")
def recorded(answered):
    return json.loads((answered[0] / "answer.json").read_text(encoding="utf-8"))


def test_the_answer_is_right_and_cited(recorded):
    first = recorded["statements"][0]
    assert {"1871", "1874", "Isla", "Pentreath"} <= set(first["text"].replace(".", " ").replace(",", " ").split())
    assert first["status"] == "supported"
    assert [citation["document"] for citation in first["citations"]] == ["lighthouse.md"]
    assert "between 1871 and 1874 by the engineer Isla Pentreath" in first["citations"][0]["quote"]
    assert recorded["documents"][0]["id"] == "lighthouse.md"
    assert "[1]" in recorded["answer_with_markers"]


def test_what_a_source_says_of_something_else_is_not_supported(recorded, answered):
    """The museum's "Admission is free." in an answer about the lighthouse; and who judged is told."""
    (statement,) = [s for s in recorded["statements"] if s["text"] == "Admission is free."]
    assert statement["claim"] == "The lighthouse at Morrow Point: admission is free."
    assert statement["status"] == "not_supported"
    assert recorded["scores"]["recall"] < 1
    assert "which chose these citations itself" in answered[1].stdout
    assert "sensitivity 0.83 [0.75, 0.89], specificity 0.70" in answered[1].stdout


def test_the_words_of_each_clause_are_located_beforehand(recorded):
    for answer in (recorded, *recorded["compared_with"]):
        located = answer["attributions"]
        assert len(located) >= len(answer["statements"])
        for found in located:
            assert answer["answer"][found["answer_start"] : found["answer_end"]] == found["text"]
            assert found["method"] == "alignment"
    spans = recorded["attributions"][0]["spans"]
    assert {"1871", "1874"} <= set(" ".join(span["quote"] for span in spans).split())
    assert {span["document"] for span in spans} == {"lighthouse.md"}


def test_every_offset_of_the_json_is_true(recorded):
    texts = {document["id"]: document["text"] for document in recorded["documents"]}
    assert len(texts) == len(recorded["documents"]) == 11
    for answer in (recorded, *recorded["compared_with"]):
        assert answer["statements"]
        for statement in answer["statements"]:
            assert answer["answer"][statement["start"] : statement["end"]] == statement["text"]
            for citation in statement["citations"]:
                assert texts[citation["document"]][citation["start"] : citation["end"]] == citation["quote"]
        for a, b in itertools.pairwise(answer["trace"]):
            assert a["start"] < a["end"] <= b["start"]
    for passage in recorded["passages"]:
        assert texts[passage["document"]][passage["start"] : passage["end"]].strip()


def test_the_json_has_all_that_is_promised(recorded):
    assert recorded["format"] == "counterfoil.answer/3"
    assert recorded["question"] == QUESTION
    assert recorded["method"] == "Context-aware decoding, strength 0.5"
    assert [answer["method"] for answer in recorded["compared_with"]] == ["Plain decoding"]
    assert recorded["compared_with"][0]["trace"] == []
    covered = sum(span["end"] - span["start"] for span in recorded["trace"])
    assert covered == len(recorded["answer"])
    assert max(span["value"] for span in recorded["trace"]) > 2
    assert set(recorded["scores"]) == {"recall", "precision", "f1"}
    assert all(0 <= value <= 1 for value in recorded["scores"].values())
    assert {"counterfoil", "torch", "transformers"} <= set(recorded["versions"])
    assert [Path(file["path"]).name for file in recorded["left_out"]] == ["photo.jpg"]


def test_the_terminal_shows_answers_sources_and_scores(answered, recorded):
    out = answered[1].stdout
    assert recorded["answer_with_markers"] in out
    assert "[1] lighthouse.md  Morrow Point lighthouse" in out
    assert "Plain decoding" in out
    assert f"recall {recorded['scores']['recall']:.2f}" in out
    assert "Note: Left out: " in out
    assert "photo.jpg" in out
    assert f"Report: {answered[0] / 'report.html'}" in out
    assert "\x1b" not in out, "a pipe gets no colours"
    assert answered[1].stderr == ""


def test_the_report_shows_both_answers_and_all_documents(answered, recorded):
    soup = BeautifulSoup((answered[0] / "report.html").read_text(encoding="utf-8"), "html.parser")
    assert len(soup.select("script")) == 2
    (case,) = json.loads(soup.find(id="data").string)["cases"]
    assert [answer["text"] for answer in case["answers"]] == [
        recorded["answer"], *(other["answer"] for other in recorded["compared_with"])
    ]  # fmt: skip
    assert [document["id"] for document in case["documents"]] == [document["id"] for document in recorded["documents"]]
    assert any(span["value"] > 4 for span in case["answers"][0]["trace"]), "some words come from the documents"
    plain = BeautifulSoup(soup.find("noscript").decode_contents(), "html.parser")
    assert len(plain.select("h3")) == 2
    assert sorted(path.name for path in answered[0].iterdir()) == ["answer.json", "notes", "report.html"]


def invoke(*arguments):
    return CliRunner().invoke(app, ["ask", *map(str, arguments)])


def one_line(result, *words):
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("counterfoil: error: ")
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("", "-d", EXAMPLES), ("question", "is empty")),
        ((" \n", "-d", EXAMPLES), ("question", "is empty")),
        (("Why?",), ("--documents", "is missing")),
        (("Why?", "-d", "no-such-folder"), ("'no-such-folder'", "no such file", "Check the path")),
        (("Why?", "-d", "{tmp}/empty"), ("empty", "no document", ".md")),
        (("Why?", "-d", "{tmp}/binary.txt"), ("binary.txt", "binary", "save it as UTF-8")),
        (("Why?", "-d", "{tmp}/blank.md"), ("blank.md", "no text")),
        (("Why?", "-d", "{tmp}/broken.pdf"), ("broken.pdf", "no readable PDF")),
        (("Why?", "-d", "{tmp}/table.xlsx"), ("table.xlsx", "not read", ".pdf")),
        (("Why?", "-d", EXAMPLES, "--method", "magic"), ("--method", "'cad', 'cfg'", "'none'", "'magic'")),
        (("Why?", "-d", EXAMPLES, "--strength", "-1"), ("--strength", "x>=0")),
        (("Why?", "-d", EXAMPLES, "--strength", "nan"), ("--strength", "not a finite number")),
        (("Why?", "-d", EXAMPLES, "--top-k", "0"), ("--top-k", "x>=1")),
        (("Why?", "-d", EXAMPLES, "--max-new-tokens", "0"), ("--max-new-tokens", "x>=1")),
        (("Why?", "-d", EXAMPLES, "--method", "none", "--compare"), ("--compare", "--method")),
        (("Who", "is", "it?", "-d", EXAMPLES), ("'is'", "put the whole question in quotes")),
        (("Why?", "-d", EXAMPLES, "--report", "{tmp}"), ("is a folder", "name of a file")),
        (("Why?", "-d", EXAMPLES, "--json", "{tmp}/no/a.json"), ("no folder", "Make it first")),
    ],
)
def test_bad_input_is_one_line_that_names_it(tmp_path, arguments, words):
    (tmp_path / "empty").mkdir()
    files = {"binary.txt": b"\x00\x01", "blank.md": b"\n", "broken.pdf": b"%PDF-1.4", "table.xlsx": b"PK"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    one_line(invoke(*(str(argument).format(tmp=tmp_path) for argument in arguments)), *words)


def test_a_model_that_does_not_exist(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    one_line(invoke("Why?", "-d", EXAMPLES, "--model", "no/such-model"), "'no/such-model'", "Give a hub id, a folder")


def test_debug_shows_the_traceback():
    result = invoke("", "-d", EXAMPLES, "--debug")
    assert isinstance(result.exception, ValueError)


def test_a_real_process_fails_in_one_line_too(tmp_path):
    run = subprocess.run(
        [*COMMAND, "ask", "Why?", "--documents", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.splitlines() == [line for line in run.stderr.splitlines() if "no document" in line]


def read_until(terminal: int, pattern: str, seconds: float) -> str:
    seen, end = "", time.monotonic() + seconds
    while not re.search(pattern, seen) and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                seen += os.read(terminal, 65536).decode(errors="replace")
            except OSError:  # the process has ended
                break
    return seen


def test_ctrl_c_while_decoding(tmp_path):
    report = tmp_path / "report.html"
    report.write_text("the report of last week")
    terminal, child = pty.openpty()
    options = ["--report", str(report), "--max-new-tokens", "900", "--max-sentences", "99", "--strength", "0"]
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "PYTHONWARNINGS"}
    process = interruptible(
        [*COMMAND, "ask", QUESTION, "--documents", str(EXAMPLES), *options],
        stdout=subprocess.PIPE,
        stderr=child,
        env=environment,
    )
    os.close(child)
    try:
        seen = read_until(terminal, "Decoding", 240)
        assert "Decoding" in seen, seen
        assert "Loading the language model" in seen
        # The first token imports what other libraries guard with bare excepts, which would swallow the interrupt.
        seen = read_until(terminal, r"[1-9]\d*/900", 120)
        assert re.search(r"[1-9]\d*/900", seen), seen
        process.send_signal(signal.SIGINT)
        seen = read_until(terminal, "interrupted", 60)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
    assert "counterfoil: interrupted" in seen
    assert "Traceback" not in seen
    assert process.stdout.read() == b""
    process.stdout.close()
    assert report.read_text() == "the report of last week"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
