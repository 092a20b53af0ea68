from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup
from counterfoil.attribution import Citation, Document, StatementVerdict, Status
from counterfoil.attribution.passages import Passage
from counterfoil.attribution.report import AnswerRecord, Report, TraceSpan, render, write_report
from counterfoil.attribution.report.cases import case
from counterfoil.attribution.report.fitting import CONTEXT, Wanted, fitted
from counterfoil.attribution.report.segments import Marked, segments
from counterfoil.attribution.report.view import case_view
from hypothesis import given
from hypothesis import strategies as st

LENS = Document("museum.html", "Free entry. The lens weighs 2.6 tonnes. It is old.", "The Museum")
TOWER = Document("lighthouse.md", "The tower is 31 metres high.\r\nThe lens was given away.")
OTHER = Document("other.txt", "Nothing of this was read.")


def citation(document: Document, number: int, quote: str) -> Citation:
    start = document.text.index(quote)
    return Citation(document.id, str(number), Status.SUPPORTED, 0.9, start, start + len(quote), quote)


def record(label: str, *parts: tuple[str, Status, list[Citation]], trace: tuple[TraceSpan, ...] = ()) -> AnswerRecord:
    text, verdicts = "", []
    for sentence, status, citations in parts:
        start = len(text) + bool(text)
        text += (" " if text else "") + sentence
        verdicts.append(StatementVerdict(sentence, start, len(text), status, 0.5, tuple(citations)))
    return AnswerRecord(label, text, tuple(verdicts), 2 / 3, 1.0, 0.8, trace)


def example() -> Report:
    both = [citation(LENS, 1, "The lens weighs 2.6 tonnes."), citation(TOWER, 2, "The lens was given away.")]
    answer = record(
        "CAD",
        ("The lens weighs 2.6 tonnes.", Status.SUPPORTED, both),
        ("It is painted red.", Status.NOT_SUPPORTED, []),
        ("The lens is old.", Status.SUPPORTED, [citation(LENS, 1, "The lens weighs 2.6 tonnes. It is old.")]),
        trace=(TraceSpan(0, 3, 0.1), TraceSpan(3, 8, 4.5), TraceSpan(8, 15, -1.2)),
    )
    read = (Passage(LENS, 0, 39),)
    return Report("How heavy?", (answer,), (LENS, TOWER, OTHER), read, {"Method": "CAD"}, ("A note.",))


def plain(report: Report) -> BeautifulSoup:
    """What a browser without JavaScript makes of the page."""
    return BeautifulSoup(BeautifulSoup(render(report), "html.parser").find("noscript").decode_contents(), "html.parser")


def data(html: str) -> dict:
    return json.loads(BeautifulSoup(html, "html.parser").find("script", id="data").string)


def visible(element) -> str:
    for added in element.select(".back"):
        added.decompose()
    return element.get_text()


def test_every_document_is_there_unchanged():
    shown = data(render(example()))["cases"][0]["documents"]
    assert [document["pieces"] for document in shown] == [[[0, LENS.text]], [[0, TOWER.text]], [[0, OTHER.text]]]
    soup = plain(example())
    assert [visible(text) for text in soup.select(".source .text")] == [LENS.text, TOWER.text, OTHER.text]
    assert [use.get_text() for use in soup.select(".use")] == ["cited", "cited", "not read"]
    assert [element.has_attr("open") for element in soup.select(".source details")] == [True, True, False]


def test_the_answer_is_there_with_its_verdicts():
    soup = plain(example())
    sentences = soup.select(".sentence")
    assert [sentence.get_text() for sentence in sentences] == [
        "The lens weighs 2.6 tonnes.",
        "It is painted red.",
        "The lens is old.",
    ]
    assert [sentence["class"][1] for sentence in sentences] == ["supported", "not_supported", "supported"]
    assert [a.get_text() for a in soup.select(".prose .number")] == ["1", "2", "1"]
    assert [b.get_text() for b in soup.select(".scores b")] == ["67", "100", "80"]
    rests = [" ".join(element.get_text().split()) for element in soup.select(".rests")]
    assert rests == ["The Museum, lighthouse.md", "no document supports it", "The Museum"]


