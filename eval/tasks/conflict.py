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

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ..aggregate import share
from ..dataset import Source
from ..measuring_models import Tools
from ..mentions import first_mention
from ..requests import Generation, Response
from ..results import Figure
from ..task import Answer, Ask, Item, Task

EXAMPLE = "Q: What is the opposite of hot?\nA: cold\n\n"
END = ("\n",)


@dataclass(frozen=True)
class Conflict(Task):
    """The task.

    Args:
        new_tokens: The longest answer.
    """

    name = "conflict"
    version = 1
    summary = "a passage against a well-known fact: does the answer follow the passage?"
    data = "package:conflict_facts.jsonl"
    kind = "generation"
    contrasts = True
    methods = "none,cad"

    new_tokens: int = 12

    def read(self, source: Source, tools: Tools) -> Sequence[Item]:
        """The facts: `id`, `question`, `passage`, `known` and `changed` (lists of names) on each line.

        Raises:
            ValueError: A line is no fact; its number is named.
        """
        items = []
        for number, line in source.lines():
            try:
                items.append(self._item(json.loads(line)))
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"line {number} of {source.name} has to be a fact, but is not: {error!r}") from error
        return items

    def select(self, items: Sequence[Item], ask: Ask) -> Sequence[Item]:
        """Those whose fact the model knows."""
        alone = [
            Item(f"{item.id}, alone", Generation(item.request.contrast or "", self.new_tokens, stop=END), item.facts)
            for item in items
        ]
        return [item for item, answer in zip(items, ask(alone), strict=True) if answer.score["memory"]]

    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """Which of the two values the answer mentions first."""
        text = cast("str", response)
        changed, known = first_mention(text, item.facts["changed"]), first_mention(text, item.facts["known"])
        return {
            "passage": changed is not None and (known is None or changed < known),
            "memory": known is not None and (changed is None or known < changed),
        }

    def figures(
        self, answers: Sequence[Answer], first: Sequence[Answer] | None, *, seed: int, tools: Tools
    ) -> Mapping[str, Figure]:
        """The shares of answers that follow the passage and that follow memory; the rest say neither."""
        memory = share("memory", answers, None, seed=seed)
        return {**share("passage", answers, first, seed=seed), **memory}

    def _item(self, fact: Mapping[str, Any]) -> Item:
        facts = {name: fact[name] for name in ("question", "known", "changed")}
        asked = f"Q: {fact['question']}\nA:"
        prompt = f"{EXAMPLE}{fact['passage']}\n\n{asked}"
        return Item(fact["id"], Generation(prompt, self.new_tokens, contrast=EXAMPLE + asked, stop=END), facts)


TASK = Conflict()
