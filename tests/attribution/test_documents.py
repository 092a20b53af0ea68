from __future__ import annotations

import pytest
from counterfoil.attribution import Document, Locator, SourceSpan, cite, score_citations
from counterfoil.attribution.documents import as_documents
from counterfoil.attribution.serialization import as_json, from_json, schema_of


def test_strings_become_numbered_documents():
    named = Document("b", "Beta.")
    assert as_documents(["Alpha.", named]) == [Document("1", "Alpha."), named]
    assert as_documents(text for text in ("Alpha.",)) == [Document("1", "Alpha.")]
    assert as_documents(()) == []


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ("It rained.", "but is a str; put"),
        (b"It rained.", "but is a bytes"),
        (None, "but is None"),
        ({"1": "It rained."}, "but is a dict"),
        (Document("1", "It rained."), "but is a Document"),
        (3, "but is a int"),
        ([None], "element 1 is None"),
        (["It rained.", {"text": "It snowed."}], "element 2 is a dict"),
    ],
)
@pytest.mark.parametrize("door", ["score", "cite", "locate", "as_documents"])
def test_what_is_no_sequence_of_documents_is_refused(words, documents, message, door):
    doors = {
        "score": lambda: score_citations("It rained [1].", documents, entailment=words),
        "cite": lambda: cite("It rained.", documents, entailment=words),
        "locate": lambda: Locator("It rained.", documents, entailment=words),
        "as_documents": lambda: as_documents(documents),
    }
    with pytest.raises(TypeError, match="`documents` has to") as raised:
        doors[door]()
    assert message in str(raised.value)


def test_one_id_is_one_document():
    with pytest.raises(ValueError, match="two are called '2'"):
        as_documents([Document("2", "Alpha."), "Beta."])


def test_a_span_says_what_stands_there():
    document = Document("1", "It rained.")
    assert SourceSpan.of(document, 3, 9).quote == "rained"
    with pytest.raises(ValueError, match="lie within the 10 characters"):
        SourceSpan.of(document, 3, 11)
    with pytest.raises(ValueError, match="span the quote of 6 characters"):
        SourceSpan("1", 3, 8, "rained")


def test_json_holds_what_is_cited_and_can_be_encoded():
    written = as_json(Document("1", "a\ud800b", "T", {"path": "/secret"}))
    assert written == '{"id":"1","text":"a�b","title":"T","pages":[]}'
    assert from_json(Document, written) == Document("1", "a�b", "T")
    with pytest.raises(ValueError, match="colour"):
        from_json(Document, '{"id": "1", "text": "a", "colour": "red"}')


@pytest.mark.parametrize(
    ("start", "end", "pages"),
    [(0, 5, "p. 1"), (9, 10, "p. 1"), (10, 12, "p. 3"), (5, 12, "pp. 1-3"), (25, 25, "p. 4"), (15, 40, "pp. 3-4")],
)
def test_a_place_is_on_a_page(start, end, pages):
    """The second page is empty: it begins where the third does."""
    document = Document("manual.pdf", "x" * 40, pages=(0, 10, 10, 20))
    assert document.pages_of(start, end) == pages
    assert Document("notes.md", "x" * 40).pages_of(start, end) == ""
    assert from_json(Document, as_json(document)).pages == document.pages


def test_the_schema_is_the_docstring():
    schema = schema_of(SourceSpan)
    assert schema["required"] == ["document", "start", "end", "quote", "score"]
    assert schema["properties"]["end"]["description"] == "One past the last code point."
