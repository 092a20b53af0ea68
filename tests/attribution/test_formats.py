from __future__ import annotations

import sys
import zlib

import pypdf
import pytest
from counterfoil.attribution.loaders.content import decoded
from counterfoil.attribution.loaders.formats import read_html, read_markdown, read_pdf, read_text
from hypothesis import given
from hypothesis import strategies as st
from pypdf.errors import DependencyError


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"caf\xc3\xa9", "café"),
        (b"\xef\xbb\xbfcaf\xc3\xa9", "café"),
        ("café".encode("utf-16"), "café"),
        (b"\xfe\xff" + "café".encode("utf-16-be"), "café"),
        (b"caf\xe9 \x93quoted\x94", "café “quoted”"),
        (b"a\r\nb\rc\n", "a\nb\nc\n"),
        ("😀 e\u0301".encode(), "😀 e\u0301"),
    ],
)
def test_encodings(data, text):
    assert decoded(data) == text


@pytest.mark.parametrize("data", [b"\x00\x01", b"MZ\x90\x00", b"a\x1b[31m", b"\xff\xfe\x00\xd8", b"caf\xe9 \x81"])
def test_what_is_no_text_is_refused(data):
    with pytest.raises(ValueError, match="binary or in an unknown encoding"):
        decoded(data)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
def test_utf8_comes_back_unchanged(text):
    assert decoded(b"\xef\xbb\xbf" + text.encode()) == text


def test_titles():
    assert read_markdown(b"intro\n\n## The *ferry* ##\n\ntext").title == "The *ferry*"
    assert read_markdown(b"no heading, only #hash").title == ""
    assert read_text(b"The ferry\n\nIt sails.").title == "The ferry"
    assert read_text(b"It sails today.\n\nMore.").title == ""
    assert read_text(b"One line\nand another\n").title == ""
    assert read_html(b"<title> A \n B </title><h1>C</h1>x").title == "A B"
    assert read_html(b"<h1>C <i>D</i></h1>x").title == "C D"


def test_html_keeps_what_a_reader_sees():
    page = b"""<!doctype html><head><title>T</title><style>p {}</style><script>alert("no")</script></head><body>
    <nav><a href=/>Home</a></nav><h1>Head</h1><p>One <b>bold</b>
    line.<p>Two<br>lines.</p><ul><li>first<li>second</ul><table><tr><td>a</td><td>b</td></tr></table>
    <div>x<!-- hidden --></div>&lt;script&gt;</body>"""
    expected = "Head\n\nOne bold line.\n\nTwo\nlines.\n\nfirst\n\nsecond\n\na b\n\nx\n\n<script>"
    assert read_html(page).text == expected


def test_html_declares_its_encoding():
    assert read_html(b'<meta charset="windows-1252"><p>caf\xe9</p>').text == "café"


@pytest.mark.parametrize("error", [DependencyError("cryptography is required"), IndexError("pop"), zlib.error("bad")])
def test_a_pdf_that_its_reader_gives_up_is_told(monkeypatch, error):
    def reader(stream):
        raise error

    monkeypatch.setattr(pypdf, "PdfReader", reader)
    with pytest.raises(ValueError, match="it is no readable PDF"):
        read_pdf(b"")


def test_html_that_its_parser_gives_up_is_told():
    with pytest.raises(ValueError, match="it is no readable HTML"):
        read_html(b"<![n <p>x")


class Page:
    def __init__(self, text):
        self.text = text

    def extract_text(self):
        return self.text


def test_lines_broken_by_the_page_are_joined(monkeypatch):
    pages = [
        "Minutes\nThe council decided to build a new wall in Port\nAnwen. It costs 2.4\nmillion.\nNext point.",
        "",
        "Two",
    ]

    class Reader:
        is_encrypted, metadata, pages = False, None, []

        def __init__(self, stream):
            self.pages = [Page(text) for text in pages]

    monkeypatch.setattr(pypdf, "PdfReader", Reader)
    expected = (
        "Minutes\nThe council decided to build a new wall in Port Anwen. It costs 2.4 million.\nNext point.\n\nTwo"
    )
    assert read_pdf(b"").text == expected


def test_long_runs_of_one_character_take_no_longer_than_others():
    for page in (b"<p>a" + b" " * 200_000 + b"b</p>", b"<p>a" + b"<br>" * 2_000 + b"b</p>"):
        assert read_html(page).text.split() == ["a", "b"]
    assert read_markdown(b"# a" + b" #" * 100_000 + b"b").title.startswith("a #")


@pytest.mark.parametrize(("module", "read"), [("pypdf", read_pdf), ("bs4", read_html)])
def test_a_missing_reader_names_the_extra(monkeypatch, module, read):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r'pip install "counterfoil\[documents\]"'):
        read(b"")
