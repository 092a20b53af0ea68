from __future__ import annotations

from counterfoil.attribution import Citation, Document, Status
from counterfoil.attribution.retrieval import Passage
from counterfoil.grounding.excerpts import excerpts
from hypothesis import given
from hypothesis import strategies as st

A = Document("a", "One. Two. Three. Four. Five.", "Title")
B = Document("b", "Other.")


def citation(text, quote):
    start = text.index(quote)
    return Citation("a", "1", Status.SUPPORTED, 0.5, start, start + len(quote), quote)


def test_what_was_read_and_nothing_else():
    first, second = excerpts([Passage(A, 17, 22), Passage(B, 0, 6), Passage(A, 0, 4), Passage(A, 5, 9)])
    assert (first.read, second.read) == (Document("a", "One. Two.\n\nFour.", "Title"), B)
    assert first.document is A


def test_a_citation_finds_its_place_in_the_whole_text():
    (excerpt,) = excerpts([Passage(A, 0, 9), Passage(A, 17, 22)])
    for quote, place in (("Two.", (5, 9)), ("Four.", (17, 22)), ("One. Two.", (0, 9))):
        located = excerpt.located(citation(excerpt.read.text, quote))
        assert (located.start, located.end, located.quote) == (*place, quote)
    across = excerpt.located(citation(excerpt.read.text, "Two.\n\nFour."))
    assert (across.start, across.end, across.quote) == (5, 22, "Two. Three. Four.")
    without = Citation("a", "1", Status.NOT_SUPPORTED)
    assert excerpt.located(without) is without


@given(
    st.text(alphabet=st.sampled_from("ab😀.\n "), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=4),
    st.data(),
)
def test_every_character_read_is_found_again(text, pairs, data):
    document = Document("d", text)
    ends = [(min(a, b, len(text) - 1), min(max(a, b), len(text))) for a, b in pairs]
    ranges = [Passage(document, start, end) for start, end in ends if start < end]
    if not ranges:
        return
    (excerpt,) = excerpts(ranges)
    place = data.draw(st.integers(0, len(excerpt.read.text) - 1))
    located = excerpt.located(Citation("d", "1", Status.SUPPORTED, 1.0, place, place + 1, excerpt.read.text[place]))
    assert located.quote == text[located.start : located.end]
    if excerpt.read.text[place].strip():
        assert located.quote == excerpt.read.text[place]
