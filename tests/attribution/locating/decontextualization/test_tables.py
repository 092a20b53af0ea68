"""Cells of tables as claims."""

from __future__ import annotations

import pytest
from counterfoil.attribution.locating.decontextualization.rules import Rules

TABLE = """The towers:

| Tower | Height | Built |
|:--|--:|---|
| North tower | 31 m [1] | 1874 |
| **South** tower | 28 m |  |
| keeper | The keeper lived there for nineteen years [3] | |

Both are red. They stand."""


def claim(words, answer=TABLE, question=None):
    start = answer.index(words)
    return Rules().decontextualize(answer, [(start, start + len(words))], question)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("31", "North tower: Height 31 m."),
        ("31 m [1] | 1874", "North tower: Height 31 m, Built 1874."),
        ("28 m", "South tower: Height 28 m."),
        ("South", "South tower."),
        ("North tower | 31 m", "North tower: Height 31 m."),
        ("nineteen", "The keeper lived there for nineteen years."),
        ("Both are red", "Both are red."),
    ],
)
def test_a_cell_is_said_of_its_row_under_the_title_of_its_column(words, text):
    assert claim(words).text == text


def test_what_the_claim_took_from_elsewhere_is_told():
    found = claim("31")
    took = [(r.replacement, TABLE[r.found_start : r.found_end]) for r in found.resolutions]
    assert took == [("North tower", "North tower"), ("Height", "Height")]
    assert [TABLE[start:end] for start, end in found.parts] == ["North tower", "Height", "31 m"]
    assert (found.words, found.note) == ("31 m", "read as a cell of its row and column")


def test_a_bar_in_prose_makes_no_table():
    assert claim("P(a|b)", "The value of P(a|b) is 0.3.").text == "The value of P(a|b) is 0.3."
