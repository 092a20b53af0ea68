from __future__ import annotations

import json
from dataclasses import replace

import pytest
from counterfoil.attribution import Citation, Document, SourceSpan, StatementVerdict, Status
from counterfoil.attribution.io.exports import (
    EXPORTERS,
    CitedText,
    Link,
    from_anthropic,
    from_cohere,
    from_openai,
    to_anthropic,
    to_cohere,
    to_openai,
    to_openai_chat,
)
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessage
from openai.types.responses import ResponseOutputText

LENS = Document(
    "museum.html",
    "The lens 🔭 weighs 2.6\u00a0tonnes.\r\nIt is o\u0308ld.",
    "The Museum",
    {"url": "https://m.example/a"},
)
TOWER = Document("tower.md", "The tower is 31 metres high. The tower is 31 metres high.", "", {"file_id": "file-7"})
BOTH = (LENS, TOWER)
TEXT = "🔭 It weighs 2.6 tonnes. The tower is 31 metres high."


def source(document: Document, quote: str, nth: int = 0) -> SourceSpan:
    start = -1
    for _ in range(nth + 1):
        start = document.text.index(quote, start + 1)
    return SourceSpan.of(document, start, start + len(quote))


def link(words: str, document: Document, quote: str | None = None, nth: int = 0) -> Link:
    start = TEXT.index(words)
    return Link(start, start + len(words), document.id, quote and source(document, quote, nth))


CITED = CitedText(
    TEXT,
    (
        link("It weighs 2.6 tonnes.", LENS, "🔭 weighs 2.6\u00a0tonnes."),
        link("31 metres", TOWER, "31 metres", 1),
        link("2.6 tonnes", LENS, "o\u0308ld"),
    ),
)


def test_anthropic_blocks_say_which_words_by_where_they_end():
    blocks = to_anthropic(CITED, BOTH)
    assert "".join(block["text"] for block in blocks) == TEXT
    texts = ["🔭 ", "It weighs ", "2.6 tonnes", ".", " The tower is ", "31 metres", " high."]
    assert [block["text"] for block in blocks] == texts
    assert [len(block.get("citations", [])) for block in blocks] == [0, 1, 2, 1, 0, 1, 0]
    assert blocks[5]["citations"] == [
        {
            "type": "char_location", "cited_text": "31 metres", "document_index": 1, "document_title": None,
            "start_char_index": 42, "end_char_index": 51,
        }
    ]  # fmt: skip
    assert blocks[1]["citations"][0]["document_title"] == "The Museum"
    assert from_anthropic(blocks, BOTH) == CITED


def test_openai_annotations_are_places_of_the_answer():
    part = to_openai(CITED, BOTH)
    assert part["annotations"] == [
        {
            "type": "url_citation",
            "start_index": 2,
            "end_index": 23,
            "url": "https://m.example/a",
            "title": "The Museum",
        },
        {
            "type": "url_citation",
            "start_index": 12,
            "end_index": 22,
            "url": "https://m.example/a",
            "title": "The Museum",
        },
        {"type": "file_citation", "file_id": "file-7", "filename": "tower.md", "index": 46},
    ]
    assert TEXT[:46].endswith("31 metres")
    back = from_openai(part, BOTH)
    assert back == CitedText(TEXT, (Link(2, 23, LENS.id), Link(12, 22, LENS.id), Link(46, 46, TOWER.id)))
    assert from_openai(part) == CitedText(
        TEXT, (Link(2, 23, "https://m.example/a"), Link(12, 22, "https://m.example/a"), Link(46, 46, "file-7"))
    )


def test_openai_takes_what_is_written():
    assert ResponseOutputText.model_validate(to_openai(CITED, BOTH), strict=True).annotations[2].type == "file_citation"
    only = replace(CITED, links=CITED.links[:2])
    message = to_openai_chat(only, BOTH)
    assert ChatCompletionMessage.model_validate(message, strict=True).annotations[1].url_citation.end_index == 22
    assert from_openai(message, BOTH).links == (Link(2, 23, LENS.id), Link(12, 22, LENS.id))
    with pytest.raises(ValueError, match=r"'tower.md' has none: set its metadata"):
        to_openai_chat(CITED, BOTH)


