"""The whole way from a span to spans, with the real embedding model."""

from __future__ import annotations

import json

import pytest
from counterfoil.attribution import Attribution, Document, Kind, Locator, Status, locate
from counterfoil.attribution.locating import METHODS

TOWER = Document("tower", "# Tower\r\n\r\nThe tower 👍🏽 was built in 1874. It is climbed by 142 steps.", "Tower")
CAFE = Document("cafe", "Cafe\u0301 Molen opens at noon. שלום עולם. It sells bread.", "Cafe\u0301")
ANSWER = (
    "The tower 👍🏽 was built in 1874 [1]. It is climbed by 142 steps.\r\nCafe\u0301 Molen opens at noon. It flies."
)


@pytest.fixture
def locator(words, minilm):
    words.threshold = 0.7
    return Locator(ANSWER, [TOWER, CAFE], method="alignment", model=minilm, entailment=words)


def spot(words, answer=ANSWER):
    start = answer.index(words)
    return start, start + len(words)


@pytest.mark.parametrize(
    ("words_", "document", "within"),
    [
        ("The tower 👍🏽 was built in 1874", "tower", "The tower 👍🏽 was built in 1874."),
        ("142", "tower", "It is climbed by 142 steps."),
        ("limbed by 14", "tower", "It is climbed by 142 steps."),
        ("Cafe\u0301 Molen opens at noon", "cafe", "Cafe\u0301 Molen opens at noon."),
    ],
)
def test_words_lead_to_the_words_that_support_them(locator, words_, document, within):
    found = locator.locate(spot(words_))
    assert found.status is Status.SUPPORTED
    (span,) = found.spans
    text = {"tower": TOWER.text, "cafe": CAFE.text}[document]
    assert span.document == document
    assert text[span.start : span.end] == span.quote
    assert span.quote in within
    assert ANSWER[found.answer_start : found.answer_end] == found.text
    assert (found.method, found.kind) == ("alignment", Kind.CORROBORATIVE)


def test_words_of_two_sentences_are_supported_by_two_places(words, minilm):
    words.threshold = 0.8
    answer = "The tower was built in 1874. Molen opens at noon."
    found = locate(
        answer,
        (0, len(answer)),
        [TOWER, CAFE],
        method="alignment",
        model=minilm,
        entailment=words,
        decontextualize="none",
    )
    assert {span.document for span in found.spans} == {"tower", "cafe"}


def test_an_unsupported_span_has_no_source_span(locator):
    found = locator.locate(spot("It flies."))
    assert (found.status, found.spans) == (Status.NOT_SUPPORTED, ())
    assert found.candidates
    assert not any(candidate.kept for candidate in found.candidates)


def test_what_snapping_did_is_told(locator):
    found = locator.locate((ANSWER.index("142") + 1, ANSWER.index("142") + 2))
    assert (found.text, found.asked) == ("142", ((ANSWER.index("142") + 1, ANSWER.index("142") + 2),))
    assert "widened to whole words" in found.snapped


@pytest.mark.parametrize(
    ("span", "text"),
    [((0, 0), "The"), ((0, 1), "The"), ((len(ANSWER) - 2, len(ANSWER)), "flies."), ((len(ANSWER) - 1,) * 2, ".")],
)
def test_both_ends_of_the_answer_can_be_asked_for(locator, span, text):
    found = locator.locate(span)
    assert found.text == text
    assert bool(found.failure) == (text == ".")


@pytest.mark.parametrize("words_", ["[1]", "\r\n", "."])
def test_a_span_without_a_word_is_not_checked(locator, words_):
    found = locator.locate(spot(words_))
    assert (found.status, found.failure, found.spans) == (Status.NOT_CHECKED, "the span holds no word", ())


def test_a_span_outside_the_answer_is_refused(locator):
    with pytest.raises(ValueError, match="has to lie within"):
        locator.locate((0, len(ANSWER) + 1))


@pytest.mark.parametrize("documents", [[], [Document("empty", " \r\n")]])
@pytest.mark.parametrize("method", ["alignment", "hidden_states", "contextcite", "attention_knockout", "prompting"])
def test_without_a_word_of_source_nothing_is_supported_and_no_model_is_loaded(words, documents, method):
    found = locate(ANSWER, (0, 9), documents, method=method, model="no such model", entailment=words)
    assert (found.status, found.spans, found.searched, words.calls) == (Status.NOT_SUPPORTED, (), (), 0)


def test_a_document_twice_counts_once(words, minilm):
    words.threshold = 0.6
    again = Document("again", TOWER.text, TOWER.title)
    found = locate(ANSWER, spot("142 steps"), [TOWER, again], method="alignment", model=minilm, entailment=words)
    assert [span.document for span in found.spans] == ["tower"]
    other = [candidate for candidate in found.candidates if candidate.span.document == "again"]
    assert other
    assert "another one does" in other[0].reason
    with pytest.raises(ValueError, match="different ids"):
        locate(ANSWER, (0, 9), [TOWER, TOWER], method="alignment", entailment=words)


