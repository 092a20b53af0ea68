from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from counterfoil.attribution import Document
from counterfoil.attribution.loaders.documents import read_documents
from counterfoil.attribution.retrieval import passages, retrieve
from counterfoil.models import load_embedding_model
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def minilm():
    return load_embedding_model()


@pytest.fixture(scope="module")
def examples():
    return read_documents([ROOT / "examples" / "documents"]).documents


@pytest.mark.parametrize(
    ("question", "document", "words"),
    [
        ("When was the lighthouse at Morrow Point built?", "lighthouse.md", "between 1871 and 1874"),
        ("How long does the ferry take to Stannick?", "ferry.txt", "55 minutes"),
        ("What does the new harbour wall cost?", "council-minutes.pdf", "2.4 million crowns"),
        ("Who founded the kelp company?", "kelp-company.html", "Ines Calloway"),
        ("How many storm petrels nest on Gull Holm?", "seabirds.md", "4,300 pairs"),
    ],
)
def test_the_passage_that_answers_comes_first(minilm, examples, question, document, words):
    found = retrieve(question, examples, model=minilm, top_k=3)
    assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)
    best = found[0]
    assert best.document.id == document
    assert words in best.text
    assert best.document.text[best.start : best.end] == best.text


def test_scores_are_cosines_as_computed_apart(minilm):
    documents = [Document("a", "Cats sleep."), Document("b", "The stock market fell.")]
    found = retrieve("Do cats sleep?", documents, model=minilm)
    vectors = minilm.encode([passage.text for passage in found]), minilm.encode("Do cats sleep?")
    norms = np.linalg.norm(vectors[0], axis=1) * np.linalg.norm(vectors[1])
    assert [passage.score for passage in found] == pytest.approx((vectors[0] @ vectors[1] / norms).tolist(), abs=1e-5)


def test_a_document_longer_than_the_window_is_read_to_its_end(minilm):
    filler = "The committee met again and discussed the budget of the coming year in some detail. " * 40
    long = Document("long", filler + "The password of the vault is heliotrope.")
    lengths = []
    found = retrieve(
        "What is the password of the vault?", [long], model=minilm, max_tokens=20, progress=lambda *n: lengths.append(n)
    )
    assert "heliotrope" in found[0].text
    n_passages = lengths[-1][1]
    assert lengths == [(min(done, n_passages), n_passages) for done in range(32, n_passages + 32, 32)]
    every = retrieve("x", [long], model=minilm, top_k=10_000, max_tokens=10_000, relative_cut=0.0)
    longest = max(len(minilm.tokenizer(passage.text)["input_ids"]) for passage in every)
    assert longest <= minilm.max_seq_length
    assert sum(len("".join(passage.text.split())) for passage in every) == len("".join(long.text.split()))


def test_the_title_helps_to_find_what_a_passage_calls_it(minilm):
    text = "It has 142 steps."
    documents = [
        Document("a", text, title="Morrow Point lighthouse"),
        Document("b", text, title="Office tower in Rome"),
    ]
    for order in (documents, documents[::-1]):
        assert retrieve("How many steps has the lighthouse?", order, model=minilm)[0].document.id == "a"


def test_limits(minilm, examples):
    assert len(retrieve("ferry", examples, model=minilm, top_k=2)) == 2
    assert retrieve("ferry", [Document("a", "  ")], model=minilm) == []
    with pytest.raises(ValueError, match="`question` has to hold a word"):
        retrieve(" ", examples, model=minilm)
    with pytest.raises(ValueError, match="`top_k` has to be at least 1, but is 0"):
        retrieve("x", examples, model=minilm, top_k=0)
    with pytest.raises(ValueError, match="`max_tokens` has to be at least 1, but is -1"):
        retrieve("x", examples, model=minilm, max_tokens=-1)


def test_passages_that_only_fill_up_the_number_are_left_out(minilm):
    documents = [
        Document("bakery", "The bakery on Quill Street was opened in 1954 by Marta Oduya."),
        Document("tram", "Tram line 7 runs from Harbour Square to the Botanical Garden."),
        Document("oven", "The oven of the bakery burns beech wood."),
    ]
    question = "Who opened the bakery on Quill Street?"
    found = retrieve(question, documents, model=minilm)
    everything = retrieve(question, documents, model=minilm, relative_cut=0.0)
    assert len(everything) == 3
    assert [p.document.id for p in found] == [p.document.id for p in everything if p.score >= 0.5 * everything[0].score]
    assert "tram" not in [p.document.id for p in found]
    with pytest.raises(ValueError, match=r"`relative_cut` has to be in \[0, 1\], but is 2"):
        retrieve(question, documents, model=minilm, relative_cut=2)


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
