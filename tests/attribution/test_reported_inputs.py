"""Inputs that public reports led to and that need several rooms at once: each has the value that is right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from counterfoil.attribution import Locator, Status, score_citations
from counterfoil.attribution.loaders.documents import read_documents
from counterfoil.cli.app import app
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

DATA = Path(__file__).parent / "data"
RECORDS = {record["id"]: record for record in map(json.loads, (DATA / "markers.jsonl").read_text().splitlines())}


@pytest.mark.parametrize("name", ["thai unrelated", "korean unrelated", "russian unrelated", "zh"])
def test_answers_in_scripts_that_the_judge_cannot_read_are_not_checked(name):
    record = RECORDS[name]
    report = score_citations(record["response"], record["retrieved_contexts"], quotes=False)
    assert {statement.status for statement in report.statements} == {Status.NOT_CHECKED}
    assert (report.recall, report.precision) == (None, None)
    assert all("script" in failure for failure in report.failures)


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("lig", "The official fireflies were first classified in 1902."),
        ("hyph", "It was erected in 1874 by the harbour committee."),
    ],
)
def test_words_are_located_in_a_pdf_as_in_its_text(name, claim, minilm):
    found = []
    for file in (f"{name}.txt", "hyphen.pdf" if name == "hyph" else f"{name}.pdf"):
        documents = read_documents([DATA / file]).documents
        found.append(Locator(claim, documents, method="alignment", model=minilm).locate((0, len(claim))))
    assert [each.status for each in found] == [Status.SUPPORTED, Status.SUPPORTED]
    assert abs(found[0].probability - found[1].probability) < 0.1


def test_one_answer_that_the_judge_overflows_on_leaves_the_others_scored(tmp_path):
    folder, out = tmp_path / "model", tmp_path / "out.json"
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "tower", "is", "31", "m", "high", ".", "it", "red"]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    labels = {0: "entailment", 1: "neutral", 2: "contradiction"}
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=64,
        id2label=labels,
        label2id={label: n for n, label in labels.items()},
    )
    torch.manual_seed(0)
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        model.bert.embeddings.word_embeddings.weight[words.index("red")] = float("nan")
    model.save_pretrained(folder)
    arguments = ["score", str(DATA / "nan.jsonl"), "--entailment", f"nli:{folder}", "--no-cache", "--json", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 3, result.output
    assert "record 2: the model's output is not a number" in result.output
    answers = json.loads(out.read_text())["answers"]
    assert [answer["statements"][0]["status"] == "not_checked" for answer in answers] == [False, True, False]
