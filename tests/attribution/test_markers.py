from __future__ import annotations

import pytest
from counterfoil.attribution.text.markers import cuts, kept, markers, without_markers
from hypothesis import given
from hypothesis import strategies as st


def read(text):
    return [(marker.ids, marker.broken) for marker in markers(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A [1].", [((1,), ())]),
        ("A [1][2].", [((1,), ()), ((2,), ())]),
        ("A [1, 2; 3].", [((1, 2, 3), ())]),
        ("A [ 1 ].", [((1,), ())]),
        ("A [1-3].", [((1, 2, 3), ())]),
        ("A [1–3, 7].", [((1, 2, 3, 7), ())]),
        ("A [0] B [999].", [((0,), ()), ((999,), ())]),
        ("A [1][1].", [((1,), ()), ((1,), ())]),
        ("A [3-1].", [((), ("3-1",))]),
        ("A [1-500, 2].", [((2,), ("1-500",))]),
        ("In [2019] and [1990-2000].", []),
        ("See [1](https://example.org) and ![2](a.png).", []),
        ("Use `a[1]` here [2].", [((2,), ())]),
        ("```\nx = a[1]\n```\nDone [2].", [((2,), ())]),
        ("A [1].\n\n[1]: https://example.org", [((1,), ())]),
        ("[a] [1a] [] [1,] [-1] [¹]", []),
    ],
)
def test_markers(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The sky is blue [1].", "The sky is blue."),
        ("The sky is blue. [1][2]", "The sky is blue."),
        ("Blue [1], [2] and wide [3].", "Blue and wide."),
        ("According to [1], it is.", "According to, it is."),
        ("[1] It is.", " It is."),
        ("It is [1 [2], 3] so.", "It is so."),
        ("None.", "None."),
    ],
)
def test_without_markers(text, expected):
    assert without_markers(text) == expected


@given(
    st.lists(st.sampled_from(["a", " ", "[1]", "[2, 3]", ".", ",", "\n", "😀", "`", "[0]"]), max_size=20).map("".join)
)
def test_offsets_and_cuts(text):
    found = markers(text)
    assert all(text[marker.start : marker.end] == marker.text for marker in found)
    ranges = cuts(text, found)
    parts = kept(0, len(text), ranges)
    pieces = sorted([*ranges, *parts])
    assert "".join(text[start:end] for start, end in pieces) == text
    left = "".join(text[start:end] for start, end in parts)
    assert left.count("a") == text.count("a")
