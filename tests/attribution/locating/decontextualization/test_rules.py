"""Decontextualization by rules: the clause, its subject, what a pronoun stands for."""

from __future__ import annotations

import pytest
from counterfoil.attribution.locating.decontextualization import Verbatim
from counterfoil.attribution.locating.decontextualization.rules import Rules


def claim(answer, words, question=None):
    start = answer.index(words)
    return Rules().decontextualize(answer, [(start, start + len(words))], question)


TOWER = "The tower is 31 metres high and is climbed by 142 steps [1]. It was built in 1874."
CASES = [
    (TOWER, "The tower is 31 metres high", None, "The tower is 31 metres high."),
    (TOWER, "142 steps", None, "The tower is climbed by 142 steps."),
    (TOWER, "is climbed by 142 steps", None, "The tower is climbed by 142 steps."),
    (TOWER, "It was built in 1874", None, "The tower was built in 1874."),
    ("The stone was quarried at Dun and shipped down the river.", "shipped down the river", None,
     "The stone was shipped down the river."),
    ("Vane was a composer. Her father made bells.", "Her father made bells", None, "Vane's father made bells."),
    ("Isaura Vane wrote. She died in 1911 [2].", "She died in 1911", None, "Isaura Vane died in 1911."),
    ("It opened in 1908.", "It opened in 1908", "Who built the Tavel Bridge?", "The Tavel Bridge opened in 1908."),
    ("The stone is red. It cost 9 crowns.", "It cost 9 crowns", "What is the Tavel Bridge made of?",
     "The Tavel Bridge cost 9 crowns."),
    ("It has steps.", "It has steps", "When was the lighthouse built?", "The lighthouse has steps."),
    ("It has steps.", "It has steps", "Where is the old lighthouse?", "The old lighthouse has steps."),
    ("The town lost its mill.", "The town lost its mill", "What is Osmere?", "The town lost its mill."),
    ("It rained so hard that it flooded.", "It rained so hard that it flooded", "What is Osmere?",
     "It rained so hard that it flooded."),
    ("Beetles fly at dusk. A third of their dunes was planted.", "A third of their dunes was planted", None,
     "A third of Beetles' dunes was planted."),
    ("Es wurde 1908 gebaut.", "Es wurde 1908 gebaut", "Wann?", "Es wurde 1908 gebaut."),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "words", "question", "expected"), CASES)
def test_words_become_a_claim(answer, words, question, expected):
    assert claim(answer, words, question).text == expected


def test_what_was_replaced_and_where_it_was_found_is_told():
    answer = "The tower is high. It was built in 1874."
    found = claim(answer, "It was built in 1874")
    (resolution,) = found.resolutions
    assert (answer[resolution.start : resolution.end], resolution.replacement) == ("It", "The tower")
    assert answer[resolution.found_start : resolution.found_end] == "The tower"
    assert (resolution.found_in, found.parts[0]) == ("answer", (0, 9)), "the antecedent's words are located as well"


def test_a_part_of_a_sentence_says_as_what_it_was_read():
    assert "read as a part of" in claim(TOWER, "142 steps").note
    assert claim(TOWER, "The tower is 31 metres high").note == ""


def test_words_across_sentences_keep_both():
    found = claim(TOWER, "is climbed by 142 steps [1]. It was built in 1874.")
    assert found.text == "The tower is climbed by 142 steps. The tower was built in 1874."


def test_verbatim_only_takes_the_markers_out():
    answer = "It rained [1][2], and it snowed [3]."
    assert Verbatim().decontextualize(answer, [(0, len(answer))], None).text == "It rained, and it snowed."


@pytest.mark.parametrize(
    "answer", ["灯塔建于1874年。", "ساخته شد در ۱۸۷۴؟", "यह 1874 में बना।", "It is “high.”", "It ends (here.)"]
)
def test_a_claim_that_ends_in_any_script_gets_no_second_stop(answer):
    assert claim(answer, answer).text == answer


def test_words_in_several_ranges_are_not_widened_and_their_pronouns_are_replaced():
    ranges = [(TOWER.index("It was"), TOWER.index("It was") + 6), (TOWER.index("in 1874"), len(TOWER))]
    found = Rules().decontextualize(TOWER, ranges, None)
    assert found.text == "The tower was in 1874."
    assert found.parts[0] == (0, 9)


def test_an_affirmation_is_read_behind_its_question():
    found = claim("Yes [1]. It is red.", "Yes", "Was the tower built in 1874?")
    assert found.text == "Was the tower built in 1874? Yes."
    assert [(r.found_in, r.replacement) for r in found.resolutions] == [("question", "Was the tower built in 1874?")]
    assert claim("Yes [1].", "Yes").text == "Yes."
    assert claim("Yes [1].", "Yes").note == "", "a marker beside the words widens nothing"


@pytest.mark.parametrize(
    ("sentence", "claim"),
    [
        ("Admission is free.", "The lighthouse at Morrow Point: admission is free."),
        ("Tickets cost 5 euros on Mondays.", "The lighthouse at Morrow Point: tickets cost 5 euros on Mondays."),
        ("Admission to the museum is free.", "Admission to the museum is free."),
        ("Parking costs as much as in Venn.", "Parking costs as much as in Venn."),
        ("Dogs bark.", "Dogs bark."),
        ("Smith is free.", "Smith is free."),
    ],
)
def test_a_bare_subject_is_said_of_what_the_question_is_about(sentence, claim):
    answer = f"It was built in 1874. {sentence}"
    start = answer.index(sentence)
    question = "When was the lighthouse at Morrow Point built?"
    assert Rules().decontextualize(answer, [(start, len(answer))], question).text == claim


def test_without_a_question_it_is_said_of_the_subject_before():
    answer = "The tower is old. Admission is free."
    assert Rules().decontextualize(answer, [(18, len(answer))], None).text == "The tower: admission is free."