def test_without_the_check_the_methods_own_spans_are_returned(words, minilm):
    found = locate(
        ANSWER, spot("142 steps"), [TOWER, CAFE], method="alignment", model=minilm, entailment=words, verify=False
    )
    assert (found.status, found.probability, found.entailment, words.calls) == (Status.NOT_CHECKED, None, "", 0)
    assert "142 steps" in found.spans[0].quote


def test_many_spans_are_asked_in_the_waves_of_one(locator, words):
    spans = [spot("The tower"), spot("142 steps"), spot("opens at noon"), spot("It flies.")]
    together = locator.locate_each(spans)
    calls = words.calls
    assert together == [locator.locate(span) for span in spans]
    assert words.calls > 2 * calls


def test_the_json_holds_everything_and_comes_back(locator):
    for words_ in ("142 steps", "It flies."):
        found = locator.locate(spot(words_))
        written = found.to_json()
        assert Attribution.from_json(written) == found
        held = json.loads(written)
        assert held["claim"] == found.claim
        assert held["method"] == "alignment"
        for span in held["spans"]:
            assert set(span) == {"document", "start", "end", "quote", "score"}
    assert held["spans"] == []


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(ValueError, match="`method` has to be one of hidden_states, alignment"):
        Locator(ANSWER, [TOWER], method="magic")
    with pytest.raises(ValueError, match="`decontextualize` has to be one of rules, none"):
        Locator(ANSWER, [TOWER], method="alignment", decontextualize="magic")
    with pytest.raises(ValueError, match=r"`threshold` has to be in \[0, 1\], but is 2"):
        Locator(ANSWER, [TOWER], method="alignment", threshold=2)
    with pytest.raises(TypeError, match="`answer` has to be a string"):
        Locator(None, [TOWER])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="layer"):
        Locator(ANSWER, [TOWER], method="alignment", layer=3)
    assert set(METHODS) == {"hidden_states", "alignment", "prompting", "contextcite", "attention_knockout"}


def test_a_long_sentence_is_read_to_its_end(words, minilm):
    words.threshold = 0.6
    long = Document("long", "Many words, " * 300 + "and at the end a purple zebra sings.")
    found = locate("A purple zebra sings.", (0, 20), [long], method="alignment", model=minilm, entailment=words)
    assert "purple zebra sings" in found.spans[0].quote
    assert found.length < 100


def test_words_in_several_ranges_are_one_claim(locator):
    """LAQuer's highlights leave words out: most of its released facts have several ranges."""
    first, second = spot("The tower"), spot("is climbed by 142 steps")
    found = locator.locate([second, first])
    assert (found.claim, found.text) == ("The tower is climbed by 142 steps.", "The tower … is climbed by 142 steps")
    assert (found.ranges, found.asked) == ((first, second), (second, first))
    assert (found.answer_start, found.answer_end) == (first[0], second[1])
    assert found.status is Status.SUPPORTED
    assert [span.quote for span in found.spans] == ["It is climbed by 142 steps."]
    assert Attribution.from_json(found.to_json()) == found


def test_ranges_that_touch_are_one_and_a_marker_between_them_is_left_out(locator):
    start, end = spot("was built in 1874 [1]. It is")
    middle = ANSWER.index("1874") + 2
    assert locator.locate([(start, middle), (middle, end)]).ranges == ((start, end),)
    apart = locator.locate([spot("built in 1874"), spot("142 steps")])
    assert apart.claim == "Built in 1874 142 steps."
    with pytest.raises(ValueError, match="`span` has to hold a range"):
        locator.locate([])


@pytest.mark.parametrize(
    ("answer", "question", "needed"),
    [
        ("Yes [1].", None, "its question is needed"),
        ("是的。", None, "its question is needed"),
        ("No.", "Is the tower red?", "no words of a source say that as they stand"),
    ],
)
def test_what_only_affirms_or_denies_is_not_located(words, minilm, answer, question, needed):
    found = locate(answer, (0, 2), [TOWER], method="alignment", model=minilm, entailment=words, question=question)
    assert (found.status, found.spans, words.calls) == (Status.NOT_CHECKED, (), 0)
    assert needed in found.failure


@pytest.mark.parametrize(
    "answer",
    [
        "The [tower](https://e.org/t) was built in 1874.", "The **tower** was built in _1874_.",
        "The tower 🗼 was built in 1874 🎉.", "<p>The tower was built in 1874.</p>", "a) The tower was built in 1874",
        "| When | The tower was built in 1874 |\n|---|---|\n| so | The tower was built in 1874 |",
    ],
)  # fmt: skip
def test_marks_of_markdown_and_images_are_no_part_of_a_claim(words, minilm, answer):
    place = answer.rindex("1874")
    found = locate(answer, (place, place + 4), [TOWER], method="alignment", model=minilm, entailment=words)
    assert (found.claim, found.status) == ("The tower was built in 1874.", Status.SUPPORTED)
    assert found.text.strip("_") == "1874"
