"""Does a method help *my* model? A task of one's own in a few lines, with intervals and a paired comparison.

counterfoil eval run examples/evaluate_method.py --method none,cad --strength 0.5,1
python examples/evaluate_method.py      # the same from Python
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from counterfoil.decoding.by_name import Decoding
from counterfoil.eval.aggregate import share
from counterfoil.eval.dataset import Dataset
from counterfoil.eval.engines.local import LocalEngine
from counterfoil.eval.measuring_models import MeasuringModels
from counterfoil.eval.requests import Generation, Response
from counterfoil.eval.runner import run
from counterfoil.eval.task import Item, Task
from counterfoil.models import load_language_model

PLACES = "Paris Rome Madrid London Vienna Dublin Lisbon Athens Oslo Cairo Tokyo Beijing"


@dataclass(frozen=True)
class Moved(Task):
    """A passage says that a museum has moved. Does the model say where to?

    Args:
        new_tokens: The longest answer.
    """

    name = "moved"
    summary = "a museum that has moved"
    contrasts = True
    methods = "none,cad"
    metrics: ClassVar = {"right": share()}

    new_tokens: int = 4

    def load(self, paths: Sequence[Path], *, limit: int | None, seed: int) -> Dataset:
        """Return the places; a task with `data = "places.txt"` would read them from the folder that --data names."""
        return Dataset("places", "", PLACES)

    def read(self, dataset: Dataset, models: MeasuringModels) -> Sequence[Item]:
        """Return one item a place."""
        return [self._item(place) for place in dataset.text.split()]

    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """Return whether the place is named."""
        return {"right": item.id in response}

    def _item(self, place: str) -> Item:
        asked = "The museum with the Mona Lisa, the Louvre, is in the city of"
        passage = f"Since last year the Louvre, with the Mona Lisa, has been in {place}. "
        return Item(place, Generation(passage + asked, self.new_tokens, contrast=asked))


def main() -> None:
    """Run the task on SmolLM2-135M-Instruct."""
    task, engine = Moved(), LocalEngine(load_language_model())
    methods = [Decoding("none"), Decoding("cad", {"strength": 0.5}), Decoding("cad", {"strength": 1.0})]
    print(run(task, engine, methods, task.load([], limit=None, seed=0)).as_markdown())


if __name__ == "__main__":
    main()
