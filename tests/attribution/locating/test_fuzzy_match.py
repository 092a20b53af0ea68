from __future__ import annotations

import pytest
from counterfoil.attribution import Document
from counterfoil.attribution.locating.methods.prompting import find_snippet

TEXT = "Das “Café” öffnete 1908.\r\nIt was\tbuilt from grey granite, quarried on the island itself. שלום עולם 👍🏽."
DOCUMENTS = [Document("a", "Nothing here."), Document("b", TEXT)]


@pytest.mark.parametrize(
    ("snippet", "quote", "how"),
    [
        ("grey granite", "grey granite", "exact"),
        ('"grey granite"', "grey granite", "exact"),
        ("it was built from GREY granite", "It was\tbuilt from grey granite", "normalised"),
        ("Das 'Cafe' öffnete", "Das “Café” öffnete", "normalised"),
        ("שלום  עולם", "שלום עולם", "normalised"),
        ("build from gray granite quarried on the island", "built from grey granite, quarried on the island", "fuzzy"),
    ],
)
def test_a_snippet_is_found_where_it_stands(snippet, quote, how):
    match = find_snippet(snippet, DOCUMENTS)
    assert match is not None
    span, way = match
    assert (span.quote, way, span.document) == (quote, how, "b")
    assert TEXT[span.start : span.end] == quote


@pytest.mark.parametrize("snippet", ["", "...", "quite another sentence altogether", "gray gr"])
def test_what_does_not_stand_there_is_not_found(snippet):
    assert find_snippet(snippet, DOCUMENTS) is None


def test_the_first_of_several_places_is_taken():
    match = find_snippet("nothing", [*DOCUMENTS, Document("c", "nothing")])
    assert match is not None
    assert match[0].document == "c", "an exact match goes before a normalised one"
