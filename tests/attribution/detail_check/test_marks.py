"""A mark belongs to the words of its line, or of its row and column."""

from __future__ import annotations

import pytest
from counterfoil.attribution.detail_check.marks import compare_marks, segments
from hypothesis import given
from hypothesis import strategies as st

TABLE = "| Amenity | Hotel A | Hotel B |\n|---|---|---|\n| Bath | ✅ | ❌ |\n| Pool | ❌ | ✅ |"
PICTOGRAPHS = st.text(alphabet="ab bath:|.\n✅❌↑★☆🇩🇪🌧👍", max_size=40)


def words_of(text):
    return [(each.mark.value, set(each.words)) for each in segments(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bath: ✅", [("yes", {"bath"})]),
        ("✅ Bath ❌ Pool", [("yes", {"bath"}), ("no", {"pool"})]),
        ("Bath ✅ Pool ❌", [("yes", {"bath"}), ("no", {"pool"})]),
        ("It is big. Bath: ❌. It is old.", [("no", {"bath"})]),
        ("Pool: yes\nBath: no", [("yes", {"pool"}), ("no", {"bath"})]),
        ("Nobody said no", []),
    ],
)
def test_marks_have_the_words_beside_them(text, expected):
    assert words_of(text) == expected


def test_marks_of_a_table_have_the_words_of_their_row_and_column():
    found = words_of(TABLE)
    assert [value for value, _ in found] == ["yes", "no", "no", "yes"]
    assert found[1][1] == {"bath", "hotel", "b"}
    assert found[3][1] == {"pool", "hotel", "b"}


@pytest.mark.parametrize(
    ("statement", "differs"),
    [
        ("Bath: Hotel A ✅.", False),
        ("Bath: Hotel A ❌.", True),
        ("Bath: Hotel B ❌.", False),
        ("Pool: Hotel B ❌.", True),
        ("Bath, ✅, ❌", False),
        ("Bath, ❌, ✅", True),
    ],
)
def test_cells_of_a_table_are_compared_by_row_and_column(statement, differs):
    assert bool(compare_marks(TABLE, statement, english=True).findings) is differs


def test_other_languages_are_compared_by_their_marks_alone():
    assert compare_marks("Hunde erlaubt: ✅", "Hunde erlaubt: ❌", english=False).findings
    assert compare_marks("Hunde sind erlaubt.", "✅ Hunde sind erlaubt.", english=False).unread is None
    assert "not English" in compare_marks("Hunde sind erlaubt.", "❌ Hunde sind erlaubt.", english=False).unread


@given(PICTOGRAPHS)
def test_no_text_has_other_marks_than_itself(text):
    assert compare_marks(text, text, english=True).findings == ()


@given(PICTOGRAPHS, PICTOGRAPHS)
def test_findings_stand_in_both_texts(premise, statement):
    for finding in compare_marks(premise, statement, english=True).findings:
        assert statement[finding.answer_start : finding.answer_end] == finding.answer
        assert premise[finding.source_start : finding.source_end] == finding.source
