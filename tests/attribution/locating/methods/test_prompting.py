"""The chat model behind a real HTTP server: what it copies, what it invents, how often it is asked."""

from __future__ import annotations

import json

import pytest
from counterfoil.attribution import Document, Kind, Locator, Status

TOWER = Document(
    "tower", "It was built in 1874. The tower is 31 metres high, and is climbed by 142 steps.", "The tower"
)
OTHER = Document("other", "Ships sail at noon.", "Ships")
ANSWER = "It has 142 steps [1]. It is made of glass."


def passages(*texts, source=1):
    return json.dumps({"passages": [{"source": source, "text": text} for text in texts]})


@pytest.fixture
def locate(server, words):
    def ask(*replies, span=(0, 16), **options):
        server.replies = list(replies)
        settings = {"entailment": words, "decontextualize": "none", "verify": False, "threshold": 0.5, **options}
        locator = Locator(ANSWER, [TOWER, OTHER], method="prompting", model="m", base_url=server.url, **settings)
        return locator.locate(span)

    return ask


def test_what_the_model_copies_is_where_it_stands(locate, server):
    found = locate(passages("is climbed by 142 steps"))
    (span,) = found.spans
    assert (span.document, TOWER.text[span.start : span.end]) == ("tower", "is climbed by 142 steps")
    assert (found.method, found.kind, found.claim) == ("prompting", Kind.CORROBORATIVE, "It has 142 steps")
    (body,) = server.bodies
    assert "response_format" not in body
    data = json.loads(body["messages"][1]["content"])
    assert data["CLAIM"] == "It has 142 steps"
    assert [source["text"] for source in data["SOURCES"]] == [TOWER.text, OTHER.text]


def test_a_wrong_source_number_does_not_matter(locate):
    assert locate(passages("142 steps", source=2)).spans[0].document == "tower"
    assert locate(passages("142 steps", source=9)).spans[0].document == "tower"


def test_what_cannot_be_found_is_asked_for_again(locate, server):
    found = locate("no JSON", passages("it has a hundred stairs or so"), passages("142 steps"))
    assert [span.quote for span in found.spans] == ["142 steps"]
    assert "asked 3 times" in found.notes[-1]
    last = server.bodies[-1]["messages"]
    assert [message["role"] for message in last] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert "a hundred stairs" in last[-1]["content"]


def test_after_all_tries_the_cited_documents_are_the_answer(locate, server):
    found = locate("still no JSON")
    assert [(span.document, span.start, span.end) for span in found.spans] == [("tower", 0, len(TOWER.text))]
    assert "coarse attribution" in found.notes[-1]
    assert len(server.bodies) == 3


def test_the_coarse_attribution_is_checked_and_shrunk_like_any_other(locate):
    found = locate("still no JSON", verify=True, threshold=0.4)
    assert found.status is Status.SUPPORTED
    assert [span.quote for span in found.spans] == ["is climbed by 142 steps."]


def test_a_model_that_finds_nothing_is_believed(locate):
    found = locate(passages(), verify=True)
    assert (found.status, found.spans, found.candidates) == (Status.NOT_SUPPORTED, (), ())


def test_what_the_model_copies_has_to_support_the_claim(locate):
    found = locate(passages("Ships sail at noon"), verify=True)
    assert (found.status, found.spans) == (Status.NOT_SUPPORTED, ())
    assert not found.candidates[0].kept


def test_an_endpoint_that_fails_says_so(locate):
    found = locate(None, retries=0)
    assert (found.status, found.spans) == (Status.NOT_CHECKED, ())
    assert "HTTP status 400" in (found.failure or "")


def test_an_endpoint_needs_the_name_of_a_model(server):
    found = Locator(ANSWER, [TOWER], method="prompting", base_url=server.url, verify=False)
    with pytest.raises(ValueError, match="`model` has to name a model"):
        found.locate((0, 16))


def test_the_number_of_tries_is_checked(server):
    with pytest.raises(ValueError, match="`tries` has to be at least 1, but is 0"):
        Locator(ANSWER, [TOWER], method="prompting", tries=0)