def test_every_link_leads_somewhere_without_a_script():
    plain_record = record("Plain", ("The lens is old.", Status.SUPPORTED, [citation(LENS, 1, "It is old.")]))
    soup = plain(replace(example(), answers=(*example().answers, plain_record)))
    ids = [element["id"] for element in soup.select("[id]")]
    assert len(ids) == len(set(ids))
    links = [a["href"] for a in soup.select("a")]
    assert len(links) > 8
    assert {link.removeprefix("#") for link in links} <= set(ids)
    first = soup.select_one(".sentence")["href"].removeprefix("#")
    assert soup.find(id=first).find_next("mark").get_text() == "The lens weighs 2.6 tonnes."


def test_overlapping_evidence_is_marked_for_each_sentence():
    soup = plain(example())
    assert [mark.get_text() for mark in soup.select("#document-1-1 mark")] == [
        "The lens weighs 2.6 tonnes.",
        " It is old.",
    ]
    assert [a["href"] for a in soup.select("#document-1-1 .back")] == ["#sentence-1-A1", "#sentence-1-A3"]


def test_what_was_not_read_is_told_apart():
    soup = plain(example())
    assert [element.get_text() for element in soup.select("#document-1-3 .unread")] == [OTHER.text]
    assert "Free entry. " not in [element.get_text() for element in soup.select("#document-1-1 .unread")]
    unrecorded = plain(replace(example(), passages=()))
    assert not unrecorded.select(".unread")
    assert unrecorded.select(".use")[2].get_text() == "not cited"


def test_two_answers_are_told_apart():
    other = record("Plain", ("The lens is old.", Status.NOT_CHECKED, []))
    soup = plain(replace(example(), answers=(*example().answers, other)))
    assert [which.get_text() for which in soup.select(".which")] == ["A1", "A2", "A3", "B1"]
    assert [h2.get_text() for h2 in soup.select(".answer h2")] == ["A CAD", "B Plain"]


def test_missing_scores_and_an_empty_answer():
    empty = AnswerRecord("CAD", "", (), None, None, None)
    soup = plain(Report("Why?", (empty,), (LENS,)))
    assert [b.get_text() for b in soup.select(".scores b")] == ["–"] * 3
    assert "The model wrote nothing." in soup.select_one(".prose").get_text()


def test_markers_of_the_answer_are_not_said_twice():
    sentence = "It weighs 2.6 tonnes [1]."
    report = Report("", (record("", (sentence, Status.SUPPORTED, [citation(LENS, 1, "2.6 tonnes")])),), (LENS,))
    assert not plain(report).select(".prose .number")
    assert data(render(report))["cases"][0]["answers"][0]["markers"] == [[21, 24, [1]]]


EVIL = (
    '</script><script>alert(1)</script></noscript><!--<img src=x onerror="alert(2)">\' {{ 7 * 7 }} &amp; '
    "\u2028\u202e\r\n\x00"
)


def test_everything_is_escaped():
    evil = Document(EVIL, EVIL, EVIL, {})
    answer = record(EVIL, (EVIL, Status.SUPPORTED, [Citation(EVIL, "1", Status.SUPPORTED, 1.0, 0, len(EVIL), EVIL)]))
    report = Report(EVIL, (answer,), (evil,), (Passage(evil, 0, 5),), {EVIL: EVIL}, (EVIL,), EVIL)
    html = render(report)
    soup = BeautifulSoup(html, "html.parser")
    assert len(soup.select("script")) == 2
    assert not plain(report).select("img, script")
    written = html.split('id="data">')[1].split("</script>")[0]
    assert not set("<>&\u2028\u2029\r\n") & set(written)
    assert data(html)["cases"][0]["documents"][0]["pieces"] == [[0, EVIL]]
    assert data(html)["cases"][0]["question"] == EVIL
    attributes = {name for element in plain(report).find_all(True) for name in element.attrs}
    assert not {name for name in attributes if name.startswith("on")} | ({"style", "src"} & attributes)


def test_a_lone_surrogate_is_replaced_and_moves_nothing():
    odd = Document("odd", "a\ud800b", "")
    html = render(Report("Why?", (record("", ("A.", Status.NOT_CHECKED, [])),), (odd,)))
    assert html.encode()
    assert data(html)["cases"][0]["documents"][0]["pieces"] == [[0, "a�b"]]


def test_the_policy_allows_only_what_is_in_the_page():
    html = render(example())
    policy = BeautifulSoup(html, "html.parser").find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "connect-src" not in policy
    for tag in ("style", "script"):
        (source,) = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "http://" not in html
    assert "https://" not in html


