"""README and docs run as printed: Python blocks in order, commands as far as their options, some to the end.

A block that cannot run here stands in :data:`ELSEWHERE` with the reason; a new block is run, or has to be added there.
"""

from __future__ import annotations

import doctest
import functools
import json
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import counterfoil.models
import pytest
from click.testing import CliRunner
from counterfoil.cli.app import app
from counterfoil.cli.options import Command
from counterfoil.decoding.methods import METHODS

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
ELSEWHERE = {
    ("README.md", "client.chat.completions.create("): "asks a vLLM server: tests/decoding/vllm/test_serving.py",
    ("docs/serving.md", "client.chat.completions.create("): "asks a vLLM server: tests/decoding/vllm/test_serving.py",
    ("docs/serving.md", "client.responses.create("): "the same: tests/grounding/served/test_serving_citations.py",
    ("docs/serving.md", "from vllm import LLM"): "starts a vLLM engine: tests/decoding/vllm/test_offline.py",
    ("docs/serving.md", "llm_kwargs(contrastive_search=True)"): "the same: tests/decoding/vllm/search/test_search.py",
    ("docs/evaluation.md", "import lm_eval"): "its task comes from the hub: tests/eval/test_harness.py",
    (
        "docs/scoring.md",
        "CitationSupport(",
    ): "two frameworks with their own sets of packages: tests/attribution/integrations",
}
"""Python blocks that are not run here, by page and a line of them, with the reason and where the same is tested."""

SIGNATURE = re.compile(r"<!-- derived: signature.*?<!-- end -->", re.DOTALL)
"""A block that only says what a class takes, as help() would."""

pytestmark = pytest.mark.timeout(1200)

load_language_model = functools.cache(counterfoil.models.load_language_model)


@functools.cache
def scenes() -> Any:
    return counterfoil.models.load_vision_model("scenes")


def language_names() -> dict[str, Any]:
    """What pages on methods of text assume: a model and its tokenizer."""
    language = load_language_model()
    return {"model": language.model, "tokenizer": language.tokenizer}


def contrast_names() -> dict[str, Any]:
    """What the page on methods assumes beside a model: a prompt and what it is compared with."""
    tokenizer = load_language_model().tokenizer
    inputs, contrast = (tokenizer(text, return_tensors="pt") for text in ("In Lyon. The capital is", "The capital is"))
    return {**language_names(), "inputs": inputs, "contrast_inputs": contrast}


def vision_names() -> dict[str, Any]:
    """What pages on methods of images assume: a vision-language model with its processor, and a request."""
    from counterfoil.decoding import (  # noqa: PLC0415
        M3IDLogitsProcessor,
        RITUALLogitsProcessor,
        VCDLogitsProcessor,
        batched_views,
        image_inputs,
    )

    vision = scenes()
    images = ("street.png", "Is there a tree in the image?")
    return {
        "model": vision.model, "processor": vision.processor, "images": images,
        "inputs": image_inputs(vision.model, vision.processor, images),
        "VCDLogitsProcessor": VCDLogitsProcessor, "RITUALLogitsProcessor": RITUALLogitsProcessor,
        "M3IDLogitsProcessor": M3IDLogitsProcessor, "batched_views": batched_views,
    }  # fmt: skip


def report_names() -> dict[str, Any]:
    """What pages about reports assume: a scored answer and its documents."""
    from counterfoil.attribution import Document, score_citations  # noqa: PLC0415

    documents = [Document("1", "The harbour of Venn opened in 1901. It has two cranes.")]
    text = "The harbour opened in 1901 [1]. It has forty cranes [1]."
    report = score_citations(text, documents)
    return {
        "question": "When?", "label": "Mine", "text": text, "verdicts": report.statements, "recall": report.recall,
        "precision": report.precision, "f1": report.f1, "documents": documents, "report": report,
    }  # fmt: skip


ASSUMED: Mapping[str, Callable[[], dict[str, Any]]] = {
    "docs/exports.md": report_names,
    "docs/report.md": report_names,
    "docs/methods/in_context.md": language_names,
    "docs/methods/README.md": contrast_names,
    **{f"docs/methods/{page}.md": vision_names for page in ("code", "images", "m3id", "ritual", "vcd")},
}
"""Names that a page uses without having made them; every other page makes its own."""


