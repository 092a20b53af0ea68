"""A fixed set of prompts about the example documents: some answers quote their document, some do not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
        name: Document and task.
        kind: A key of :data:`TASKS`.
        main: What the tokenizer returns for both.
        contrast: The same without the document.
    """

    name: str
    kind: str
    main: Mapping[str, Any]
    contrast: Mapping[str, Any]


def grounded_prompts(tokenizer: PreTrainedTokenizerBase) -> list[GroundedPrompt]:
    """Return two tasks for each document, and all tasks that leave it aside for one document each."""
    documents = list(_documents())
    grounded = [(kind, name, task) for kind in ("quoting", "half quoting") for name, task in TASKS[kind].items()]
    asked = [(*documents[i], *grounded[(i + shift) % len(grounded)]) for i in range(len(documents)) for shift in (0, 3)]
    asked += [(*documents[i], "not quoting", *task) for i, task in enumerate(TASKS["not quoting"].items())]
    return [
        GroundedPrompt(f"{document}/{name}", kind, _chat(tokenizer, f"{text}\n\n{task}"), _chat(tokenizer, task))
        for document, text, kind, name, task in asked
    ]


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
