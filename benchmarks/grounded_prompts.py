"""A fixed set of prompts about the example documents: some answers quote their document, some do not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DOCUMENTS = Path(__file__).parents[1] / "examples" / "documents"
SYSTEM = "You work with the given text."
TASKS: Mapping[str, Mapping[str, str]] = {
    "quoting": {
        "repeat": "Repeat the text above word for word.",
        "sentences": "Repeat the first two sentences of the text, exactly as they are written.",
        "quotes": "What is the text about? Answer only with quotes from the text, word for word.",
        "number": "Copy the sentence of the text that has a number or a date in it, exactly as it is written.",
    },
    "half quoting": {
        "summary": "Summarize the text in three sentences.",
        "facts": "List the most important facts of the text.",
        "question": "Who or what is described in the text, and what happened?",
    },
    "not quoting": {
        "poem": "Write a short poem about the sea. Do not use the text.",
        "letter": "Write a letter to a friend about your favourite food and your plans for the summer.",
        "story": "Invent a story about a dragon who learns to bake bread.",
        "advice": "Give general advice for a job interview, in your own words.",
    },
}
"""By how much of an answer stands in the document: what is asked, by name."""


@dataclass(frozen=True)
class GroundedPrompt:
    """A task with a document and without it.

    Args:
        name: Document and task; of a batch, those of its rows.
        kind: A key of :data:`TASKS`.
        main: What the tokenizer returns for both, `[1, length]`; of a batch `[rows, length]`, padded on the left.
        contrast: The same without the document.
    """

    name: str
    kind: str
    main: Mapping[str, Any]
    contrast: Mapping[str, Any]


def grounded_prompts(tokenizer: PreTrainedTokenizerBase, tokens: int | None = None) -> list[GroundedPrompt]:
    """Return two tasks for each document, and all tasks that leave it aside for one document each.

    Args:
        tokenizer: Of the model.
        tokens: About how long the prompts with documents are to be: the ends of the other documents stand before the
            one that is asked about. `None` leaves it alone.

    Raises:
        ValueError: There are not as many tokens in all documents.
    """
    documents = list(_documents())
    grounded = [(kind, name, task) for kind in ("quoting", "half quoting") for name, task in TASKS[kind].items()]
    asked = [(i, *grounded[(i + shift) % len(grounded)]) for i in range(len(documents)) for shift in (0, 3)]
    asked += [(i, "not quoting", *task) for i, task in enumerate(TASKS["not quoting"].items())]
    prompts = []
    for i, kind, name, task in asked:
        document, text = documents[i]
        main = _chat(tokenizer, f"{text}\n\n{task}")
        if tokens is not None:
            others = " ".join(other for _, other in documents[i + 1 :] + documents[:i])
            before = _end(tokenizer, others, tokens - main["input_ids"].shape[1])
            main = _chat(tokenizer, f"{before}\n\n{text}\n\n{task}")
        prompts.append(GroundedPrompt(f"{document}/{name}", kind, main, _chat(tokenizer, task)))
    return prompts


def in_batches(
    prompts: Sequence[GroundedPrompt], size: int, tokenizer: PreTrainedTokenizerBase
) -> list[GroundedPrompt]:
    """Return batches of so many prompts of one kind, in their order; those that fill no batch are left out."""
    batches = []
    for kind in TASKS:
        own = [prompt for prompt in prompts if prompt.kind == kind]
        for start in range(0, len(own) - size + 1, size):
            rows = own[start : start + size]
            views = [_padded(tokenizer, [getattr(row, view) for row in rows]) for view in ("main", "contrast")]
            batches.append(GroundedPrompt(" + ".join(row.name for row in rows), kind, *views))
    return batches


def _documents() -> Iterator[tuple[str, str]]:
    """Yield name and text of the examples that are text, on one line."""
    for path in sorted(DOCUMENTS.iterdir()):
        if path.suffix in (".txt", ".md", ".html"):
            text = re.sub(r"<[^>]+>|(?m:^#{1,6}[ \t]+)", " ", path.read_text(encoding="utf-8"))
            yield path.stem, " ".join(text.split())


def _chat(tokenizer: PreTrainedTokenizerBase, said: str) -> Mapping[str, Any]:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": said}]
    encoded: Any = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    return encoded


def _end(tokenizer: PreTrainedTokenizerBase, text: str, tokens: int) -> str:
    """Return about the last `tokens` tokens of a text."""
    ids = tokenizer(text)["input_ids"]
    if len(ids) < tokens:
        raise ValueError(f"`tokens` has to be {tokens - len(ids)} less at least: the documents have no more")
    return tokenizer.decode(ids[len(ids) - max(tokens, 0) :])


def _padded(tokenizer: PreTrainedTokenizerBase, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    ids = {"input_ids": [row["input_ids"][0].tolist() for row in rows]}
    return tokenizer.pad(ids, return_tensors="pt", padding_side="left")
