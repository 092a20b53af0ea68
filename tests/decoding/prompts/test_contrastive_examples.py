"""The prompt builders of contrastive in-context learning."""

from __future__ import annotations

import pytest
from counterfoil.decoding import ContrastiveExample, analysing_messages, contrasting_messages

EXAMPLES = [
    ContrastiveExample("What is a tide?", "The sea rising and falling twice a day.", "It is a complicated phenomenon."),
    ContrastiveExample("What is a reef?", "A ridge just below the water.", "There are many kinds of reefs."),
]


def test_the_analysing_prompt_shows_every_pair_before_the_question_and_asks_for_the_analysis() -> None:
    (message,) = analysing_messages(EXAMPLES, "What is a fjord?")
    text = message["content"]
    order = [EXAMPLES[0].positive, EXAMPLES[0].negative, EXAMPLES[1].positive, "What is a fjord?", "First analyse"]
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)
    assert "analyse" not in analysing_messages(EXAMPLES, "What is a fjord?", analyse=False)[0]["content"]


def test_the_contrast_differs_in_the_demonstrated_answers_alone() -> None:
    good, bad = contrasting_messages(EXAMPLES, "What is a fjord?")
    assert [m["role"] for m in good] == [m["role"] for m in bad] == ["user", "assistant"] * 2 + ["user"]
    assert [m["content"] for m in good if m["role"] == "user"] == [m["content"] for m in bad if m["role"] == "user"]
    assert [m["content"] for m in good if m["role"] == "assistant"] == [e.positive for e in EXAMPLES]
    assert [m["content"] for m in bad if m["role"] == "assistant"] == [e.negative for e in EXAMPLES]


@pytest.mark.parametrize("build", [analysing_messages, contrasting_messages])
def test_nothing_to_show_or_to_ask_is_refused(build) -> None:
    with pytest.raises(ValueError, match="`examples` has to hold at least one"):
        build([], "What?")
    with pytest.raises(ValueError, match="`question` has to be a text"):
        build(EXAMPLES, " ")
    with pytest.raises(ValueError, match="`negative` has to be a text"):
        ContrastiveExample("a", "b", "")
