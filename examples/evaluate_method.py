"""Does a method help *my* model? A task of one's own in a few lines, with intervals and a paired comparison.

python examples/evaluate_method.py
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from counterfoil.cli.tables import print_result
from counterfoil.decoding.by_name import Decoding
from counterfoil.eval.aggregate import share
from counterfoil.eval.dataset import Source
from counterfoil.eval.engines.local import LocalEngine
from counterfoil.eval.measuring_models import Tools
from counterfoil.eval.requests import Generation, Response
from counterfoil.eval.results import Figure
from counterfoil.eval.runner import run
from counterfoil.eval.task import Answer, Item, Task
from counterfoil.models import load_language_model

PLACES = Source("places.txt", "", "Paris Rome Madrid London Vienna Dublin Lisbon Athens Oslo Cairo Tokyo Beijing")


@dataclass(frozen=True)
class Moved(Task):
    """A passage says that a museum has moved. Does the model say where to?"""

    name = "moved"
    version = 1
    summary = "a museum that has moved"
    data = "places.txt"
    kind = "generation"
    contrasts = True
    methods = "none,cad"

    def read(self, source: Source, tools: Tools) -> Sequence[Item]:
        """One item a place."""
        return [self._item(place) for place in source.text.split()]

    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """Whether the place is named."""
        return {"right": item.id in str(response)}

    def figures(
        self, answers: Sequence[Answer], first: Sequence[Answer] | None, *, seed: int, tools: Tools
    ) -> Mapping[str, Figure]:
        """The share of right answers."""
        return share("right", answers, first, seed=seed)

    def _item(self, place: str) -> Item:
        asked = "The museum with the Mona Lisa, the Louvre, is in the city of"
        passage = f"Since last year the Louvre, with the Mona Lisa, has been in {place}. "
        return Item(place, Generation(passage + asked, 4, contrast=asked))


def main() -> None:
    """Run the task on SmolLM2-135M-Instruct."""
    engine = LocalEngine(load_language_model())
    methods = [Decoding("none"), Decoding("cad", {"strength": 0.5}), Decoding("cad", {"strength": 1.0})]
    print_result(run(Moved(), engine, methods, PLACES))


if __name__ == "__main__":
    main()