def test_recorded_openai_responses_end_before_their_end_index():
    # Shapes of recorded responses: the url_citation is of "([m.example](…))", the index stands before the full stop.
    text = "It fell. ([m.example](https://m.example/a))\n\nNext."
    end = text.index("\n")
    annotations = [
        {"type": "url_citation", "start_index": 9, "end_index": end, "url": "https://m.example/a", "title": "T"},
        {"type": "file_path", "file_id": "f", "index": 0},
        {"type": "container_file_citation", "file_id": "file-7", "start_index": 0, "end_index": 7},
    ]
    part = {"type": "output_text", "text": text, "annotations": annotations}
    assert from_openai(part, BOTH).links == (Link(0, 7, TOWER.id), Link(9, end, LENS.id))


def test_cohere_citations_name_words_and_sources():
    twice = replace(CITED, links=(*CITED.links, link("31 metres", LENS)))
    message = to_cohere(twice, BOTH)
    assert message["content"] == [{"type": "text", "text": TEXT}]
    last = message["citations"][-1]
    assert (last["start"], last["end"], last["text"], last["content_index"]) == (37, 46, "31 metres", 0)
    passage = {"id": "tower.md", "snippet": "31 metres", "start": 42, "end": 51}
    assert last["sources"] == [
        {"type": "document", "id": "tower.md", "document": passage},
        {"type": "document", "id": "museum.html", "document": {"id": "museum.html", "title": "The Museum"}},
    ]
    assert from_cohere(message, BOTH) == twice


def test_cohere_blocks_and_sources_without_places():
    message = {
        "role": "assistant",
        "content": [{"type": "text", "text": "One. "}, {"type": "text", "text": "Two 😀."}],
        "citations": [
            {"start": 0, "end": 5, "text": "Two 😀", "content_index": 1, "type": "TEXT_CONTENT", "sources": [
                {"type": "document", "id": "tower.md", "document": {"snippet": "tower is"}},
                {"type": "tool", "id": "search:0", "tool_output": {"a": 1}},
            ]},
        ],
    }  # fmt: skip
    found = from_cohere(message, BOTH)
    assert found.text == "One. Two 😀."
    assert found.links == (Link(5, 10, TOWER.id, source(TOWER, "tower is")), Link(5, 10, "search:0"))


def test_the_other_locations_of_anthropic():
    def block(text, *citations):
        return {"type": "text", "text": text, "citations": list(citations)}

    def citation(kind, quote, **fields):
        return {"type": kind, "cited_text": quote, **fields}

    content = [
        {"type": "thinking", "thinking": "…"},
        block("A", citation("page_location", "31 metres", document_index=1, start_page_number=1, end_page_number=2)),
        block("B", citation("content_block_location", "of another edition", document_index=1, start_block_index=0)),
        block(
            "C",
            citation("search_result_location", "It is", search_result_index=0, source="s", start_block_index=0),
            citation("web_search_result_location", "weighs", url="https://m.example/a"),
            citation("web_search_result_location", "weighs", url="https://n.example"),
        ),
    ]
    assert from_anthropic(content, BOTH) == CitedText(
        "ABC",
        (
            Link(0, 1, TOWER.id, source(TOWER, "31 metres")),
            Link(1, 2, TOWER.id),
            Link(2, 3, LENS.id, source(LENS, "It is")),
            Link(2, 3, LENS.id, source(LENS, "weighs")),
            Link(2, 3, "https://n.example"),
        ),
    )


def test_a_citation_without_a_passage_cites_the_whole_document_of_anthropic():
    (block,) = to_anthropic(CitedText("All.", (Link(0, 4, TOWER.id),)), BOTH)
    assert block["citations"][0]["cited_text"] == TOWER.text
    (block, rest) = to_anthropic(CitedText("All.", (Link(3, 3, TOWER.id),)), BOTH)
    assert (block["text"], rest) == ("All", {"type": "text", "text": "."}), "a point is put on the words before it"


def block_of(**citation):
    return [{"type": "text", "text": "a", "citations": [citation]}]


