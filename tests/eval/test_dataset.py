"""Lines of JSON lines: what ends one, and what only looks like an end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from counterfoil.eval.dataset import Source
from counterfoil.eval.hallucination.captions import read_captions
from counterfoil.eval.hallucination.polling import evaluate_answers
from counterfoil.eval.hallucination.probes import read_probes
from counterfoil.eval.hallucination.table import read_table
from counterfoil.eval.laquer_items import read_items
from counterfoil.eval.tasks import memotrap

from tests.support.tasks import tiny_tools

# JSON lets these stand raw inside strings, and many programs write them so; str.splitlines cuts at each.
ODD = "a\u2028b\u2029c\x85d"
PROBE = {"image": "1", "text": f"Is there a {ODD}?", "label": "yes"}
QUESTIONS = Source("q.jsonl", "0", json.dumps(PROBE))
TRAP = {"prompt": f"Write: {ODD}", "classes": "[' x', ' y']", "answer_index": 0}
ANSWER = {"id": "1", "answer": ODD, "documents": [{"id": "d", "text": ODD}], "facts": [{"start": 0, "end": 1}]}


def test_lines_are_numbered_as_in_the_file_and_blank_ones_left_out() -> None:
    assert list(Source("x", "0", f"{ODD}\n\n \r\nb\r\n").lines()) == [(1, ODD), (4, "b\r")]


@pytest.mark.parametrize(
    ("read", "record"),
    [
        (read_items, ANSWER),
        (read_probes, PROBE),
        (read_captions, {"image": "1", "caption": ODD}),
        (lambda source: list(read_table(source).objects), {"image": ODD, "objects": ["dog"]}),
        (lambda source: evaluate_answers(QUESTIONS, source).samples, {"answer": ODD}),
        (lambda source: memotrap.TASK.read(source, tiny_tools()), TRAP),
    ],
)
def test_a_separator_inside_a_string_ends_no_line(
    read: Callable[[Source], Sequence[object]], record: dict[str, Any]
) -> None:
    assert len(read(Source("file.jsonl", "0", json.dumps(record, ensure_ascii=False) + "\n\n"))) == 1
