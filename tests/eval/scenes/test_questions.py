"""POPE's questions: sampling laws, hand-made tables, files."""

from __future__ import annotations

from collections import Counter

import pytest
from counterfoil.eval.scenes.questions import SPLITS, ObjectTable, Split, about, sampled_questions

# By frequency: person 4, dog 3, ball 3, cup 2, oven 1. With dog: person 3, then ball 2.
TABLE = ObjectTable(
    {
        "a": ["dog", "person"],
        "b": ["person", "dog", "ball"],
        "c": ["ball", "dog", "person"],
        "d": ["cup", "oven"],
        "e": ["person", "cup", "ball"],
    }
)


def absent(split: Split, each: int = 1, seed: int = 0) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for probe in sampled_questions(TABLE, split, each=each, seed=seed):
        if not probe.there:
            found.setdefault(probe.image, []).append(probe.text.split()[3])
    return found


def test_the_table_counts() -> None:
    assert TABLE.popular == ["person", "dog", "ball", "cup", "oven"]
    assert TABLE.companions["dog"] == ["person", "ball"]
    assert TABLE.companions["oven"] == ["cup"]


def test_popular_and_adversarial_by_hand() -> None:
    assert absent("popular") == {"a": ["ball"], "b": ["cup"], "c": ["cup"], "d": ["person"], "e": ["dog"]}
    # With dog goes person, who is there in a and b, then ball, which is in b; person and ball have cup as a companion.
    assert absent("adversarial")["a"] == ["ball"]
    assert absent("adversarial")["b"] == ["cup"]
    assert absent("adversarial")["c"] == ["cup"]
    assert absent("adversarial")["d"] == ["person"]
    assert absent("popular", each=2)["a"] == ["ball", "cup"]


@pytest.mark.parametrize("split", SPLITS)
def test_half_of_the_questions_are_about_what_is_there(split: Split) -> None:
    found = sampled_questions(TABLE, split, each=2)
    assert Counter(probe.there for probe in found) == {True: 10, False: 10}
    assert len({(probe.image, probe.text) for probe in found}) == len(found)
    for probe in found:
        assert (probe.text.split()[3] in TABLE.objects[probe.image]) == probe.there
    assert found == sampled_questions(TABLE, split, each=2)


def test_random_is_random() -> None:
    assert len({tuple(absent("random", seed=seed)["d"]) for seed in range(20)}) == 3


def test_images_with_too_few_objects_are_left_out() -> None:
    # b, c and e have three objects, but only two of five are missing.
    assert {probe.image for probe in sampled_questions(TABLE, "popular", each=2)} == set(TABLE.objects)
    with pytest.raises(ValueError, match="at least 3 objects"):
        sampled_questions(TABLE, "popular", each=3)
    with pytest.raises(ValueError, match="`split` has to be one of random, popular, adversarial"):
        sampled_questions(TABLE, "hard", each=1)  # pyright: ignore[reportArgumentType]


def test_what_is_frequent_may_be_told_by_another_table() -> None:
    seen = ObjectTable({str(i): ["dog", "kite"] for i in range(3)} | {"x": ["person"]})
    found = sampled_questions(ObjectTable({"a": ["dog"]}), "adversarial", seen=seen, each=1)
    assert [probe.text for probe in found] == ["Is there a dog in the image?", "Is there a kite in the image?"]


def test_the_article_follows_the_object() -> None:
    assert about("umbrella") == "Is there an umbrella in the image?"
    assert about("tree") == "Is there a tree in the image?"
