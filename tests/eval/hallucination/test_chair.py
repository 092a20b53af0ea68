"""CHAIR, against captions counted by hand."""

from __future__ import annotations

import json

import pytest
from counterfoil.eval.dataset import Source
from counterfoil.eval.hallucination.captions import Caption, Vocabulary, read_captions, read_vocabulary
from counterfoil.eval.hallucination.chair import describe, difference, figures
from counterfoil.eval.hallucination.table import ObjectTable

WORDS = Vocabulary(
    {
        "person": "person", "man": "person", "woman": "person", "dog": "dog", "puppy": "dog", "hot dog": "hot dog",
        "knife": "knife", "bus": "bus", "bench": "bench", "berry": "berry", "chair": "chair", "seat": "chair",
        "toilet": "toilet", "glass": "glass", "teddy bear": "teddy bear", "bear": "bear", "baby": "person",
        "elephant": "elephant",
    },
    {"hot dog": "hot dog", "teddy bear": "teddy bear", "baby elephant": "elephant"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        ("Two men walk their puppies.", ["person", "dog"]),
        ("A woman eats hot dogs, and a dog looks on.", ["person", "hot dog", "dog"]),
        ("Knives, buses, benches and berries", ["knife", "bus", "bench", "berry"]),
        ("A baby elephant with teddy bears", ["elephant", "teddy bear"]),
        ("A toilet seat", ["toilet"]),
        ("A seat, a glass", ["chair", "glass"]),
        ("Nothing to name here", []),
    ],
)
def test_objects_are_found(text: str, objects: list[str]) -> None:
    assert [name for _, name in WORDS.named(text)] == objects


TABLE = ObjectTable({"1": ["person", "puppy"], "2": ["bus"], "3": ["knife", "bench"]})
CAPTIONS = [
    Caption("1", "A man and a woman with a dog on a bench."),  # four named, the bench is not there; both are covered
    Caption("2", "A bus and a bus."),  # two named
    Caption("3", "A bear, a bear and a knife."),  # three named, two wrong; one of two covered
]


def test_figures_by_hand() -> None:
    found = figures(describe(CAPTIONS, TABLE, WORDS))
    assert found["CHAIR_i"].value == pytest.approx(3 / 9)
    assert found["CHAIR_s"].value == pytest.approx(2 / 3)
    assert found["recall"].value == pytest.approx(4 / 5)


def test_a_difference_is_paired_and_its_sign_is_right() -> None:
    first = describe(CAPTIONS, TABLE, WORDS)
    better = describe([CAPTIONS[0], CAPTIONS[1], Caption("3", "A knife.")], TABLE, WORDS)
    assert difference(better, first, "CHAIR_i").value == pytest.approx(1 / 7 - 3 / 9)
    found = difference(first, first, "CHAIR_s")
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (0.0, 0.0)
    other = describe([Caption("2", "A bus.")], TABLE, WORDS)
    with pytest.raises(ValueError, match="the same pictures in the same order"):
        difference(other, first, "CHAIR_i")


def test_captions_that_name_nothing_are_no_error() -> None:
    found = figures(describe([Caption("1", "Blue."), Caption("2", "Red.")], TABLE, WORDS))
    assert [figure.value for figure in found.values()] == [0.0, 0.0, 0.0]


def test_an_unknown_picture_is_named() -> None:
    with pytest.raises(ValueError, match="has to hold picture '9'"):
        describe([Caption("9", "A dog.")], TABLE, WORDS)
    with pytest.raises(ValueError, match="is empty"):
        describe([], TABLE, WORDS)


def source(text: str) -> Source:
    return Source("file.json", "0" * 64, text)


def test_files_are_read() -> None:
    lines = '{"image_id": 3, "caption": "A knife."}\n{"image": "x.jpg", "caption": "A dog."}'
    assert read_captions(source(lines)) == [Caption("3", "A knife."), Caption("x.jpg", "A dog.")]
    assert read_captions(source(json.dumps([json.loads(line) for line in lines.splitlines()]))) == read_captions(
        source(lines)
    )
    for bad in ('{"image": 1}', "[3]", "knife", "[1"):
        with pytest.raises(ValueError, match=r"file.json has to be"):
            read_captions(source(bad))
    read = read_vocabulary(source('{"inverse_synonym_dict": {"": "", "pup": "dog"}, "double_word_dict": {"a b": "c"}}'))
    assert read == Vocabulary({"pup": "dog"}, {"a b": "c"})
    for bad in ("[]", "{}", "x"):
        with pytest.raises(ValueError, match="has to be a vocabulary of CHAIR"):
            read_vocabulary(source(bad))


def test_pictures_of_nothing_have_a_recall_that_can_be_written() -> None:
    found = figures(describe([Caption("1", "A dog."), Caption("2", "Red.")], ObjectTable({"1": [], "2": []}), WORDS))
    assert (found["CHAIR_i"].value, found["recall"].value) == (1.0, 0.0)
    assert found["recall"].interval is not None
    assert (found["recall"].interval.low, found["recall"].interval.high) == (0.0, 0.0)
