from __future__ import annotations

from pathlib import Path

import pytest
from counterfoil.attribution.text import segmentation
from counterfoil.attribution.text.segmentation import MARGIN, WINDOW, sentences
from hypothesis import given
from hypothesis import strategies as st

SENTENCES = Path(__file__).parent / "sentences.txt"
"""Texts of sentences in a row, which stand apart here."""

FRAGMENTS = st.sampled_from(
    [
        "It rained.",
        " ",
        "\r\n",
        "\n\n",
        "[1]",
        "Dr. Who",
        "😀",
        "e\u0301",
        "!",
        "...",
        "- ",
        "2. ",
        "# ",
        "\u2028",
        "大きい。",
    ]
)


@given(st.one_of(st.text(max_size=80), st.lists(FRAGMENTS, max_size=15).map("".join)))
def test_spans_reproduce_the_text_in_order_and_hold_all_of_it(text):
    spans = sentences(text)
    covered = set()
    previous = 0
    for span in spans:
        assert span.text == text[span.start : span.end] == span.text.strip() != ""
        assert span.start >= previous
        previous = span.end
        covered.update(range(span.start, span.end))
    assert all(character.isspace() for n, character in enumerate(text) if n not in covered)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \r\n\t", []),
        ("Dr. Smith ran, e.g. fast. He won.", ["Dr. Smith ran, e.g. fast.", "He won."]),
        ("It rained. [1] It snowed [2].", ["It rained. [1]", "It snowed [2]."]),
        ("He died. “You", ["He died.", "“You"]),
        ('He died. "You', ["He died.", '"You']),
        ("Он умер. «Ты идёшь", ["Он умер.", "«Ты идёшь"]),
        ("It rained 😀!\r\nCafe\u0301 opened.", ["It rained 😀!", "Cafe\u0301 opened."]),
        ("- one [2]\n- two [3]", ["- one [2]", "- two [3]"]),
        ("Steps:\n1. Wait [1].\n2. Go.", ["Steps:", "1. Wait [1].", "2. Go."]),
        ("# The sky\nIt is blue.", ["# The sky", "It is blue."]),
        ("a) One\nb) Two\n(1) Three\n① Four\n一、Five", ["a) One", "b) Two", "(1) Three", "① Four", "一、Five"]),
        ("| a | b |\n| c | d |", ["| a | b |", "| c | d |"]),
        ("<p>It rained.</p><p>It snowed.</p>", ["<p>It rained.</p>", "<p>It snowed.</p>"]),
    ],
)
def test_sentences(text, expected):
    assert [span.text for span in sentences(text)] == expected


@pytest.mark.parametrize(
    "text",
    [
        "The tower is approx. 31 m high. It is old.",
        "Smith vs. No. 5 was seen. Then it rained.",
        "It was est. 1902 by them. Then it rained.",
        "See Vol. 2, ch. 3 for it. Then it rained.",
        "Smith et al. [1] measured it. Then it rained.",
        "Smith et al. (2019) measured it. Then it rained.",
        "Das Fest ist am 3. Mai 1999 in Wien. Es kostet 3,5 Mio. Euro.",
        "Im 19. Jahrhundert war es z. B. groß. Der 2. Weltkrieg endete 1945.",
        "König Ludwig II. starb 1886. Er war groß.",
        "В 1901 г. Москвой правил он. Потом пришёл другой.",
        "It is 31.5 m. The pier is long.",
        "Acme Inc. was founded at 5 p.m. on a Monday. Then it rained.",
        "Zie blz. 5, d.w.z. daar. Then it rained.",
        "Il sig. Rossi, pag. 3, ecc. e altro. Poi.",
        "It has no. The end.",
        "It was built in 1902. May came.",
        "it rained. it snowed.",
    ],
)
def test_a_full_stop_of_a_word_ends_no_sentence(text):
    assert len(sentences(text)) == 2


@pytest.mark.parametrize("line", SENTENCES.read_text(encoding="utf-8").splitlines())
def test_sentences_of_many_languages(line):
    expected = line.split("‖")
    unspaced = any("\u3040" <= letter <= "\u9fff" for letter in line)
    assert [span.text for span in sentences(("" if unspaced else " ").join(expected))] == expected


def test_a_lone_surrogate_keeps_the_offsets():
    spans = sentences("A\ud800b is. C is.")
    assert [(span.start, span.end) for span in spans] == [(0, 7), (8, 13)]


OPENED = "« é " * 30_000
"""Quotations that never end, for each of which sentencex reads all that follows."""


@pytest.mark.parametrize("language", ["en", "fr"])
def test_what_is_cut_at_once_has_a_bound_and_grows_with_the_text_no_more(language, monkeypatch):
    lengths = []
    cut = segmentation.sentencex.get_sentence_boundaries

    def counted(language, text):
        lengths.append(len(text))
        return cut(language, text)

    monkeypatch.setattr(segmentation.sentencex, "get_sentence_boundaries", counted)
    read = {}
    for size in (30_000, 60_000, 120_000):
        lengths.clear()
        assert "".join(span.text.replace(" ", "") for span in sentences(OPENED[:size], language)) == "«é" * (size // 4)
        assert max(lengths) <= WINDOW
        read[size] = sum(lengths)
    assert read[120_000] <= 2.2 * read[60_000] <= 4.9 * read[30_000]


def test_long_paragraphs_have_the_sentences_of_short_ones():
    """Each sentence is its own paragraph in one text, and all are one paragraph, longer than a window, in the other."""
    written = [f"Dr. Smith wrote “No. {n} is done.” and left, e.g. at 3.5 km." for n in range(6 * WINDOW // 60)]
    expected = [span.text for span in sentences("\n\n".join(written))]
    assert [span.text for span in sentences(" ".join(written))] == expected == written
    words = "“word " * (4 * MARGIN)
    assert "".join(span.text for span in sentences(f"{words}end.")) == f"{words}end."
