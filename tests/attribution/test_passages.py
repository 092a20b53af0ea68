from __future__ import annotations

import itertools

import pytest
from counterfoil.attribution import Document
from counterfoil.attribution.passages import passages
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast


def word_tokenizer() -> PreTrainedTokenizerFast:
    """One token a word or punctuation mark."""
    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


TOKENIZER = word_tokenizer()


def texts(text, max_tokens):
    return [passage.text for passage in passages(Document("d", text), TOKENIZER, max_tokens)]


def test_whole_sentences_as_many_as_fit():
    text = "One two three. Four five. Six seven eight nine. Ten."
    assert texts(text, 7) == ["One two three. Four five.", "Six seven eight nine. Ten."]
    assert texts(text, 5) == ["One two three.", "Four five.", "Six seven eight nine.", "Ten."]
    assert texts(text, 100) == [text]


def test_a_longer_sentence_is_cut_between_tokens():
    assert texts("a b c d e f g.", 3) == ["a b c ", "d e f ", "g."]
    assert texts("Short. a b c d e.", 3) == ["Short.", "a b c ", "d e."]


def test_empty_text_has_no_passage():
    assert texts(" \n\n ", 5) == []


def test_the_length_has_to_be_positive():
    with pytest.raises(ValueError, match="`max_tokens` has to be at least 1, but is 0"):
        texts("x", 0)


@given(st.text(alphabet=st.sampled_from("aé😀 .!?\n\r\t1,-#*\u0301\u200bש"), max_size=200), st.integers(1, 12))
def test_nothing_is_lost_and_nothing_is_too_long(text, max_tokens):
    found = passages(Document("d", text), TOKENIZER, max_tokens)
    kept = "".join("".join(passage.text.split()) for passage in found)
    assert kept == "".join(text.split())
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    for passage in found:
        assert 0 <= passage.start < passage.end <= len(text)
        assert len(TOKENIZER(passage.text, add_special_tokens=False)["input_ids"]) <= max_tokens
