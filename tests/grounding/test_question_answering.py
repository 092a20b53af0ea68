"""The library call behind `counterfoil ask`, with the real models."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

import pytest
from counterfoil.attribution import Document, Status
from counterfoil.attribution.entailment.registry import default_entailment
from counterfoil.attribution.report import render
from counterfoil.attribution.retrieval import Passage
from counterfoil.decoding.methods import CAD, CFG, CID, DoLa, WeightedSum
from counterfoil.grounding import Generated, Limits, Prompt, answer, stream
from counterfoil.grounding.app.choices import offered
from counterfoil.grounding.contrasts import chosen_method
from counterfoil.grounding.local_engine import LocalEngine
from counterfoil.models import load_embedding_model, load_language_model

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"
LIGHTHOUSE = Document("lighthouse", (EXAMPLES / "lighthouse.md").read_text(encoding="utf-8"), "Morrow Point lighthouse")
MUSEUM = Document("museum", "The museum is open from ten to five. Admission is free.", "Museum")
QUESTION = "When was the lighthouse at Morrow Point built, and by whom?"


@pytest.fixture(scope="module")
def models():
    return {
        "engine": LocalEngine(load_language_model()),
        "entailment": default_entailment(),
        "embedding_model": load_embedding_model(),
    }


@pytest.fixture(scope="module")
def found(models):
    return answer(QUESTION, [MUSEUM, LIGHTHOUSE], compare=True, max_sentences=1, locate="alignment", **models)


def test_the_answer_is_cited_checked_and_traced(found):
    assert "Isla Pentreath" in found.text
    first = found.statements[0]
    assert first.status is Status.SUPPORTED
    assert [citation.document for citation in first.citations] == ["lighthouse"]
    assert "Isla Pentreath" in first.citations[0].quote
    assert found.documents[0] == LIGHTHOUSE, "what was read comes first, so [1] is the lighthouse"
    assert "[1]" in found.text_with_markers
    assert (found.recall, found.precision) == (1.0, 1.0)
    assert "".join(found.text[span.start : span.end] for span in found.trace) == found.text
    assert max(span.value for span in found.trace) > 2, "some words come from the documents"


def test_contrastive_input_decoding_writes_sentences_where_documents_are_the_contrast(models):
    """Its own default, which is for prompts that differ by a word, writes names and no sentences here."""
    assert chosen_method("cid", {}) == CID(strength=3)
    assert chosen_method("cid", {"rule": "log_ratio"}) == CID(strength=0.5, rule="log_ratio")
    assert chosen_method("cid", {"rule": "log_ratio", "strength": 4}) == CID(strength=4, rule="log_ratio")
    assert chosen_method("cfg", {}) == CFG()
    with pytest.raises(ValueError, match="`rule` has to be one of"):
        chosen_method("cid", {"rule": "none"})
    (field,) = [one for one in offered([CID])[0]["parameters"] if one["name"] == "strength"]
    assert field["default"] == 3, "the page shows what an empty field means"

    here = answer(QUESTION, [MUSEUM, LIGHTHOUSE], method="cid", max_new_tokens=60, **models)
    assert here.answers[0].record.label == "Contrastive input decoding, strength 3"
    assert "Isla Pentreath" in here.text
    assert {statement.status for statement in here.statements} == {Status.SUPPORTED}


def test_offsets_are_those_of_the_whole_documents(found):
    texts = {document.id: document.text for document in found.documents}
    for checked in found.answers:
        assert checked.record.statements
        for statement in checked.record.statements:
            assert checked.record.text[statement.start : statement.end] == statement.text
            for citation in statement.citations:
                assert texts[citation.document][citation.start : citation.end] == citation.quote
        for located in checked.record.attributions:
            for span in located.spans:
                assert texts[span.document][span.start : span.end] == span.quote
    assert found.answers[0].record.attributions


def test_the_real_model_streams_what_it_answers(models, found):
    streamed = stream(QUESTION, [MUSEUM, LIGHTHOUSE], compare=True, max_sentences=1, locate="alignment", **models)
    told = list(streamed)
    whole = found
    assert streamed.answer.text == whole.text
    assert streamed.answer.trace == whole.trace
    for number, checked in enumerate(whole.answers):
        own = [s for s in told if s.number == number]
        assert [s.text for s in own] == [v.text for v in checked.record.statements]
        for sentence, verdict in zip(own, checked.record.statements, strict=True):
            assert (sentence.status, sentence.verdict.start, sentence.verdict.end) == (
                verdict.status,
                verdict.start,
                verdict.end,
            )
            assert [c.quote for c in sentence.citations] == [c.quote for c in verdict.citations]
            assert sentence.verdict.probability == pytest.approx(verdict.probability, abs=1e-4)
    first = told[0]
    assert first.trace, "known while the answer is being written"
    assert "".join(whole.text[span.start : span.end] for span in first.trace) == first.text


def test_it_is_written_and_shown(found):
    written = json.loads(found.to_json())
    assert (written["format"], written["answer"]) == ("counterfoil.answer/3", found.text)
    assert [other["method"] for other in written["compared_with"]] == ["Plain decoding"]
    assert written["documents"][0] == {
        "id": "lighthouse",
        "title": "Morrow Point lighthouse",
        "path": None,
        "text": LIGHTHOUSE.text,
        "pages": [],
    }
    assert written["settings"]["Decoding"] == "Context-aware decoding, strength 0.5; Plain decoding"
    assert found.text in render(found.report())


def test_strings_are_documents_named_by_number(models):
    found = answer(QUESTION, [MUSEUM.text, LIGHTHOUSE.text], max_sentences=1, method="none", **models)
    assert found.statements[0].citations[0].document == "2"
    assert found.trace == ()


def test_a_retriever_says_what_is_read(models):
    asked = []

    def retriever(question):
        asked.append(question)
        return [Passage(LIGHTHOUSE, 0, len(LIGHTHOUSE.text)), MUSEUM, "The harbour was built in 1902."]

    steps = []

    @contextmanager
    def progress(description, total):
        steps.append(description)
        yield lambda done, of: None

    found = answer(QUESTION, retriever, max_sentences=1, progress=progress, **(models | {"embedding_model": None}))
    assert asked == [QUESTION]
    assert [passage.document.id for passage in found.passages] == ["lighthouse", "museum", "3"]
    assert found.statements[0].citations[0].document == "lighthouse"
    assert found.answers[0].record.attributions == ()
    assert steps[0] == "Retrieving passages"
    assert "Decoding (Context-aware decoding, strength 0.5)" in steps


class Echo:
    """An engine that is no transformers model: it repeats the first passage."""

    name = "echo"

    def prompt(self, question, passages, max_new_tokens):
        return Prompt(tuple(passages), (), passages[0].text, question)

    def methods(self):
        return ()

    def generate(self, prompt, *, method, limits, on_text=None):
        assert isinstance(limits, Limits)
        return Generated(prompt.main, 9, False, ())


def test_any_engine_can_write_the_answer(models):
    found = answer(QUESTION, lambda _: [LIGHTHOUSE], engine=Echo(), entailment=models["entailment"])
    assert found.text == LIGHTHOUSE.text
    assert found.settings["Language model"] == "echo"


@pytest.mark.parametrize(
    ("documents", "options", "message"),
    [
        ([], {}, "`documents` has to hold a document, but is empty"),
        ([LIGHTHOUSE, LIGHTHOUSE], {}, "have to have different ids"),
        (["  "], {}, "`documents` has to hold text, but every document is blank"),
        (lambda _: [], {}, "`documents` has to return a passage for the question, but returned none"),
        ([LIGHTHOUSE], {"method": "magic"}, r"`method` has to be one of cad, .*, none, but is 'magic'"),
        ([LIGHTHOUSE], {"method": "dola"}, r"`method` has to be one of cad, .*, none, but is 'dola'"),
        ([LIGHTHOUSE], {"method": DoLa()}, "`method` has to compare two prompts, as cad, .* do, but is dola"),
        ([LIGHTHOUSE], {"method": "none", "compare": True}, "`compare` sets a method beside plain decoding"),
        ([LIGHTHOUSE], {"compare": CAD()}, "`compare` has to differ from `method`, but both are Context-aware"),
        ([LIGHTHOUSE], {"method": "none", "strength": 1}, "`strength` has to be left out for none, which has none"),
        ([LIGHTHOUSE], {"method": CAD(), "strength": 1}, "`strength` has to be left out where `method` is no name"),
        ([LIGHTHOUSE], {"method": "weighted_sum", "strength": 1}, "`strength` has to be left out for weighted_sum"),
        ([LIGHTHOUSE], {"method": WeightedSum(weights=(1, 2))}, "has to hold a number for each of 1 contrasts"),
        ([LIGHTHOUSE], {"strength": -1}, "`strength` has to be a number of at least 0, but is -1"),
        ([LIGHTHOUSE], {"strength": float("nan")}, "`strength` has to be a number of at least 0, but is nan"),
        ([LIGHTHOUSE], {"top_k": 0}, "`top_k` has to be at least 1, but is 0"),
        ([LIGHTHOUSE], {"max_sentences": 0}, "`max_sentences` has to be at least 1"),
        ([LIGHTHOUSE], {"locate": "magic"}, "`locate` has to be one of alignment, hidden_states, none"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_the_language_model_is_loaded(
    models, monkeypatch, documents, options, message
):
    monkeypatch.setattr(
        "counterfoil.grounding.question_answering.load_language_model", lambda *_: pytest.fail("a model was loaded")
    )
    with pytest.raises(ValueError, match=message):
        answer(QUESTION, documents, embedding_model=models["embedding_model"], **options)


def test_an_empty_question_is_refused():
    with pytest.raises(ValueError, match="`question` has to hold a word, but is empty"):
        answer(" \n", [LIGHTHOUSE])


def test_one_string_is_no_list_of_documents():
    with pytest.raises(TypeError, match="`documents` has to be a sequence of documents or strings, but is a str"):
        answer(QUESTION, LIGHTHOUSE.text)
