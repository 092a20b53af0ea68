"""Sentences come out as they are finished, and what comes out in the end is what `answer` returns."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from counterfoil.attribution import Document, Status
from counterfoil.attribution.text.segmentation import sentences
from counterfoil.grounding import AnswerBegun, GroundedSentence, Limits, TextWritten, Written, answer, stream
from counterfoil.grounding.engine import finished, generated
from counterfoil.grounding.excerpts import Excerpt
from counterfoil.grounding.running_check import RunningCheck
from counterfoil.grounding.streaming import in_lockstep
from hypothesis import given
from hypothesis import strategies as st

from tests.support.scripted_engine import ScriptedEngine, WordsJudge

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"
TOWER = Document("tower.md", "The tower is 31 m high. It was built in 1874 at No. 5 Hill Road.", "The tower")
FERRY = Document("ferry.md", "The ferry carries 96 passengers.")
TEXT = "The tower is 31 m high [2]. The ferry carries 96 passengers. The tower is red."


def read_whole(_):
    return [TOWER, FERRY]


def options(engine: ScriptedEngine) -> dict:
    return {"engine": engine, "entailment": WordsJudge(), "max_sentences": 3}


def test_sentences_come_out_while_the_next_ones_are_written():
    written = []
    engine = ScriptedEngine(TEXT, before_word=written.append)
    tower, ferry, red = [
        (sentence.text, sentence.status, [c.quote for c in sentence.citations], len(written))
        for sentence in stream("How high?", read_whole, **options(engine))
    ]
    assert tower == ("The tower is 31 m high.", Status.SUPPORTED, ["The tower is 31 m high."], 9), "one word later"
    assert ferry[:3] == ("The ferry carries 96 passengers.", Status.SUPPORTED, ["The ferry carries 96 passengers."])
    assert red[:3] == ("The tower is red.", Status.NOT_SUPPORTED, [])


def test_the_whole_answer_is_that_of_the_plain_call():
    engine = ScriptedEngine(TEXT)
    asked = {**options(engine), "compare": True}
    streamed = stream("How high?", read_whole, **asked)
    told = list(streamed)
    whole = answer("How high?", read_whole, **asked)
    assert streamed.answer == whole
    assert [s.verdict for s in told if s.number == 0] == list(whole.statements)
    assert [s.verdict for s in told if s.number == 1] == list(whole.answers[1].record.statements)
    assert all(whole.text[s.verdict.start : s.verdict.end] == s.text for s in told if s.number == 0)


def test_a_pair_is_judged_once():
    asked = options(ScriptedEngine(TEXT))
    stream("How high?", read_whole, **asked).answer  # noqa: B018
    judged = asked["entailment"].judged
    assert len(judged) == len(set(judged))


def test_what_is_known_before_the_first_word_is_told_and_the_words_as_they_come():
    events = []
    found = answer("How high?", read_whole, on_event=events.append, **options(ScriptedEngine(TEXT)))
    assert events[0] == AnswerBegun((found.answers[0].record.label,), found.documents, found.passages)
    words = [event.text for event in events if isinstance(event, TextWritten)]
    assert words[:2] == ["The", "The tower"]
    assert words[-1] == found.text
    assert "[2]" not in "".join(words), "markers of the model's own are taken out"
    assert isinstance(events[-1], GroundedSentence)


def test_the_words_of_a_sentence_beyond_the_last_are_not_told():
    events = []
    asked = {**options(ScriptedEngine(TEXT)), "max_sentences": 1, "on_event": events.append}
    found = answer("How high?", read_whole, **asked)
    assert found.text == "The tower is 31 m high."
    assert {event.text for event in events if isinstance(event, TextWritten) and "ferry" in event.text} == set()


def test_the_trace_of_a_sentence_is_that_of_the_answer():
    text = TEXT.replace(" [2]", "")
    streamed = stream("How high?", read_whole, **options(ScriptedEngine(text)))
    trace = [span for sentence in streamed for span in sentence.trace]
    inside = [replace(span, start=max(span.start, 0)) for span in streamed.answer.trace]
    assert [span.value for span in trace] == [span.value for span in inside]
    assert all(streamed.answer.text[span.start : span.end].strip() for span in trace)


def test_closing_ends_the_decoding():
    written = []
    engine = ScriptedEngine(TEXT, before_word=written.append)
    before = threading.active_count()
    with stream("How high?", read_whole, **options(engine)) as streamed:
        next(streamed)
    assert len(written) == 9
    assert threading.active_count() == before
    with pytest.raises(StopIteration):
        next(streamed)
    with pytest.raises(RuntimeError, match="closed unfinished"):
        streamed.answer  # noqa: B018
    stream("How high?", read_whole, **options(engine)).close()
    assert len(engine.asked) == 1, "nothing is done before a sentence is asked for"


def test_what_goes_wrong_is_raised_where_the_sentence_was_waited_for():
    def broken(n):
        if n == 10:
            raise RuntimeError("out of memory")

    streamed = stream("How high?", read_whole, **options(ScriptedEngine(TEXT, before_word=broken)))
    assert next(streamed).status is Status.SUPPORTED
    with pytest.raises(RuntimeError, match="out of memory"):
        next(streamed)
    with pytest.raises(ValueError, match="`question` has to hold a word"):
        next(stream(" ", read_whole))


@given(st.lists(st.integers()), st.integers(0, 5))
def test_work_goes_on_only_while_a_value_is_waited_for(values, taken):
    done = []

    def work(tell):
        for value in values:
            done.append(value)
            tell(value)
        return "whole"

    events = in_lockstep(work)
    got = [value for value, _ in zip(events, range(taken), strict=False)]
    assert got == values[:taken]
    assert len(done) <= taken + 1
    events.close()
    assert len(done) <= taken + 1
    returned = []

    def relay():
        returned.append((yield from in_lockstep(work)))

    assert list(relay()) == values
    assert returned == ["whole"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.md")), ids=lambda path: path.stem)
def test_what_was_told_in_the_end_are_the_sentences_of_the_whole_text(path):
    text = " ".join(path.read_text(encoding="utf-8").split())[:900]
    told: dict[int, GroundedSentence] = {}
    order = []

    def tell(event):
        if isinstance(event, GroundedSentence):
            order.append(event)
            told[event.verdict.start] = event

    limits = Limits(10**6, 10**6)
    check = RunningCheck("", [Excerpt(TOWER, ((0, len(TOWER.text)),))], WordsJudge(), limits, tell)
    for end in range(1, len(text) + 1):
        check.written(Written(text[:end], end))
    whole = generated(text, len(text), limits, ended=True)
    check.ended(whole)
    expected = [sentence.text for sentence in sentences(whole.text)]
    assert [told[start].text for start in sorted(told)][-3:] == expected[-3:]
    assert len(order) == len(told), "no sentence is told twice"


def test_a_sentence_is_finished_when_the_next_has_begun():
    limits = Limits(max_sentences=2)
    assert finished("The tower is 2.", limits) == (0, 0)
    assert finished("The tower is 2.4 m high.", limits) == (0, 0)
    assert finished(" It is so. It", limits) == (1, 10)
    assert finished("It is so.", limits, ended=True) == (0, 9)
    assert finished("One is. Two is. Three is. Four", limits) == (0, 15)
