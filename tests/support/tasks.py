"""Running a task on the tiny model, with tiny models that measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from counterfoil.decoding.by_name import Decoding
from counterfoil.eval.dataset import Dataset
from counterfoil.eval.engines.local import LocalEngine
from counterfoil.eval.measuring_models import MeasuringModels
from counterfoil.eval.requests import Generation
from counterfoil.eval.results import Figure
from counterfoil.eval.runner import run
from counterfoil.eval.task import Item, Task

from tests.support.tiny_language import tiny_language

LINES = Dataset("lines.txt", "", "\n".join(f"w{n} w{n + 1} w{n + 2}" for n in range(5, 35)))
PAIR = [Decoding("none"), Decoding("cad", {"strength": 2.0})]


@dataclass(frozen=True)
class Continue(Task):
    """Continues a line; its score is how many words came.

    Args:
        new_tokens: The longest continuation.
    """

    name = "continue"
    version = 3
    summary = "for the tests"
    data = "lines.txt"
    contrasts = True
    methods = "none,cad"

    new_tokens: int = 5

    def read(self, dataset, models):
        lines = dataset.text.splitlines()
        return [
            Item(str(n), Generation(line, self.new_tokens, contrast=line.split()[-1]), group=f"g{n // 2}")
            for n, line in enumerate(lines)
        ]

    def score(self, item, response):
        return {"words": len(response.split())}

    def figures(self, answers, first, *, seed, models):
        words = [answer.score["words"] for answer in answers]
        compared = 0 if first is None else sum(a.response != b.response for a, b in zip(answers, first, strict=True))
        return {"words": Figure(sum(words) / len(words)), "other": Figure(compared)}


class Counting(LocalEngine):
    """The real engine, which counts what it is asked and stops after so many batches."""

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__(tiny_language(), batch_size=4)
        self.asked: list[tuple[str, str]] = []
        self.stop_after = stop_after
        self.batches = 0

    def answer(self, methods: Sequence[Decoding], requests):
        if self.batches == self.stop_after:
            raise KeyboardInterrupt
        self.batches += 1
        self.asked += [(decoding.method, request.prompt) for decoding in methods for request in requests]
        return super().answer(methods, requests)


class TinyEmbedding:
    """A bag of words, hashed into eight dimensions."""

    def encode(self, texts, normalize_embeddings, **_):
        assert normalize_embeddings
        rows = np.array([self.vector(text) for text in texts])
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    @staticmethod
    def vector(text):
        vector = np.zeros(8)
        for word in text.split():
            vector[sum(word.encode()) % 8] += 1
        return vector


def tiny_models() -> MeasuringModels:
    """Measuring models that are tiny."""
    models = MeasuringModels(lambda: tiny_language().tokenizer)
    models.__dict__.update(language=tiny_language("llama", seed=7), embedding=TinyEmbedding())
    return models


def evaluated(task, dataset, methods, **options):
    """Return what `methods` reach on `task` with the tiny model."""
    dataset = dataset if isinstance(dataset, Dataset) else Dataset.read(dataset)
    engine = options.pop("engine", None) or LocalEngine(tiny_language(), batch_size=options.pop("batch_size", 8))
    return run(task, engine, methods, dataset, models=tiny_models(), **options)
