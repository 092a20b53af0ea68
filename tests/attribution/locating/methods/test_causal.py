"""What all methods that run a causal model promise, on a tiny random one."""

from __future__ import annotations

import pytest
from counterfoil.attribution import Kind, Locator, Status

from tests.support.locating_models import ANSWER, DOCUMENTS, QUESTION


@pytest.mark.parametrize("method", ["hidden_states", "contextcite", "attention_knockout"])
@pytest.mark.parametrize("window", [2048, 110])
def test_every_span_is_the_words_of_its_document(reader, method, window):
    options = {"n_ablations": 6} if method == "contextcite" else {}
    locator = Locator(
        ANSWER, DOCUMENTS, method=method, model=reader, verify=False, question=QUESTION, window=window, **options
    )
    texts = {document.id: document.text for document in DOCUMENTS}
    for span in ((0, 3), (5, 6), (33, len(ANSWER)), (20, 40), (0, len(ANSWER))):
        found = locator.locate(span)
        assert found.failure is None
        for candidate in found.candidates:
            one = candidate.span
            assert texts[one.document][one.start : one.end] == one.quote
        assert found.kind is (Kind.CORROBORATIVE if method == "hidden_states" else Kind.CONTRIBUTIVE)
        assert {searched.document for searched in found.searched} == {"a", "b"}


def test_an_answer_as_long_as_the_context_is_a_failure_that_says_so(reader):
    locator = Locator("word " * 600, DOCUMENTS, method="hidden_states", model=reader, verify=False)
    found = locator.locate((0, 4))
    assert (found.status, found.spans) == (Status.NOT_CHECKED, ())
    assert "leaves no room" in (found.failure or "")


@pytest.mark.parametrize(("option", "value"), [("layer", 99), ("layer", -1), ("window", 0)])
def test_a_layer_or_window_that_cannot_be_is_refused(reader, option, value):
    with pytest.raises(ValueError, match=f"`{option}` has to be"):
        Locator(ANSWER, DOCUMENTS, model=reader, verify=False, **{option: value}).locate((0, 3))
