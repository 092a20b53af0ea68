from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from click.testing import CliRunner
from counterfoil.attribution import Citation, Document, StatementVerdict, Status
from counterfoil.attribution.report import AnswerRecord
from counterfoil.cli.app import app
from counterfoil.grounding import CheckedAnswer, GroundedAnswer

from tests.support.interrupting import interruptible

DOCUMENT = Document("a.md", "Alpha 😀 is so. Beta is not.", "A", {"path": "a.md"})
TEXT = "Alpha 😀 is so. Beta is."


@pytest.fixture
def answer(tmp_path):
    citation = Citation("a.md", "1", Status.SUPPORTED, 0.9, 0, 14, DOCUMENT.text[:14])
    verdicts = (
        StatementVerdict(TEXT[:14], 0, 14, Status.SUPPORTED, 0.9, (citation,)),
        StatementVerdict(
            TEXT[15:], 15, len(TEXT), Status.NOT_SUPPORTED, 0.1, (Citation("a.md", "1", Status.NOT_SUPPORTED),)
        ),
    )
    checked = CheckedAnswer(AnswerRecord("CAD", TEXT, verdicts, 0.5, 0.5, 0.5), TEXT)
    path = tmp_path / "answer.json"
    path.write_text(GroundedAnswer("Why?", (checked,), (DOCUMENT,), ()).to_json(), encoding="utf-8")
    return path


def test_it_serves_until_it_is_interrupted(answer):
    command = [sys.executable, "-c", "from counterfoil.cli import main; main()", "view", str(answer), "--no-browser"]
    process = interruptible(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"}
    )
    try:
        url = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", process.stdout.readline()).group()
        with urllib.request.urlopen(url, timeout=60) as response:
            page = response.read().decode()
        assert '"live":{"token":' in page
        assert "Why?" in page
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert err == "\nended\n"


def test_the_page_to_ask_is_served_until_it_is_interrupted(tmp_path):
    (tmp_path / "a.md").write_text("# Alpha\n\nAlpha is so.")
    (tmp_path / "photo.jpg").write_bytes(b"x")
    (tmp_path / "b.txt").write_text("Beta is not.")
    command = [sys.executable, "-c", "from counterfoil.cli import main; main()", "app", "--no-browser"]
    process = interruptible(
        [*command, "--documents", str(tmp_path / "b.txt"), str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    try:
        line = process.stdout.readline()
        url = re.search(r"The page to ask is at (http://127\.0\.0\.1:\d+/\?token=\S+)", line).group(1)
        with urllib.request.urlopen(url, timeout=60) as response:
            assert '"live":{"token":' in response.read().decode()
        address, token = url.split("/?token=")
        asked = urllib.request.Request(f"{address}/state", headers={"X-Counterfoil-Token": token})
        with urllib.request.urlopen(asked, timeout=60) as response:
            state = json.loads(response.read())
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert err == "\nended\n"
    assert [(each["id"], each["title"]) for each in state["documents"]] == [("a.md", "Alpha"), ("b.txt", "")]
    assert "photo.jpg: files that end in '.jpg' are not read" in state["notes"][0]


def invoke(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("view", "none.json"), "no such file"),
        (("view", "{}", "--method", "guess"), "'--method': 'guess' is not one of"),
        (("app", "--documents", "none"), "cannot read 'none': there is no such file or folder"),
        (("app", "--api-key", "x"), "--api-key has to stand beside --endpoint"),
        (("app", "--endpoint", "http://127.0.0.1:9/v1"), "--endpoint has to be a server that answers"),
        (("export", "{}", "--format", "word"), "'--format': 'word' is not one of 'anthropic', 'cohere', 'openai'"),
        (("export", "{}", "--format", "cohere", "--json", "no/folder/x"), "there is no folder 'no/folder'"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(answer, arguments, words):
    result = invoke(*(str(answer) if argument == "{}" else argument for argument in arguments))
    assert result.exit_code == 2
    assert result.stderr.startswith("counterfoil: error: ")
    assert words in result.stderr


def test_a_port_that_is_taken_is_told(answer):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = invoke("view", answer, "--no-browser", "--port", port)
    assert result.exit_code == 2
    assert f"cannot serve at port {port}" in result.stderr
    assert "Leave out --port for any that is free." in result.stderr


def test_a_file_of_another_kind_cannot_be_shown(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{}")
    assert "has to be what `counterfoil ask --json`" in invoke("export", path, "--format", "openai").stderr
    assert "has to be what `counterfoil ask --json`" in invoke("view", path, "--no-browser").stderr


def test_an_answer_is_exported(answer, tmp_path):
    blocks = json.loads(invoke("export", answer, "--format", "anthropic").stdout)
    assert [block["text"] for block in blocks] == [TEXT[:14], " ", TEXT[15:]]
    assert blocks[0]["citations"][0]["cited_text"] == "Alpha 😀 is so."[:14]
    part = json.loads(invoke("export", answer, "--format", "openai", "--supported-only").stdout)
    assert [annotation["index"] for annotation in part["annotations"]] == [14]
    assert (
        invoke("export", answer, "--format", "cohere", "--json", tmp_path / "c.json").stdout
        == f"JSON: {tmp_path / 'c.json'}\n"
    )
    message = json.loads((tmp_path / "c.json").read_text())
    assert [citation["text"] for citation in message["citations"]] == [TEXT[:14], TEXT[15:]]
    located = invoke("export", answer, "--format", "cohere", "--words")
    assert json.loads(located.stdout)["citations"] == []
    assert "holds no located words" in located.stderr
