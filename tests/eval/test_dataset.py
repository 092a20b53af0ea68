"""Lines of JSON lines: what ends one, and what only looks like an end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from counterfoil.eval.dataset import Dataset
from counterfoil.eval.labelled_pairs import read_pairs
from counterfoil.eval.tasks import alce, attributionbench, laquer, memotrap, pope
from counterfoil.eval.tasks.chair import read_captions, read_table

from tests.support.tasks import tiny_models

# JSON lets these stand raw inside strings, and many programs write them so; str.splitlines cuts at each.
ODD = "a\u2028b\u2029c\x85d"
PROBE = {"image": "1", "text": f"Is there a {ODD}?", "label": "yes"}
TRAP = {"prompt": f"Write: {ODD}", "classes": "[' x', ' y']", "answer_index": 0}
ANSWER = {"id": "1", "answer": ODD, "documents": [{"id": "d", "text": ODD}], "facts": [{"start": 0, "end": 1}]}


CLAIM = {"claim": ODD, "references": [ODD], "attribution_label": "attributable", "src_dataset": "BEGIN"}
TASKS = [(memotrap.TASK, TRAP), (laquer.TASK, ANSWER), (attributionbench.TASK, CLAIM)]


def test_lines_are_numbered_as_in_the_file_and_blank_ones_left_out() -> None:
    assert list(Dataset("x", "0", f"{ODD}\n\n \r\nb\r\n").lines()) == [(1, ODD), (4, "b\r")]


@pytest.mark.parametrize(
    ("read", "record"),
    [
        (pope.read_questions, PROBE),
        (pope.read_answers, {"answer": ODD}),
        (read_captions, {"image": "1", "caption": ODD}),
        (lambda dataset: list(read_table(dataset).objects), {"image": ODD, "objects": ["dog"]}),
        (read_pairs, {"premise": ODD, "hypothesis": ODD, "label": "neutral", "source": "s"}),
        (alce.records, {"response": ODD, "retrieved_contexts": []}),
        *((lambda dataset, task=task: task.read(dataset, tiny_models()), record) for task, record in TASKS),
    ],
)
def test_a_separator_inside_a_string_ends_no_line(
    read: Callable[[Dataset], Sequence[object]], record: dict[str, Any]
) -> None:
    assert len(read(Dataset("file.jsonl", "0", json.dumps(record, ensure_ascii=False) + "\n\n"))) == 1


def test_a_line_of_another_kind_is_named_with_what_it_lacks() -> None:
    dataset = Dataset("x.jsonl", "0", '{"a": 1}\n\n{"b": 2}\n')
    with pytest.raises(ValueError, match=r"line 3 of x.jsonl has to be a thing, but is not: 'a' is missing"):
        dataset.records("a thing", lambda _, record: record["a"])
    with pytest.raises(ValueError, match=r"x.jsonl has to hold lines, each a thing, but is empty"):
        Dataset("x.jsonl", "0", " \n").records("a thing", lambda _, record: record)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes('{"a": 1}\r\n'.encode(encoding))
    assert Dataset.read(path).records("an object", lambda _, value: value["a"]) == [1]
