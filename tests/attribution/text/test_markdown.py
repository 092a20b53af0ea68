from __future__ import annotations

import itertools

import pytest
from counterfoil.attribution.text.markdown import block_at, blocks
from hypothesis import given
from hypothesis import strategies as st


def read(text):
    return [(block.kind.value, text[block.start : block.end]) for block in blocks(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("A.\nB.\n\nC.", [("prose", "A.\nB."), ("prose", "C.")]),
        ("A.\r\n\r\nB.\r\n", [("prose", "A."), ("prose", "B.")]),
        ("# A\nB.", [("heading", "# A"), ("prose", "B.")]),
        ("A\n===\nB.", [("heading", "A\n==="), ("prose", "B.")]),
        ("A.\n---\nB.", [("prose", "A."), ("prose", "B.")]),
        ("**A**\n\n**B.**", [("heading", "**A**"), ("prose", "**B.**")]),
        ("- A\n  - B\n- C", [("prose", "- A"), ("prose", "  - B"), ("prose", "- C")]),
        ("| A | B |\n|---|---|\n| c | d |\nE.", [("row", "c | d"), ("prose", "E.")]),
        ("A.\n```py\nb\n```\nC.", [("prose", "A."), ("code", "```py\nb\n```"), ("prose", "C.")]),
        ("A. ```\nb\n```", [("prose", "A."), ("code", "```\nb\n```")]),
        ("A.\n\n    b = c\n", [("prose", "A."), ("code", "    b = c")]),
        ("    It is an indented paragraph [1].", [("prose", "    It is an indented paragraph [1].")]),
        ("<!-- A -->\nB.", [("code", "<!-- A -->"), ("prose", "B.")]),
        ("A.\n\n* * *\n\nB.", [("prose", "A."), ("prose", "B.")]),
        (
            "A.\n\n[1]: https://e.org\n[^1]: B.",
            [("prose", "A."), ("references", "[1]: https://e.org"), ("references", "[^1]: B.")],
        ),
        ("[1]: It is old.\n[2]: It is high.", [("prose", "[1]: It is old.\n[2]: It is high.")]),
        (
            "A.\n\nQuellen:\n\n1. B\n2. C",
            [("prose", "A."), ("references", "Quellen:"), ("references", "1. B"), ("references", "2. C")],
        ),
        ("A.\n参考文献：\n[1] B", [("prose", "A."), ("references", "参考文献：\n[1] B")]),
        (
            "Sources of rivers are springs.\n\nReferences help.",
            [("prose", "Sources of rivers are springs."), ("prose", "References help.")],
        ),
        ("A [1].\n\n[1] Guide, https://e.org", [("prose", "A [1]."), ("references", "[1] Guide, https://e.org")]),
        ("A [1].\n\n---\n[1] Guide, 2019.", [("prose", "A [1]."), ("references", "[1] Guide, 2019.")]),
        ("A [1].\n\n[1] B is so.", [("prose", "A [1]."), ("prose", "[1] B is so.")]),
        (
            "A.\n\n### Sources used (2)\nB",
            [("prose", "A."), ("references", "### Sources used (2)"), ("references", "B")],
        ),
    ],
)
def test_blocks(text, expected):
    assert read(text) == expected


LINES = st.sampled_from(
    [
        "A.",
        "",
        "# B",
        "- C",
        "1. D",
        "    e",
        "```",
        "~~~",
        "| f | g |",
        "|---|---|",
        "---",
        "> h",
        "[1]: i",
        "Sources:",
        "<p>j</p>",
    ]
)


@given(st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n", "\r"]))
def test_blocks_are_in_order_apart_and_lose_no_prose(lines, end):
    text = end.join(lines)
    found = blocks(text)
    assert all(block.start < block.end <= len(text) for block in found)
    assert all(before.end <= after.start for before, after in itertools.pairwise(found))
    for place, character in enumerate(text):
        if character in "ABCDehij":
            assert block_at(found, place) is not None
