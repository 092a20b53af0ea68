"""Contrastive in-context learning: examples of good answers *and* of bad ones.

Gao and Das 2024, AAAI, https://arxiv.org/abs/2401.17390. The paper's method is a prompt: pairs of answers, and the
instruction to analyse how they differ before answering. The second function turns the same examples into the two
prompts of a logit contrast (good examples against bad ones, for `CIDLogitsProcessor` or `CADLogitsProcessor`), which is
not in the paper.

Both return chat messages, for `tokenizer.apply_chat_template(messages, add_generation_prompt=True)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Message = dict[str, str]

ANALYSE = (
    "First analyse what the preferred answers have in common and what the rejected ones lack. "
    "Then answer the last question in the way of the preferred answers."
)
ANSWER = "Answer the last question in the way of the preferred answers."


@dataclass(frozen=True)
class ContrastiveExample:
    """A question with a preferred and a rejected answer.

    Args:
        question: The question.
        positive: The preferred answer.
        negative: The rejected answer. The paper finds the model's own answer without examples about as good as one
            written by a person.
    """

    question: str
    positive: str
    negative: str

    def __post_init__(self) -> None:
        for name in ("question", "positive", "negative"):
            if not getattr(self, name).strip():
                raise ValueError(f"`{name}` has to be a text, but is empty")


def analysing_messages(examples: Sequence[ContrastiveExample], question: str, *, analyse: bool = True) -> list[Message]:
    """Return the paper's prompt: all pairs, then the request to analyse them and to answer.

    Args:
        examples: At least one.
        question: The new question.
        analyse: Ask for the analysis before the answer, the paper's best variant; if False, only show the pairs.

    Raises:
        ValueError: There is no example, or the question is empty.
    """
    _check(examples, question)
    pairs = [
        f"Question: {example.question}\nPreferred answer: {example.positive}\nRejected answer: {example.negative}"
        for example in examples
    ]
    return [_user("\n\n".join([*pairs, f"Question: {question}", ANALYSE if analyse else ANSWER]))]


def contrasting_messages(examples: Sequence[ContrastiveExample], question: str) -> tuple[list[Message], list[Message]]:
    """Return two conversations that differ only in the demonstrated answers: the preferred and the rejected ones.

    The first is the main prompt, the second the contrast.

    Args:
        examples: At least one.
        question: The new question, the last turn of both.

    Raises:
        ValueError: There is no example, or the question is empty.
    """
    _check(examples, question)
    return (
        _demonstrated([(example.question, example.positive) for example in examples], question),
        _demonstrated([(example.question, example.negative) for example in examples], question),
    )


def _demonstrated(turns: Sequence[tuple[str, str]], question: str) -> list[Message]:
    messages = [m for asked, said in turns for m in (_user(asked), {"role": "assistant", "content": said})]
    return [*messages, _user(question)]


def _user(content: str) -> Message:
    return {"role": "user", "content": content}


def _check(examples: Sequence[ContrastiveExample], question: str) -> None:
    if not examples:
        raise ValueError("`examples` has to hold at least one example, but is empty")
    if not question.strip():
        raise ValueError("`question` has to be a text, but is empty")
