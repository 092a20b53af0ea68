from __future__ import annotations

import sys
import zlib
from pathlib import Path

import pypdf
import pytest
from counterfoil.attribution import Document
from counterfoil.attribution.loaders.documents import read_documents
from counterfoil.attribution.loaders.pdf import _columns, _rows, read_pdf
from pypdf.errors import DependencyError

DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize("error", [DependencyError("cryptography is required"), IndexError("pop"), zlib.error("bad")])
def test_a_pdf_that_its_reader_gives_up_is_told(monkeypatch, error):
    def reader(stream):
        raise error

    monkeypatch.setattr(pypdf, "PdfReader", reader)
    with pytest.raises(ValueError, match="it is no readable PDF"):
        read_pdf(b"")


def read(name):
    return read_pdf((DATA / name).read_bytes())


def test_words_broken_by_a_hyphen_are_whole():
    assert read("hyphen.pdf").text == (
        "The lighthouse at Morrow Point was erected in 1874 by the harbour committee. Its lantern is visible from a "
        "distance of twenty-two kilometres. The well-known keeper lived there for nineteen years with her family and a "
        "dog."
    )


def test_ligatures_are_written_out():
    text = "The official fireflies were first classified in 1902.\nThe effect of the flood was significant."
    assert read("lig.pdf").text == text


def test_a_character_without_a_name_is_told():
    assert read("nul.pdf").text == "The flood of 1902 was o\ufffdcial."


def test_columns_written_row_by_row_are_read_one_after_the_other_and_tables_are_not():
    assert read("twocol_rows.pdf").text == (
        "The north tower was built in 1901 by Ann Moss. It has forty rooms and a library.\n\n"
        "The south tower was built in 1955 by Joe Hale. It has ten rooms and no library."
    )
    assert read("table.pdf").text.split() == [
        "Tower",
        "Height",
        "Year",
        "North",
        "31",
        "m",
        "1901",
        "South",
        "28",
        "m",
        "1955",
    ]


def rows(*lines):
    return list(_rows([(x, 0.0, text) for line in lines for x, text in [*line, (0.0, "\n")]]))


LEFT = ["The north tower was built", "in 1901 by Ann Moss. It has", "forty rooms and a library,", "all painted white."]
RIGHT = ["The south tower was built", "in 1955 by Joe Hale. It has", "ten rooms and no library,", "and a roof garden."]
BOTH = list(zip(LEFT, RIGHT, strict=True))


def words_of(line, x):
    return [(x + 9.3 * n + (len(line) % 7), word) for n, word in enumerate(line.split())]


def by_word(line, x):
    """The first word at the edge, the others wherever the font puts them."""
    return [(x, line.split()[0]), *words_of(line, x + 9)[1:]]


def test_columns_are_found_whether_lines_or_words_are_placed():
    lines = rows(*([(31.0, left), (300.4, right)] for left, right in BOTH))
    assert [line for line in _columns(lines) if line] == [*LEFT, *RIGHT]
    words = rows(*([*by_word(left, 31.0), *by_word(right, 300.0)] for left, right in BOTH))
    assert [line for line in _columns(words) if line] == [*LEFT, *RIGHT]


def test_what_is_no_column_stays_as_it_is():
    justified = rows(*(words_of(f"{left} {right}", 31 + 3 * n) for n, (left, right) in enumerate(BOTH)))
    assert _columns(justified) is None
    bullets = rows(*([(31.0, "•"), (40.0, line)] for line in LEFT))
    assert _columns(bullets) is None
    form = rows(*([(31.0, f"Name of the tower {n}"), (300.0, f"The value of number {n}")] for n in range(6)))
    assert _columns(form) is None


class Page:
    def __init__(self, text):
        self.text = text

    def extract_text(self, visitor_text):
        return self.text


@pytest.fixture
def pages(monkeypatch):
    def use(*texts, title=None):
        class Reader:
            is_encrypted, metadata = False, None

            def __init__(self, stream):
                self.pages = [Page(text) for text in texts]
                self.metadata = type("Metadata", (), {"title": title})

        monkeypatch.setattr(pypdf, "PdfReader", Reader)
        return read_pdf(b"")

    return use


def test_lines_broken_by_the_page_are_joined(pages):
    first = "Minutes\nThe council decided to build a new wall in Port\nAnwen. It costs 2.4\nmillion.\nNext point."
    found = pages(first, "", "Two")
    assert found.text == (
        "Minutes\nThe council decided to build a new wall in Port Anwen. It costs 2.4 million.\nNext point.\n\nTwo"
    )
    assert found.text[found.pages[2] :] == "Two"


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ("The inter-\nnational fund", "The international fund"),
        ("THE LIGHT-\nHOUSE", "THE LIGHTHOUSE"),
        ("Mr Smith-\nJones", "Mr Smith-Jones"),
        ("From 1990-\n2000 on", "From 1990-2000 on"),
        ("It is well-\nknown", "It is well-known"),
        ("The e-\nmail was sent", "The e-mail was sent"),
        ("The X-\nray machine", "The X-ray machine"),
        ("Her mother-in-\nlaw came", "Her mother-in-law came"),
        ("pre- and post-\nwar years", "pre- and post-war years"),
        ("See https://example.org/a-\nb/c here", "See https://example.org/a-b/c here"),
        ("• The first item of the list\n• The second item", "• The first item of the list\n• The second item"),
        ("1. The first item of the list\n2. The second item", "1. The first item of the list\n2. The second item"),
        ("Das Fest in der alten Stadt ist am\n5. Mai in Wien", "Das Fest in der alten Stadt ist am 5. Mai in Wien"),
        ("この塔は一八七四年に建てられ、今\nも使われています。", "この塔は一八七四年に建てられ、今も使われています。"),
        ("A state-of-the-art tool, state-\nof it", "A state-of-the-art tool, state-of it"),
        ("co\u00adopera\u00ad\ntion", "cooperation"),
        ("\ufe8d\ufedf\ufee8\ufeee\ufead", "النور"),
    ],
)
def test_hyphens_and_forms_of_letters(pages, lines, text):
    assert pages(lines).text == text


def test_running_heads_and_page_numbers_are_left_out_and_pages_are_known(pages):
    texts = [
        f"The manual of Hydra 220\nStep {n}: turn the valve.\nThen wait for it.\nPage {n} of 4" for n in range(1, 5)
    ]
    found = pages(*texts)
    assert found.text.count("Hydra") == found.text.count("Page") == 0
    document = Document("m", found.text, pages=found.pages)
    place = found.text.index("Step 3")
    assert document.pages_of(place, place + 6) == "p. 3"
    assert document.pages_of(0, len(found.text)) == "pp. 1-4"


def test_a_sentence_that_runs_on_to_the_next_page_is_not_cut(pages):
    found = pages("The valve is turned by the assis-", "tant with the red", "key. Done.")
    assert found.text == "The valve is turned by the assistant with the red key. Done."
    assert [found.text[start : start + 4] for start in found.pages] == ["The ", "tant", "key."]


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ("Untitled", ""),
        ("untitled.indd", ""),
        ("Microsoft Word - Minutes", "Minutes"),
        ("Minutes", "Minutes"),
        (None, ""),
    ],
)
def test_titles(pages, given, title):
    assert pages("Text.", title=given).title == title


def test_documents_have_their_pages():
    (document,) = read_documents([DATA / "hyphen.pdf"]).documents
    assert document.pages == (0,)


def test_a_missing_reader_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pypdf", None)
    with pytest.raises(ImportError, match=r'pip install "counterfoil\[documents\]"'):
        read_pdf(b"")
