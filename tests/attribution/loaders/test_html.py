from __future__ import annotations

import sys
import time

import pytest
from counterfoil.attribution.loaders.html import read_html


def test_html_keeps_what_a_reader_sees():
    page = b"""<!doctype html><head><title>T</title><style>p {}</style><script>alert("no")</script></head><body>
    <nav><a href=/>Home</a></nav><h1>Head</h1><p>One <b>bold</b>
    line.<p>Two<br>lines.</p><ul><li>first<li>second</ul><table><tr><td>a</td><td>b</td></tr></table>
    <div>x<!-- hidden --></div>&lt;script&gt;</body>"""
    expected = "Head\n\nOne bold line.\n\nTwo\nlines.\n\nfirst\n\nsecond\n\na b\n\nx\n\n<script>"
    assert read_html(page).text == expected


def test_html_declares_its_encoding():
    assert read_html(b'<meta charset="windows-1252"><p>caf\xe9</p>').text == "café"


def test_numbers_that_are_set_high_stay_apart_from_their_base():
    page = "<p>x<sup>2</sup>, 10<sup> 6 </sup> and 10<sup>-3</sup>; 1<sup>st</sup>; H<sub>2</sub>O; so<sup>[1]</sup>."
    assert read_html(page.encode()).text == "x², 10⁶ and 10⁻³; 1st; H2O; so[1]."


def test_letters_that_are_set_high_or_low():
    page = "<p>e<sup>x</sup>, a<sup>n+1</sup>, log<sub>2</sub>8, 10<sub>2</sub>, CO<sub>2</sub>, X<sup>TM</sup></p>"
    assert read_html(page.encode()).text == "e^x, a^n+1, log₂8, 10₂, CO2, XTM"


def test_characters_for_line_breaking_are_no_text():
    assert read_html(b"<p>co&shy;opera&#8203;tion</p>").text == "cooperation"


def test_what_is_hidden_is_not_read():
    page = """<p hidden>no<p>one<div style="DISPLAY: none">no<span>no</div>two<dialog>no</dialog>
    <p style="visibility:hidden">no</p>
    <p style="font-size: 0px; color: red">no</p><b style="opacity:0">no</b>
    <div hidden><h1>no</h1><p>no</div><h1>Head</h1><p hidden="until-found">three"""
    assert read_html(page.encode()).text.split() == ["one", "two", "Head", "three"]
    assert read_html(page.encode()).title == "Head"


def test_titles():
    assert read_html(b"<title> A \n B </title><h1>C</h1>x").title == "A B"
    assert read_html(b"<h1>C <i>D</i></h1>x").title == "C D"
    assert read_html(b"<title>Untitled Document</title><h1>C</h1>x").title == "C"
    assert read_html(b"<h1>C<br>D</h1><svg><title>no</title></svg>").title == "C D"


def test_entities_and_characters_that_no_text_has():
    assert read_html(b"<p>a &amp; b &lt;c&gt; &#233; \0d</p>").text == "a & b <c> é \ufffdd"


def test_what_is_no_html_is_its_text():
    assert read_html(b"just words").text == "just words"
    assert read_html(b"").text == ""


ROWS = b"".join(b"<tr><td>a</td><td>b</td></tr>" for _ in range(20_000))
HOSTILE = {
    "breaks": b"<p>a" + b"<br>" * 100_000 + b"b",
    "nesting": b"<div>" * 100_000 + b"a" + b"</div>" * 100_000 + b"b",
    "rows": b"<table>" + ROWS + b"</table>",
    "open rows": b"<table>" + b"<tr><td>a<td>b" * 20_000,
    "attributes": b"<p " + b"a=b " * 100_000 + b">a b",
    "comments": b"a b" + b"<!--" * 40_000,
    "tags": b"a b" + b"<a " * 40_000,
    "instructions": b"a b" + b"<?" * 40_000,
    "blanks": b"<p>a" + b" " * 200_000 + b"b</p>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_takes_linear_time(name):
    began = time.process_time()
    words = read_html(HOSTILE[name]).text.split()
    assert words[:2] == ["a", "b"]
    assert time.process_time() - began < 10


def test_a_missing_reader_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "lxml.etree", None)
    with pytest.raises(ImportError, match=r'pip install "counterfoil\[documents\]"'):
        read_html(b"")


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p><ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>字", "漢字"),
        ("<p>31 <del>30</del> <s>29</s> <ins>32</ins> m", "31 32 m"),
        ("<p>In 1902<sup id=r><a href=#n1>1</a></sup>.", "In 1902."),
        (
            "<p>In 1902<a href=#n1><sup>1</sup></a> it rained<sup><a href='#cite_note-2'>[2]</a></sup>.",
            "In 1902 it rained.",
        ),
        ("<p>10<sup><a href=/power>6</a></sup>", "10⁶"),
        ("<p><math><mi>x</mi><mo>=</mo><mn>2</mn><annotation encoding=tex>x=2</annotation></math>", "x=2"),
        ("<p><q>Stop</q> she said", "“Stop” she said"),
        ("<p style='position:absolute; left: -9999px'>no</p><p style='margin-left:-20px'>yes", "yes"),
        ("<select><option>no</select><video>no</video><canvas>no</canvas>yes", "yes"),
    ],
)
def test_what_a_reader_does_not_see_or_sees_otherwise(page, text):
    assert read_html(page.encode()).text == text


@pytest.mark.parametrize(
    ("declared", "data", "text"),
    [
        ("iso-8859-1", b"\x93a\x94", "“a”"),
        ("us-ascii", b"caf\xe9", "café"),
        ("iso-8859-1", "café".encode(), "café"),
        ("shift_jis", "日本①".encode("cp932"), "日本①"),
        ("gb2312", "镕基".encode("gb18030"), "镕基"),
        ("no-such", "café".encode(), "café"),
    ],
)
def test_a_declared_encoding_is_read_as_browsers_read_it(declared, data, text):
    assert read_html(b"<meta charset=" + declared.encode() + b"><p>" + data).text == text
