"""Conflict: which facts count, what the two prompts are, and what an answer is worth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from counterfoil.decoding.by_name import Decoding
from counterfoil.eval import registry
from counterfoil.eval.dataset import Dataset
from counterfoil.eval.task import Item, with_options
from counterfoil.eval.tasks.conflict import EXAMPLE, TASK, first_mention

from tests.support.tasks import evaluated, tiny_models

FACTS = TASK.read(TASK.load(registry.paths(TASK, None), limit=None, seed=0), tiny_models())


def test_about_two_hundred_facts_are_shipped_each_with_two_values_that_can_be_told_apart() -> None:
    assert len(FACTS) == 200
    assert len({item.facts["question"] for item in FACTS}) == 200
    for item in FACTS:
        passage = item.request.prompt.removeprefix(EXAMPLE).split("\n\nQ: ")[0]
        assert first_mention(passage, item.facts["changed"]) is not None, passage
        assert first_mention(" ".join(item.facts["changed"]), item.facts["known"]) is None
        assert first_mention(item.facts["question"], [*item.facts["known"], *item.facts["changed"]]) is None
        assert first_mention(EXAMPLE, [*item.facts["known"], *item.facts["changed"]]) is None


def test_the_contrast_is_the_same_prompt_without_the_passage() -> None:
    (india,) = [item for item in FACTS if item.facts["question"] == "What is the capital of India?"]
    asked = "Q: What is the capital of India?\nA:"
    assert india.request.contrast == EXAMPLE + asked
    assert india.request.prompt.startswith(f"{EXAMPLE}Chennai became the capital of India")
    assert india.request.prompt.endswith(f"\n\n{asked}")


@pytest.mark.parametrize(
    ("answer", "passage", "memory"),
    [
        (" Chennai", True, False),
        (" It is new delhi.", False, True),
        (" Chennai, not Delhi", True, False),
        (" Delhi was, before Chennai", False, True),
        (" Mumbai", False, False),
        (" Chennaipuram and Delhites", False, False),
        ("", False, False),
    ],
)
def test_the_value_that_is_named_first_counts(answer: str, passage: bool, memory: bool) -> None:
    item = Item("x", FACTS[0].request, {"known": ["New Delhi", "Delhi"], "changed": ["Chennai"]})
    assert TASK.score(item, answer) == {"passage": passage, "memory": memory}


def test_only_facts_that_the_model_knows_count(tmp_path: Path) -> None:
    """The tiny model says something without any passage; facts that name one of its words are the known ones."""
    lines = [
        {"id": str(n), "question": f"w{n}", "passage": f"w{n} w9", "known": [f"w{n + 5}"], "changed": ["w9"]}
        for n in range(10, 40)
    ]
    file = tmp_path / "facts.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    task = with_options(TASK, {"new_tokens": 6})
    items = task.read(Dataset.read(file), tiny_models())
    said: dict[str, str] = {}

    def ask(some):
        from counterfoil.eval.task import Answer  # noqa: PLC0415

        said.update({item.id: item.request.prompt for item in some})
        return [Answer(item, "", {"memory": n % 3 == 0}) for n, item in enumerate(some)]

    assert [item.id for item in task.select(items, ask)] == [item.id for item in items[::3]]
    assert said["10, alone"] == items[0].request.contrast
    known = [{**line, "known": [f"w{token}" for token in range(4, 60) if token != 9]} for line in lines]
    file.write_text("".join(json.dumps(line) + "\n" for line in known))
    result = evaluated(task, file, [Decoding("none"), Decoding("cad")], limit=6)
    assert result.n <= 6
    assert list(result.rows[1].figures) == [
        "passage", "difference", "gained", "lost", "McNemar p", "memory",
    ]  # fmt: skip


def test_a_line_of_another_kind_is_named() -> None:
    with pytest.raises(ValueError, match=r"line 2 of facts has to be a fact, but is not: 'question' is missing"):
        TASK.read(Dataset("facts", "", json.dumps({**LINE}) + '\n{"id": "x"}'), tiny_models())


LINE = {"id": "a", "question": "q", "passage": "p", "known": ["k"], "changed": ["c"]}