def python_blocks(page: str) -> list[str]:
    blocks = re.findall(r"^```python\n(.*?)^```", SIGNATURE.sub("", PAGES[page]), flags=re.DOTALL | re.MULTILINE)
    return [block for block in blocks if not any(page == where and line in block for where, line in ELSEWHERE)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of somebody who reads the pages: their own files, and the repository's examples."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "street.png").symlink_to(ROOT / "examples" / "scene.png")
    (tmp_path / "paper.pdf").symlink_to(ROOT / "examples" / "documents" / "council-minutes.pdf")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "lighthouse.md").write_text((ROOT / "examples/documents/lighthouse.md").read_text())
    (tmp_path / "answer.txt").write_text(
        "The lighthouse at Morrow Point was built in 1874. It is climbed by 142 steps."
    )
    answer = {
        "user_input": "How long does the crossing take?",
        "response": "The ferry crossing from Port Anwen to Stannick takes 55 minutes [1].",
        "retrieved_contexts": [(ROOT / "examples" / "documents" / "ferry.txt").read_text()],
    }
    (tmp_path / "answers.jsonl").write_text(json.dumps(answer) + "\n")
    task = next(block for block in python_blocks("docs/evaluation.md") if "class Moved(Task)" in block)
    (tmp_path / "moved.py").write_text(task)
    (tmp_path / "val2014").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(counterfoil.models, "load_language_model", load_language_model)
    monkeypatch.setattr(METHODS, "_methods", dict(METHODS.items()))  # a page may register a method of its own
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if python_blocks(page) and page != "README.md"])
@pytest.mark.usefixtures("folder")
def test_python_runs_as_printed(page: str) -> None:
    names = ASSUMED[page]() if page in ASSUMED else {}
    for example in doctest.DocTestParser().get_examples(
        "".join(re.findall(r"```pycon\n(.*?)```", PAGES[page], re.DOTALL))
    ):
        exec(compile(example.source, page, "single"), names)  # what a page has made in its own session
    for block in python_blocks(page):
        exec(compile(block, page, "exec", dont_inherit=True), names)


def test_the_first_page_says_what_comes_out(folder: Path) -> None:
    names: dict[str, Any] = {}
    for block in python_blocks("README.md"):
        exec(compile(block, "README.md", "exec"), names)
    tokenizer, inputs = names["tokenizer"], names["inputs"]
    # The last `out` of the page is contrastive search's; the contrast's is decoded again.
    out = names["model"].generate(**inputs, logits_processor=[names["cad"]], max_new_tokens=2)
    assert tokenizer.decode(out[0, inputs["input_ids"].shape[1] :]) == " Lyon."
    plain = names["model"].generate(**inputs, max_new_tokens=2)
    assert tokenizer.decode(plain[0, inputs["input_ids"].shape[1] :]) == " Paris."
    assert "was built between 1871 and 1874 by Isla Pentreath [1]." in names["found"].text_with_markers
    assert names["place"].spans


def test_what_is_not_run_stands_on_its_page() -> None:
    assert [entry for entry in ELSEWHERE if entry[1] not in PAGES[entry[0]]] == []


def commands(page: str) -> list[list[str]]:
    """The command lines of `counterfoil` on a page, in fences and indented, as a shell would split them."""
    text = PAGES[page].replace("\\\n", " ")
    lines = re.findall(r"^(?: {4}|\$ )?(?:[A-Z_]+=\S+ )?counterfoil ((?:--?\w|[a-z]).*)$", text, flags=re.MULTILINE)
    return [shlex.split(line.removesuffix(" &"), comments=True) for line in lines]


ALL = [(page, command) for page in PAGES for command in commands(page)]
RUN = {
    "README.md": ["ask", "score"],
    "docs/ask.md": ["ask"],
    "docs/locate.md": ["locate"],
    "docs/evaluation.md": ["eval list"],
    "docs/methods/cad.md": ["generate"],
    "docs/scenes.md": ["generate"],
    "docs/report.md": ["score"],
    "docs/scoring.md": ["score"],
    "docs/exports.md": ["export"],
}
"""The commands of each page that are run to the end."""


def test_commands_are_found() -> None:
    assert {page for page, _ in ALL} >= RUN.keys() - {"docs/exports.md", "docs/scoring.md"}
    assert len(ALL) > 20


@pytest.mark.parametrize(
    ("page", "command"), ALL, ids=lambda value: " ".join(value) if isinstance(value, list) else value
)
def test_the_options_of_a_printed_command_exist(
    page: str, command: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("scores.json", "answer.json", "pairs.jsonl", "laquer.jsonl", "calibration.json"):
        (folder / name).touch()
    for word in command:  # a file of one's own, under whatever name the page gives it
        if re.fullmatch(r"[\w./-]+\.(json|jsonl|txt)", word) and (folder / word).parent.is_dir():
            (folder / word).touch()
    reached: list[click.Context] = []
    monkeypatch.setattr(Command, "invoke", lambda self, context: reached.append(context))
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert len(reached) == 1


@pytest.mark.parametrize("page", RUN)
def test_commands_run_as_printed(page: str, folder: Path) -> None:
    if page == "docs/exports.md":
        made = CliRunner().invoke(app, ["score", "answers.jsonl", "--no-cache", "--json", "scores.json"])
        assert made.exit_code == 0, made.output
        made = CliRunner().invoke(app, ["ask", "When was it built?", "-d", "notes", "--json", "answer.json"])
        assert made.exit_code == 0, made.output
    wanted = [command for command in commands(page) if " ".join(command).startswith(tuple(RUN[page]))]
    assert wanted
    for command in wanted:
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, (command, result.output)
    if page == "docs/methods/cad.md":
        (shown,) = re.findall(r"```\n(cad .*?)```", PAGES[page], flags=re.DOTALL)
        assert result.stdout.split() == shown.split()
