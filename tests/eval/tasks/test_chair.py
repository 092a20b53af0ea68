"""CHAIR, against captions counted by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from counterfoil.eval.dataset import Dataset
from counterfoil.eval.runner import run
from counterfoil.eval.tasks.chair import TASK, Vocabulary, read_captions, read_table, read_vocabulary

from tests.support.tasks import tiny_models

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


TABLE = {"1": ["person", "puppy"], "2": ["bus"], "3": ["knife", "bench"]}
CAPTIONS = [
    ("1", "A man and a woman with a dog on a bench."),  # four named, the bench is not there; both are covered
    ("2", "A bus and a bus."),  # two named
    ("3", "A bear, a bear and a knife."),  # three named, two wrong; one of two covered
]


def scored(folder: Path, captions: list[tuple[str, str]], table: dict[str, list[str]] = TABLE):
    """The result for captions that are there already."""
    rows = [{"image": image, "caption": text} for image, text in captions]
    contents = {
        "answers": "".join(json.dumps(row) + "\n" for row in rows),
        "objects": json.dumps(table),
        "vocabulary": json.dumps({"inverse_synonym_dict": WORDS.objects, "double_word_dict": WORDS.pairs}),
    }
    for name, text in contents.items():
        (folder / name).write_text(text)
    task = replace(TASK, **{name: folder / name for name in contents})
    dataset = task.load([], limit=None, seed=0)
    engine = task.given()
    assert engine is not None
    return run(task, engine, [None], dataset, models=tiny_models())


def test_figures_by_hand(tmp_path: Path) -> None:
    (row,) = scored(tmp_path, CAPTIONS).rows
    assert row.figures["CHAIR_i"].value == pytest.approx(3 / 9)
    assert row.figures["CHAIR_s"].value == pytest.approx(2 / 3)
    assert row.figures["recall"].value == pytest.approx(4 / 5)


def test_a_difference_is_paired_and_its_sign_is_right(tmp_path: Path) -> None:
    other, names = [CAPTIONS[0], CAPTIONS[1], ("3", "A knife.")], ("one", "two")
    for name in names:
        (tmp_path / name).mkdir()
    results = [scored(tmp_path / name, some) for name, some in zip(names, (CAPTIONS, other), strict=True)]
    task = replace(TASK, **{n: tmp_path / "one" / n for n in ("answers", "objects", "vocabulary")})
    items = task.read(task.load([], limit=None, seed=0), tiny_models())
    from counterfoil.eval.task import Answer  # noqa: PLC0415

    first, better = (
        [Answer(item, sample["response"], sample["score"]) for item, sample in zip(items, one.samples, strict=True)]
        for one in results
    )
    figures = task.figures(better, first, seed=0, models=tiny_models())
    assert figures["CHAIR_i: difference"].value == pytest.approx(1 / 7 - 3 / 9)
    same = task.figures(first, first, seed=0, models=tiny_models())["CHAIR_i: difference"].interval
    assert (same.low, same.high) == (0.0, 0.0)


def test_captions_that_name_nothing_are_no_error(tmp_path: Path) -> None:
    (row,) = scored(tmp_path, [("1", "Blue."), ("2", "Red.")]).rows
    assert [figure.value for figure in row.figures.values()] == [0.0, 0.0, 0.0]


def test_an_unknown_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has to hold image '9'"):
        scored(tmp_path, [("9", "A dog.")])
    with pytest.raises(ValueError, match="is empty"):
        scored(tmp_path, [])


def test_captions_of_one_image_are_drawn_together(tmp_path: Path) -> None:
    result = scored(tmp_path, [("1", "A dog."), ("1", "A bear."), ("2", "A bus."), ("2", "A bear.")])
    found = result.rows[0].figures["CHAIR_s"]
    assert (found.value, found.interval.low, found.interval.high) == (0.5, 0.5, 0.5)


def source(text: str) -> Dataset:
    return Dataset("file.json", "0" * 64, text)


def test_files_are_read() -> None:
    lines = '{"image_id": 3, "caption": "A knife."}\n{"image": "x.jpg", "caption": "A dog."}'
    assert read_captions(source(lines)) == [("3", "A knife."), ("x.jpg", "A dog.")]
    listed = json.dumps([json.loads(line) for line in lines.splitlines()])
    assert read_captions(source(listed)) == read_captions(source(lines))
    for bad in ('{"image": 1}', "[3]", "knife", "[1"):
        with pytest.raises(ValueError, match=r"file.json has to be"):
            read_captions(source(bad))
    read = read_vocabulary(source('{"inverse_synonym_dict": {"": "", "pup": "dog"}, "double_word_dict": {"a b": "c"}}'))
    assert read == Vocabulary({"pup": "dog"}, {"a b": "c"})
    for bad in ("[]", "{}", "x"):
        with pytest.raises(ValueError, match="has to be a vocabulary of CHAIR"):
            read_vocabulary(source(bad))


def test_tables_of_both_forms_are_read() -> None:
    lines = "".join(json.dumps({"image": k, "objects": v}) + "\n" for k, v in TABLE.items())
    assert read_table(source(lines)).objects == TABLE
    assert read_table(source(json.dumps(TABLE))).objects == TABLE
    assert read_table(source('{"image": "a", "objects": ["dog", "dog"]}')).objects == {"a": ["dog"]}
    for bad in ("[1]", '{"a": 3}', "", "dog"):
        with pytest.raises(ValueError, match=r"file.json has to be a table of objects"):
            read_table(source(bad))


def test_images_of_nothing_have_a_recall_that_can_be_written(tmp_path: Path) -> None:
    (row,) = scored(tmp_path, [("1", "A dog."), ("2", "Red.")], {"1": [], "2": []}).rows
    assert (row.figures["CHAIR_i"].value, row.figures["recall"].value) == (1.0, 0.0)
    assert (row.figures["recall"].interval.low, row.figures["recall"].interval.high) == (0.0, 0.0)


def test_data_and_options_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="leave --data out"):
        TASK.load([tmp_path], limit=4, seed=0)
    with pytest.raises(ValueError, match="--objects and --vocabulary have to be given with --answers"):
        replace(TASK, answers=tmp_path).load([], limit=4, seed=0)
    with pytest.raises(ValueError, match="--answers has to be the captions that --objects and --vocabulary belong to"):
        replace(TASK, objects=tmp_path).load([], limit=4, seed=0)
