"""POPE's questions: sampling laws, hand-made tables, files."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from counterfoil.eval.dataset import Source
from counterfoil.eval.hallucination.probes import SPLITS, Split, probes, question, read_probes
from counterfoil.eval.hallucination.table import ObjectTable, read_table

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
    for probe in probes(TABLE, split, each=each, seed=seed):
        if not probe.there:
            found.setdefault(probe.picture, []).append(probe.text.split()[3])
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
    found = probes(TABLE, split, each=2)
    assert Counter(probe.there for probe in found) == {True: 10, False: 10}
    assert len({(probe.picture, probe.text) for probe in found}) == len(found)
    for probe in found:
        assert (probe.text.split()[3] in TABLE.objects[probe.picture]) == probe.there
    assert found == probes(TABLE, split, each=2)


def test_random_is_random() -> None:
    assert len({tuple(absent("random", seed=seed)["d"]) for seed in range(20)}) == 3


def test_pictures_with_too_few_objects_are_left_out() -> None:
    # b, c and e have three objects, but only two of five are missing.
    assert {probe.picture for probe in probes(TABLE, "popular", each=2)} == set(TABLE.objects)
    with pytest.raises(ValueError, match="at least 3 objects"):
        probes(TABLE, "popular", each=3)
    with pytest.raises(ValueError, match="`split` has to be one of random, popular, adversarial"):
        probes(TABLE, "hard", each=1)  # pyright: ignore[reportArgumentType]


def test_what_is_frequent_may_be_told_by_another_table() -> None:
    seen = ObjectTable({str(i): ["dog", "kite"] for i in range(3)} | {"x": ["person"]})
    found = probes(ObjectTable({"a": ["dog"]}), "adversarial", seen=seen, each=1)
    assert [probe.text for probe in found] == ["Is there a dog in the image?", "Is there a kite in the image?"]


def test_the_article_follows_the_object() -> None:
    assert question("umbrella") == "Is there an umbrella in the image?"
    assert question("tree") == "Is there a tree in the image?"


def source(text: str) -> Source:
    return Source("file.json", "0" * 64, text)


def test_files_of_both_forms_are_read() -> None:
    lines = "".join(json.dumps({"image": k, "objects": v}) + "\n" for k, v in TABLE.objects.items())
    assert read_table(source(lines)).objects == TABLE.objects
    assert read_table(source(json.dumps(TABLE.objects))).objects == TABLE.objects
    one = json.dumps({"image": "a", "objects": ["dog", "dog"]})
    assert read_table(source(one)).objects == {"a": ["dog"]}
    for bad in ("[1]", '{"a": 3}', "", "dog"):
        with pytest.raises(ValueError, match=r"file.json has to be a table of objects"):
            read_table(source(bad))


def test_questions_are_read_and_a_bad_line_is_named() -> None:
    good = {"question_id": 1, "image": "x.jpg", "text": "Is there a snowboard in the image?", "label": "yes"}
    assert read_probes(source(json.dumps(good)))[0].there
    with pytest.raises(ValueError, match=r"line 2 of file.json"):
        read_probes(source(json.dumps(good) + "\n" + json.dumps(good | {"label": "maybe"})))
    with pytest.raises(ValueError, match="is empty"):
        read_probes(source("\n"))