def test_the_page_is_written_whole(tmp_path):
    write_report(tmp_path / "r.html", example())
    assert (tmp_path / "r.html").read_bytes().decode() == render(example())


def test_where_there_is_no_room_what_is_cited_stays():
    quote = "It weighs 2.6 tonnes."
    filler = "x" * 5_000
    long = Document("long", f"{filler}{quote}{filler}")
    small, large = Document("small", "y" * 300), Document("large", "z" * 20_000)
    report = Report("", (record("", (quote, Status.SUPPORTED, [citation(long, 1, quote)])),), (large, small, long))
    shown = case(report, 2_000).documents
    assert [(document.id, document.left_out) for document in shown] == [
        ("large", 20_000), ("small", 0), ("long", 10_021 - len(quote) - 2 * CONTEXT),
    ]  # fmt: skip
    ((start, piece),) = shown[2].pieces
    assert long.text[start : start + len(piece)] == piece
    assert piece[CONTEXT:-CONTEXT] == quote
    assert [document.left_out for document in case(report, 0).documents] == [20_000, 300, shown[2].left_out]


def test_without_javascript_a_corpus_shows_what_is_cited_and_what_is_near_it():
    long = Document("long", "The beginning. " + "x" * 5_000)
    unquoted = Citation("long", "1", Status.NOT_SUPPORTED)
    shown = case(Report("", (record("", ("So.", Status.NOT_SUPPORTED, [unquoted])),), (long, LENS)), 9_000)
    first, second = case_view(shown, 1, around=200).documents
    assert first.pieces[0][0].text.startswith("The beginning. xxx")
    assert (first.gaps, second.gaps, second.pieces) == ([0, 5_015 - 1_200], [len(LENS.text)], [])
    quoted = case(Report("", (record("", ("So.", Status.SUPPORTED, [citation(TOWER, 1, "was")])),), (TOWER,)), 9_000)
    (near,) = case_view(quoted, 1, around=5).documents
    assert "".join(segment.text for segment in near.pieces[0]) == "lens was give"


@st.composite
def wanted_documents(draw):
    found = []
    for n in range(draw(st.integers(0, 4))):
        length = draw(st.integers(0, 3_000))
        places = st.tuples(st.integers(0, length), st.integers(0, length)).map(lambda two: tuple(sorted(two)))
        cited, read = (tuple(draw(st.lists(places, max_size=3))) for _ in range(2))
        found.append(Wanted(Document(str(n), "t" * length), cited, read))
    return found


@given(wanted_documents(), st.integers(0, 9_000))
def test_what_fits_is_in_order_holds_what_is_cited_and_no_more_than_there_is_room_for(wanted, room):
    held = fitted(wanted, room)
    lengths = [sum(end - start for start, end in ranges) for ranges in held]
    for each, ranges in zip(wanted, held, strict=True):
        flat = [place for span in ranges for place in span]
        assert flat == sorted(flat)
        assert all(0 <= place <= len(each.document.text) for place in flat)
        for start, end in each.cited:
            assert start == end or any(first <= start and end <= last for first, last in ranges)
    needed = fitted([replace(each, read=()) for each in wanted], 0)
    assert sum(lengths) <= max(room, sum(end - start for ranges in needed for start, end in ranges))
    if room >= sum(len(each.document.text) for each in wanted):
        assert lengths == [len(each.document.text) for each in wanted]


@st.composite
def marked_texts(draw):
    text = draw(st.text(max_size=30))
    places = st.integers(0, len(text))
    spans = draw(st.lists(st.tuples(places, places, st.sampled_from("abc")), max_size=6))
    return text, [Marked(min(a, b), max(a, b), key) for a, b, key in spans]


@given(marked_texts())
def test_segments_give_the_text_and_each_knows_its_spans(case):
    text, spans = case
    cut = segments(text, spans)
    assert "".join(segment.text for segment in cut) == text
    for segment in cut:
        assert text[segment.start : segment.end] == segment.text != ""
        for place in range(segment.start, segment.end):
            assert sorted(segment.keys) == sorted(s.key for s in spans if s.start <= place < s.end)
    for which, end in (("begins", 0), ("ends", 1)):
        found = sorted(key for segment in cut for key in getattr(segment, which))
        assert found == sorted(span.key for span in spans if span[0] < span[1]), end


def test_a_span_outside_the_text_is_an_error():
    with pytest.raises(ValueError, match="within the 3 characters"):
        segments("abc", [Marked(1, 4, "x")])
