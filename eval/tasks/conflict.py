"""Conflict: a passage states a changed value of a well-known fact. Does the answer follow the passage, or memory?

    Q: What is the opposite of hot?
    A: cold

    Chennai became the capital of India after a long debate. ...

    Q: What is the capital of India?
    A:

The first pair shows how short an answer is to be. The 200 facts are our own. Only those count that the model knows:
asked plainly and without the passage, its answer has the known value. Then it is asked with the passage, and the
contrast of CAD and CID is the same without it. The protocol is that of the knowledge conflicts of Shi et al. (arXiv
2305.14739): greedy, ten tokens or a few more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from ..aggregate import share
from ..dataset import Dataset
from ..measuring_models import MeasuringModels
from ..requests import Generation, Response
from ..task import Ask, Item, Task

EXAMPLE = "Q: What is the opposite of hot?\nA: cold\n\n"
END = ("\n",)


def first_mention(text: str, names: Sequence[str]) -> int | None:
    """Return where the first of some names begins in a text, as whole words in any case; `None` if none does."""
    found = (re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) for name in names)
    return min((match.start() for match in found if match), default=None)


@dataclass(frozen=True)
class Conflict(Task):
    """The task.

    Args:
        new_tokens: The longest answer.
    """

    name = "conflict"
    summary = "a passage against a well-known fact: does the answer follow the passage?"
    data = "package:conflict_facts.jsonl"
    contrasts = True
    methods = "none,cad"
    metrics: ClassVar = {"passage": share(), "memory": share(compared=False)}

    new_tokens: int = 12

    def read(self, dataset: Dataset, models: MeasuringModels) -> Sequence[Item]:
        """Return the facts of JSON lines with `id`, `question`, `passage`, `known` and `changed` (lists of names)."""
        return dataset.records("a fact", lambda _, fact: self._item(fact))

    def select(self, items: Sequence[Item], ask: Ask) -> Sequence[Item]:
        """Return those whose fact the model knows."""
        unaided = [
            Item(f"{item.id}, alone", Generation(_contrast(item), self.new_tokens, stop=END), item.facts)
            for item in items
        ]
        return [item for item, answer in zip(items, ask(unaided), strict=True) if answer.score["memory"]]

    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """Return which of the two values the answer mentions first; it may mention neither."""
        changed, known = (first_mention(response, item.facts[kind]) for kind in ("changed", "known"))
        return {
            "passage": changed is not None and (known is None or changed < known),
            "memory": known is not None and (changed is None or known < changed),
        }

    def _item(self, fact: Mapping[str, Any]) -> Item:
        facts = {name: fact[name] for name in ("question", "known", "changed")}
        asked = f"Q: {fact['question']}\nA:"
        prompt = f"{EXAMPLE}{fact['passage']}\n\n{asked}"
        return Item(fact["id"], Generation(prompt, self.new_tokens, contrast=EXAMPLE + asked, stop=END), facts)


TASK = Conflict()


def _contrast(item: Item) -> str:
    return cast("Generation", item.request).contrast or ""
