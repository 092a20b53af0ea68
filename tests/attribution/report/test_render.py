"""The page as a file: its data, what it says without JavaScript, and that every text stays in its place."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup
from counterfoil.attribution import Citation, Document, Status
from counterfoil.attribution.report import Report, render, write_report
from counterfoil.attribution.report.model import likelihood
from counterfoil.attribution.retrieval import Passage

from tests.support.reports import LENS, OTHER, TOWER, citation, example, record


def without_javascript(report: Report) -> BeautifulSoup:
    """What a browser without JavaScript makes of the page."""
    return BeautifulSoup(BeautifulSoup(render(report), "html.parser").find("noscript").decode_contents(), "html.parser")


def data(html: str) -> dict:
    return json.loads(BeautifulSoup(html, "html.parser").find("script", id="data").string)


def test_every_document_is_there_unchanged():
    shown = data(render(example()))["cases"][0]["documents"]
    assert [document["pieces"] for document in shown] == [[[0, LENS.text]], [[0, TOWER.text]], [[0, OTHER.text]]]
    assert [document["cited"] for document in shown] == [True, True, False]
    assert [document["read"] for document in shown] == [[[0, 39]], [], []]
    assert [d["read"] for d in data(render(replace(example(), passages=())))["cases"][0]["documents"]] == [None] * 3


def test_the_answer_is_there_as_its_types_declare_it():
    (case,) = data(render(example()))["cases"]
    (answer,) = case["answers"]
    assert (answer["label"], answer["recall"], answer["precision"], answer["f1"]) == ("CAD", 2 / 3, 1.0, 0.8)
    assert [verdict["status"] for verdict in answer["statements"]] == ["supported", "not_supported", "supported"]
    quoted = answer["statements"][0]["citations"][0]
    assert LENS.text[quoted["start"] : quoted["end"]] == quoted["quote"] == "The lens weighs 2.6 tonnes."
    assert answer["trace"][1] == {"start": 3, "end": 8, "value": 4.5}
    assert (case["question"], case["settings"], case["notes"]) == ("How heavy?", {"Method": "CAD"}, ["A note."])


def test_where_the_answer_has_markers_is_told():
    sentence = "It weighs 2.6 tonnes [1]."
    report = Report("", (record("", (sentence, Status.SUPPORTED, [citation(LENS, 1, "2.6 tonnes")])),), (LENS,))
    assert data(render(report))["cases"][0]["markers"] == [[[21, 24, [1]]]]


def test_without_javascript_the_answer_and_its_verdicts_are_plain_text():
    other = record("Plain", ("The lens is old.", Status.NOT_CHECKED, []))
    soup = without_javascript(replace(example(), answers=(*example().answers, other)))
    said = " ".join(soup.get_text().split())
    assert said.startswith("Without JavaScript this page shows the answers and their verdicts only: not the documents")
    assert [h.get_text() for h in soup.select("h2, h3")] == ["How heavy?", "CAD", "Plain"]
    assert [" ".join(li.get_text().split()) for li in soup.select(".verdicts li")] == [
        "✓ supported 50 %: The lens weighs 2.6 tonnes.",
        "✕ not supported (support 50 %): It is painted red.",
        "✓ supported 50 %: The lens is old.",
        "? not checked (support 50 %): The lens is old.",
    ]
    assert "A note." in said
    assert not soup.select("a, script, style")


@pytest.mark.parametrize(
    ("status", "probability", "contradicted", "said"),
    [
        (Status.SUPPORTED, 0.834, 0.1, "83 %"),
        (Status.NOT_SUPPORTED, 0.05, 0.4, "(support 5 %)"),
        (Status.CONTRADICTED, 0.12, 0.58, "58 %"),
        (Status.CONTRADICTED, 0.12, None, "(support 12 %)"),
        (Status.PARTIALLY_SUPPORTED, 0.0, None, "(support 0 %)"),
        (Status.NO_CITATION, None, None, ""),
    ],
)
def test_a_number_says_of_what_it_is_the_probability(status, probability, contradicted, said):
    assert likelihood(status, probability, contradicted) == said


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
    assert not without_javascript(report).select("img, script")
    written = html.split('id="data">')[1].split("</script>")[0]
    assert not set("<>&\u2028\u2029\r\n") & set(written)
    assert data(html)["cases"][0]["documents"][0]["pieces"] == [[0, EVIL]]
    assert data(html)["cases"][0]["question"] == EVIL
    attributes = {name for element in without_javascript(report).find_all(True) for name in element.attrs}
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
