"""The reader against a loop over all spans of a text, on a tiny random model; its windows; what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from counterfoil.eval.measures import reading
from counterfoil.eval.measures.reading import LONGEST, Reader
from counterfoil.models import ModelLoadError
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForQuestionAnswering, PreTrainedTokenizerFast

WORDS = [f"w{n}" for n in range(60)]
TEXT = " ".join(f"w{(7 * n) % 60}" for n in range(40))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reader")
    vocabulary = {word: n for n, word in enumerate(["[PAD]", "[CLS]", "[SEP]", "[UNK]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]",
        model_max_length=512, model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    ).save_pretrained(path)  # fmt: skip
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=512, initializer_range=0.6,
    )  # fmt: skip
    BertForQuestionAnswering(config).save_pretrained(path)
    return path


@torch.no_grad()
def by_hand(reader: Reader, question: str, text: str) -> str:
    """The likeliest span of at most fifteen words of a text that fits into one window, or nothing."""
    words, asked = text.split(), question.split()
    read = reader.tokenizer(question, text, return_tensors="pt")
    found = reader.model(**read)
    first = len(asked) + 2
    places = [0, *range(first, first + len(words))]
    starts, ends = (
        dict(zip(places, np.exp(row - np.logaddexp.reduce(row)), strict=True))
        for row in (logits[0, places].double().numpy() for logits in (found.start_logits, found.end_logits))
    )
    spans = [
        (starts[first + a] * ends[first + b], a, b)
        for a in range(len(words))
        for b in range(a, min(a + LONGEST, len(words)))
    ]
    probability, low, high = max(spans)
    return " ".join(words[low : high + 1]) if probability > starts[0] * ends[0] else ""


def test_the_answer_is_the_likeliest_span_or_none(folder: Path) -> None:
    reader = Reader(str(folder))
    questions = [f"w{n} w{(3 * n) % 60} w{(11 * n) % 60}" for n in range(24)]
    given = []
    for text in (TEXT, "w1 w2 w3", "w4"):
        expected = [by_hand(reader, question, text) for question in questions]
        assert reader.answers(questions, text) == expected
        given += expected
    assert any(given)
    assert not all(given), "some questions have no answer"


def test_a_text_that_is_longer_than_a_window_is_read_in_several(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WINDOW", 24)
    reader = Reader(str(folder))
    questions = [f"w{n} w{(3 * n) % 60}" for n in range(12)]
    found = reader.answers(questions, TEXT)
    assert all(answer in TEXT for answer in found)
    # An answer of a window is none where that window holds no answer, and the least sure window decides.
    assert found != [by_hand(reader, question, TEXT) for question in questions]


def test_an_empty_text_answers_nothing(folder: Path) -> None:
    assert Reader(str(folder)).answers(["w1"], "") == [""]


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"cannot load model '.*nowhere': as a reader it could not be read"):
        Reader(str(tmp_path / "nowhere"))