NOWHERE = CitedText("abc", (Link(0, 1, "x"),))
MISQUOTED = CitedText("a", (Link(0, 1, "tower.md", SourceSpan("tower.md", 0, 2, "no")),))
MISPLACED = {"content": "abc", "citations": [{"start": 0, "end": 1, "text": "b"}]}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: CitedText("abc", (Link(1, 4, "x"),)), "within the 3 characters"),
        (lambda: CitedText("abc", (Link(0, 1, "x", source(TOWER, "31")),)), "but it is in 'tower.md'"),
        (lambda: to_anthropic(NOWHERE, BOTH), "'x' is not among them"),
        (lambda: to_openai(NOWHERE, BOTH), "'x' is not among them"),
        (lambda: to_cohere(NOWHERE, BOTH), "'x' is not among them"),
        (lambda: to_anthropic(MISQUOTED, BOTH), "says something else"),
        (lambda: from_anthropic(to_anthropic(CITED, BOTH), (TOWER, LENS)), "exactly as they were sent"),
        (lambda: from_anthropic(block_of(type="page_location", document_index=2), BOTH), "2 documents, but is 2"),
        (lambda: from_anthropic(block_of(type="verse"), BOTH), "'verse'"),
        (lambda: from_openai({"text": "a", "annotations": [{"type": "verse"}]}), "'verse'"),
        (lambda: from_cohere(MISPLACED), "of 'a', which stands there, but is of 'b'"),
    ],
)
def test_what_cannot_be_meant_is_an_error(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()


def test_scored_sentences_become_links():
    citations = (
        Citation(LENS.id, "1", Status.SUPPORTED, 0.9, 11, 17, LENS.text[11:17]),
        Citation(TOWER.id, "2", Status.NOT_SUPPORTED),
        Citation(None, "9", Status.INVALID_CITATION),
    )
    verdict = StatementVerdict("It weighs.", 2, 12, Status.SUPPORTED, 0.9, citations)
    cited = CitedText.of_verdicts(TEXT, [verdict])
    assert cited.links == (Link(2, 12, LENS.id, SourceSpan.of(LENS, 11, 17)), Link(2, 12, TOWER.id))
    assert CitedText.of_verdicts(TEXT, [verdict], supported_only=True).links == cited.links[:1]


# Letters that count differently in bytes, in UTF-16 and as seen.
LETTERS = st.text(st.sampled_from("ab .😀é\u0301\u200d👩\r\nש\u202e中"), max_size=12)


@st.composite
def cited_texts(draw):
    documents = [
        Document(f"d{n}", draw(LETTERS), draw(st.sampled_from(["", "T"])), draw(st.sampled_from([{}, {"url": f"https://x/{n}"}])))
        for n in range(draw(st.integers(1, 3)))
    ]  # fmt: skip
    text = draw(LETTERS)
    links = []
    for _ in range(draw(st.integers(0, 5))):
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        document = draw(st.sampled_from(documents))
        first, last = sorted(draw(st.tuples(*[st.integers(0, len(document.text))] * 2)))
        place = draw(st.sampled_from([None, SourceSpan.of(document, first, last)]))
        if start < end:
            links.append(Link(start, end, document.id, place))
    return CitedText(text, tuple(links)), documents


def there_and_back(value):
    return json.loads(json.dumps(value))


@given(cited_texts())
def test_anthropic_gives_back_what_it_was_given(case):
    cited, documents = case
    whole = {d.id: SourceSpan.of(d, 0, len(d.text)) for d in documents}
    known = CitedText(
        cited.text, tuple(replace(link, source=link.source or whole[link.document]) for link in cited.links)
    )
    back = from_anthropic(there_and_back(to_anthropic(cited, documents)), documents)
    assert back.text == cited.text
    assert set(back.links) == set(known.joined().links)


@given(cited_texts())
def test_openai_gives_back_words_and_documents(case):
    cited, documents = case
    urls = {document.id for document in documents if "url" in document.metadata}
    back = from_openai(there_and_back(to_openai(cited, documents)), documents)
    assert back.text == cited.text
    assert set(back.links) == {
        Link(link.answer_start if link.document in urls else link.answer_end, link.answer_end, link.document)
        for link in cited.links
    }


@given(cited_texts())
def test_cohere_gives_back_everything(case):
    cited, documents = case
    assert from_cohere(there_and_back(to_cohere(cited, documents)), documents) == cited


URL_CITATION = {"start_index": 0, "end_index": 7, "url": "https://m.example/a", "title": "T"}
PART = {"type": "output_text", "text": "It fell.", "annotations": [{"type": "url_citation", **URL_CITATION}]}
CHAT = {
    "role": "assistant",
    "content": "It fell.",
    "annotations": [{"type": "url_citation", "url_citation": URL_CITATION}],
}
FELL = CitedText("It fell.", (Link(0, 7, LENS.id),))


@pytest.mark.parametrize(
    "response",
    [
        {"id": "r", "object": "response", "output": [{"type": "reasoning"}, {"type": "message", "content": [PART]}]},
        {"id": "c", "object": "chat.completion", "choices": [{"index": 0, "finish_reason": "stop", "message": CHAT}]},
        {"role": "assistant", "content": [PART]},
    ],
)
def test_whole_responses_of_openai_are_read(response):
    assert from_openai(response, BOTH) == FELL


def test_several_parts_of_openai_are_one_text():
    found = from_openai({"role": "assistant", "content": [PART, PART]}, BOTH)
    assert found == CitedText("It fell.It fell.", (Link(0, 7, LENS.id), Link(8, 15, LENS.id)))


def test_a_text_of_the_assistants_api_is_read():
    citation = {
        "type": "file_citation", "text": "【4:0†source】", "start_index": 7, "end_index": 19,
        "file_citation": {"file_id": "file-7"},
    }  # fmt: skip
    text = {"value": "It fell【4:0†source】.", "annotations": [citation]}
    expected = CitedText("It fell【4:0†source】.", (Link(7, 7, TOWER.id),))
    assert from_openai(text, BOTH) == expected
    thread = {"object": "thread.message", "content": [{"type": "text", "text": text}]}
    assert from_openai(thread, BOTH) == expected


def test_a_vendors_object_is_read_as_its_json():
    assert from_openai(ChatCompletionMessage.model_validate(CHAT), BOTH) == FELL


@pytest.mark.parametrize("read", [from_openai, from_cohere])
@pytest.mark.parametrize("other", [{}, {"id": "x", "usage": {}}, "text", [1], {"choices": []}])
def test_what_is_no_message_is_refused(read, other):
    with pytest.raises((ValueError, TypeError), match=r"a (message|response) has to"):
        read(other)


def test_a_whole_response_of_cohere_and_citations_of_a_plan():
    citation = {"start": 0, "end": 7, "text": "It fell", "sources": [{"type": "document", "document": {"url": "u"}}]}
    response = {
        "id": "1", "finish_reason": "COMPLETE", "message": {
            "role": "assistant", "tool_plan": "I look.",
            "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "It fell."}],
            "citations": [
                {"start": 0, "end": 6, "text": "I look", "type": "PLAN", "sources": []},
                {"start": 0, "end": 2, "text": "Hm", "type": "THINKING_CONTENT", "content_index": 0, "sources": []},
                {**citation, "type": "TEXT_CONTENT", "content_index": 1},
            ],
        },
    }  # fmt: skip
    assert from_cohere(response) == CitedText("It fell.", (Link(0, 7, "u"),))
    nameless = {"content": "It fell.", "citations": [{**citation, "sources": [{"type": "tool", "tool_output": {}}]}]}
    with pytest.raises(ValueError, match="has to have an id, a url or a title"):
        from_cohere(nameless)


def test_a_response_of_the_first_version_of_cohere_is_read():
    citation = {"start": 0, "end": 7, "text": "It fell", "document_ids": ["tower.md"]}
    found = from_cohere({"text": "It fell.", "generation_id": "g", "citations": [citation]}, BOTH)
    assert found == CitedText("It fell.", (Link(0, 7, TOWER.id),))


def test_a_whole_message_of_anthropic_is_read():
    blocks = to_anthropic(CITED, BOTH)
    assert from_anthropic({"id": "m", "role": "assistant", "content": blocks}, BOTH) == CITED
    assert from_anthropic({"content": "Plain."}, BOTH) == CitedText("Plain.")
    with pytest.raises(ValueError, match="one of the fields content"):
        from_anthropic({"id": "m"}, BOTH)


def test_exporters_are_found_by_format():
    assert EXPORTERS.names[:3] == ("anthropic", "openai", "cohere")
    assert EXPORTERS.load("cohere") is to_cohere
    with pytest.raises(ValueError, match="`format` has to be one of"):
        EXPORTERS.load("bibtex")


CHAR_LOCATION = {
    "type": "char_location",
    "cited_text": "The tower",
    "document_index": 0,
    "start_char_index": 0,
    "end_char_index": 9,
}
URL_CITATION = {"type": "url_citation", "start_index": 0, "end_index": 5, "url": "https://e.org/x", "title": "t"}
OF_ANTHROPIC = {"type": "message", "content": [{"type": "text", "text": "High.", "citations": [CHAR_LOCATION]}]}
OF_OPENAI = {"output": [{"type": "message", "content": [{"type": "output_text", "text": "High.", "annotations": []}]}]}
OF_COHERE = {
    "message": {
        "content": [{"type": "text", "text": "High."}],
        "citations": [{"start": 0, "end": 4, "text": "High", "sources": [{"id": "a"}]}],
    }
}


@pytest.mark.parametrize(
    ("read", "message", "vendor"),
    [
        (from_openai, OF_ANTHROPIC, "anthropic"),
        (from_cohere, OF_ANTHROPIC, "anthropic"),
        (from_openai, OF_COHERE, "cohere"),
        (from_anthropic, OF_COHERE, "cohere"),
        (from_anthropic, OF_OPENAI, "openai"),
        (from_anthropic, OF_OPENAI["output"][0], "openai"),
        (from_cohere, OF_OPENAI["output"][0], "openai"),
        (from_cohere, {"role": "assistant", "content": "High.", "annotations": [URL_CITATION]}, "openai"),
    ],
)
def test_the_message_of_another_vendor_does_not_lose_its_citations_in_silence(read, message, vendor):
    with pytest.raises(ValueError, match=f"in the format of {vendor}; read it with from_{vendor}"):
        read(message, [TOWER])


@pytest.mark.parametrize(
    ("read", "message", "problem"),
    [
        (from_openai, {"choices": [{"message": {"content": None, "refusal": "No."}}]}, "has only refusal"),
        (from_openai, {"choices": [{"message": {"content": None, "tool_calls": [{}]}}]}, "has only tool_calls"),
        (from_openai, {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]}, "refusal"),
        (from_openai, {"output": [], "status": "failed"}, "its status is 'failed'"),
        (
            from_openai,
            {"text": "A.", "annotations": [{"type": "url_citation", "start_index": 0, "end_index": 1}]},
            "`url`",
        ),
        (from_anthropic, {"content": [{"type": "tool_use", "id": "t"}], "stop_reason": "tool_use"}, "only tool_use"),
        (from_anthropic, {"content": []}, "only nothing"),
        (from_anthropic, [{"type": "text", "text": None}], "`text`"),
        (
            from_anthropic,
            [{"type": "text", "text": "A.", "citations": [{"type": "char_location"}]}],
            "`document_index`",
        ),
        (from_cohere, {"message": "invalid api token"}, "is 'invalid api token'"),
        (from_cohere, {"message": {"role": "assistant", "tool_calls": [{}]}}, "only role, tool_calls"),
        (from_cohere, {"text": "A.", "citations": [{"start": 0, "end": 1}]}, "`sources`"),
        (from_cohere, {"text": "A.", "citations": [{"end": 1, "sources": []}]}, "`start`"),
        (
            from_cohere,
            {"content": "A.", "citations": [{"start": 0, "end": 1, "sources": [], "content_index": 7}]},
            "one of the 1 blocks, but is 7",
        ),
    ],
)
def test_a_message_without_text_or_with_half_a_citation_is_refused(read, message, problem):
    with pytest.raises(ValueError, match=problem):
        read(message, [TOWER])


@pytest.mark.parametrize(
    "url", ["https://e.org/x?utm_source=openai", "https://e.org/x/", "https://e.org/x#:~:text=Rain,fell"]
)
def test_a_page_is_known_by_its_address_without_what_a_search_adds(url):
    document = Document("rain", "Rain fell.", metadata={"url": "https://e.org/x"})
    cited = from_openai({"text": "Rain.", "annotations": [{**URL_CITATION, "url": url}]}, [document])
    assert [link.document for link in cited.links] == ["rain"]


def test_a_response_that_lists_its_pages_cites_them_by_markers():
    response = {
        "citations": ["https://e.org/x", "https://e.org/y"],
        "choices": [{"message": {"role": "assistant", "content": "Rain [1]. Snow [2][9]."}}],
    }
    cited = from_openai(response, [Document("rain", "Rain fell.", metadata={"url": "https://e.org/x"})])
    assert [(link.answer_start, link.document) for link in cited.links] == [(5, "rain"), (15, "https://e.org/y")]
