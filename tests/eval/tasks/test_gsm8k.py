"""GSM8K: the prompt, and which number is the answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from counterfoil.decoding.by_name import Decoding
from counterfoil.eval.dataset import Dataset
from counterfoil.eval.task import with_options
from counterfoil.eval.tasks.gsm8k import TASK, answered, examples

from tests.support.tasks import evaluated, tiny_models

LINE = {"question": "How many?", "answer": "2 + 3 = <<2+3=5>>5.\n#### 1,005"}


def read(*lines: object, shots: int = 8):
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    return with_options(TASK, {"shots": shots}).read(Dataset("test.jsonl", "", text), tiny_models())


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (" 3 + 4 = 7. The answer is 7.", "7"),
        (" The answer is $1,200.50. Then 9.", "1200.50"),
        (" So the answer is: -3", "-3"),
        (" first 4, then 12", "12"),
        (" the answer is unknown, 5", "5"),
        (" none", None),
    ],
)
def test_the_stated_number_counts_and_else_the_last_one(text: str, answer: str | None) -> None:
    assert answered(text) == answer


def test_numbers_are_equal_as_numbers() -> None:
    (item,) = read(LINE)
    assert item.facts == {"answer": "1005"}
    for response, right in ((" The answer is 1005.00.", True), (" 1,005", True), (" 105", False), ("", False)):
        assert TASK.score(item, response)["exact match"] is right


def test_the_worked_examples_stand_before_the_question_and_are_right() -> None:
    assert len(examples()) == 8
    wanted = ["6", "5", "39", "8", "9", "29", "33", "8"]
    assert [answered(example.split("\nA:")[1]) for example in examples()] == wanted
    (item,) = read(LINE, shots=2)
    assert item.request.prompt == f"{examples()[0]}\n\n{examples()[1]}\n\nQ: How many?\nA:"
    (alone,) = read(LINE, shots=0)
    assert alone.request.prompt == "Q: How many?\nA:"


def test_exact_match_is_the_share_of_right_numbers(tmp_path: Path) -> None:
    file = tmp_path / "test.jsonl"
    rows = [{"question": f"w{n} w{n + 1}", "answer": "#### 1"} for n in range(10, 16)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = with_options(TASK, {"shots": 0, "new_tokens": 4})
    first = evaluated(task, file, [Decoding("none")])
    assert first.rows[0].figures["exact match"].value == 0.0
    said = {int(sample["item"]): sample["score"]["answer"] for sample in first.samples}
    # What the tiny model says becomes right for three of the six.
    rows = [{**row, "answer": f"#### {said[n] if n > 3 else 1}"} for n, row in enumerate(rows, start=1)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = evaluated(task, file, [Decoding("none"), Decoding("contrastive_decoding", {"early_exit": 1})])
    assert result.rows[0].figures["exact match"].value == 0.5
    assert result.rows[0].figures["with a number"].value == 1.0
    assert "difference" in result.rows[1].figures


@pytest.mark.parametrize("line", ["no json", {"question": "q"}, {"question": "q", "answer": "5"}])
def test_a_line_of_another_kind_is_named(line: object) -> None:
    with pytest.raises(ValueError, match=r"line 2 of test\.jsonl has to be a question of GSM8K"):
        read(LINE, line)


@pytest.mark.parametrize("shots", [-1, 9])
def test_the_number_of_examples_is_checked(shots: int) -> None:
    with pytest.raises(ValueError, match=rf"`shots` has to be in \[0, 8\], but is {shots}"):
        with_options(TASK, {"shots": shots})
