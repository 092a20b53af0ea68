"""Short answers: normalisation, exact match, F1 and lists, by hand and by their laws."""

from __future__ import annotations

import pytest
from counterfoil.eval.measures.short_answers import exact_match, is_present, list_figures, normalized, token_f1
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("The  Tower's an A-frame.", "towers aframe"),
        ("“The” 2,000", "“ ” 2000"),  # other marks than ASCII's stay, and the article goes
        ("a", ""),
        ("THEATRE", "theatre"),
    ],
)
def test_texts_are_normalised(text: str, plain: str) -> None:
    assert normalized(text) == plain


def test_an_answer_is_present_in_any_case_and_as_a_part_of_a_word() -> None:
    assert is_present(["The Eiffel Tower", "x"], "It is the eiffel  tower!")
    assert is_present(["art"], "The party began."), "as in ALCE"
    assert not is_present(["the lighthouse"], "A light house")
    assert not is_present([], "anything")


def test_exact_match_and_f1_take_the_best_answer() -> None:
    assert exact_match(["Paris", "the city of Paris"], "City of paris.")
    # "green old boat" and "old boats": one of three and one of two words.
    assert token_f1(["old boats", "x"], "the green old boat") == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))
    assert token_f1(["the"], "") == 1.0, "two empty answers agree"
    assert token_f1(["one"], "") == 0.0


def test_figures_of_a_list_by_hand() -> None:
    right = [["Ann Moss", "A. Moss"], ["Bo Lind"], ["Cy"], ["Dee"], ["Eve"], ["Flo"], ["Gus"]]
    found = list_figures("A Moss, bo lind, Zoe, , Cy.", right)
    assert found["predictions"] == 4
    assert found["precision"] == pytest.approx(3 / 4)
    assert found["recall"] == pytest.approx(3 / 7)
    assert found["recall-5"] == pytest.approx(3 / 5)
    assert found["F1"] == pytest.approx(2 * (3 / 4) * (3 / 7) / (3 / 4 + 3 / 7))
    assert found["F1-5"] == pytest.approx(2 * (3 / 4) * (3 / 5) / (3 / 4 + 3 / 5))
    assert list_figures(" , .", right) == {
        "predictions": 0, "precision": 0.0, "recall": 0.0, "recall-5": 0.0, "F1": 0.0, "F1-5": 0.0,
    }  # fmt: skip


@given(st.lists(st.sampled_from(["ann", "bo", "cy"]), unique=True, min_size=1))
def test_the_whole_list_is_right(names: list[str]) -> None:
    found = list_figures(", ".join(names), [[name] for name in names])
    assert {name: value for name, value in found.items() if name != "predictions"} == dict.fromkeys(
        ("precision", "recall", "recall-5", "F1", "F1-5"), 1.0
    )


@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalized(normalized(text)) == normalized(text)
