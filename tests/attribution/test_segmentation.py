from __future__ import annotations

import pytest
from counterfoil.attribution.text.segmentation import sentences
from hypothesis import given
from hypothesis import strategies as st

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
        ("It rained 😀!\r\nCafe\u0301 opened.", ["It rained 😀!", "Cafe\u0301 opened."]),
        ("- one [2]\n- two [3]", ["- one [2]", "- two [3]"]),
        ("Steps:\n1. Wait [1].\n2. Go.", ["Steps:", "1. Wait [1].", "2. Go."]),
        ("# The sky\nIt is blue.", ["# The sky", "It is blue."]),
    ],
)
def test_sentences(text, expected):
    assert [span.text for span in sentences(text)] == expected


def test_a_lone_surrogate_keeps_the_offsets():
    spans = sentences("A\ud800b is. C is.")
    assert [(span.start, span.end) for span in spans] == [(0, 7), (8, 13)]
