from __future__ import annotations

import itertools

import pytest
from counterfoil.attribution import Document, StatementVerdict, Status
from counterfoil.attribution.report import AnswerRecord
from counterfoil.attribution.retrieval import Passage
from counterfoil.grounding import CheckedAnswer, Generated, Prompt
from counterfoil.grounding.citations import notes, placed
from hypothesis import given
from hypothesis import strategies as st

DOCUMENT = Document("a.txt", "Quote here.")


def test_everything_that_was_left_out_is_told():
    read, dropped = Passage(DOCUMENT, 0, 5), Passage(DOCUMENT, 5, 9)
    written = [("CAD", Generated("One.", 80, True, ())), ("Plain", Generated("One.", 9, False, ()))]
    unchecked = StatementVerdict("One.", 0, 4, Status.NOT_CHECKED, None, failure="broken")
    answers = [CheckedAnswer(AnswerRecord("CAD", "One.", (unchecked,), None, 0.5, None), "One.")]
    assert notes(Prompt((read,), (dropped, dropped), {}, {}), written, answers) == [
        "The model's context has room for 1 of the 3 passages found; the others were not read.",
        "CAD: the last sentence was unfinished at 80 tokens and was left out. Raise `max_new_tokens`.",
        "CAD: 1 sentence(s) could not be checked and are not in the scores.",
    ]
    assert notes(Prompt((read,), (), {}, {}), [("Plain", Generated("One.", 9, False, ()))], ()) == []


@pytest.mark.parametrize(("score", "told"), [(0.26, True), (0.5, False), (None, False)])
def test_passages_about_something_else_are_told(score, told):
    prompt = Prompt((Passage(DOCUMENT, 0, 5, score), Passage(DOCUMENT, 5, 9, score and score / 2)), (), {}, {})
    assert any("No passage is near the question" in note for note in notes(prompt, [], ())) is told


@given(st.lists(st.text(min_size=1, max_size=8), max_size=5), st.text(max_size=3))
def test_verdicts_are_placed_where_their_sentences_stand(sentences, between):
    text = between.join(sentences)
    found = placed(text, [StatementVerdict(s, 0, 0, Status.SUPPORTED) for s in sentences])
    assert [text[verdict.start : verdict.end] for verdict in found] == sentences
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))


def test_a_sentence_of_another_answer_cannot_be_placed():
    with pytest.raises(ValueError, match="sentences of the answer"):
        placed("One.", [StatementVerdict("Two.", 0, 4, Status.SUPPORTED)])
