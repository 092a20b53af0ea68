"""Running a task on the tiny model, with tiny models that measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from counterfoil.decoding.by_name import Decoding
from counterfoil.eval.dataset import Source
from counterfoil.eval.engines.local import LocalEngine
from counterfoil.eval.measuring_models import Tools
from counterfoil.eval.requests import Generation
from counterfoil.eval.results import Figure
from counterfoil.eval.runner import run
from counterfoil.eval.task import Item, Task

from tests.support.tiny_language import tiny_language

LINES = Source("lines.txt", "", "\n".join(f"w{n} w{n + 1} w{n + 2}" for n in range(5, 35)))
PAIR = [Decoding("none"), Decoding("cad", {"strength": 2.0})]


@dataclass(frozen=True)
class Continue(Task):
    """Continues a line; its score is how many words came."""

    name = "continue"
    version = 3
    summary = "for the tests"
    data = "lines.txt"
    kind = "generation"
    contrasts = True
    methods = "none,cad"

    new_tokens: int = 5

    def read(self, source, tools):
        lines = source.text.splitlines()
        return [
            Item(str(n), Generation(line, self.new_tokens, contrast=line.split()[-1]), group=f"g{n // 2}")
            for n, line in enumerate(lines)
        ]

    def score(self, item, response):
        return {"words": len(response.split())}

    def figures(self, answers, first, *, seed, tools):
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

    def answer(self, decodings: Sequence[Decoding], requests):
        if self.batches == self.stop_after:
            raise KeyboardInterrupt
        self.batches += 1
        self.asked += [(decoding.method, request.prompt) for decoding in decodings for request in requests]
        return super().answer(decodings, requests)


class TinyEmbedding:
    """A bag of words, hashed into eight dimensions."""

    def encode(self, texts, normalize_embeddings):
        assert normalize_embeddings
        rows = np.array([self.vector(text) for text in texts])
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)

    @staticmethod
    def vector(text):
        vector = np.zeros(8)
        for word in text.split():
            vector[sum(word.encode()) % 8] += 1
        return vector


def tiny_tools() -> Tools:
    """Tools whose models are tiny."""
    tools = Tools(lambda: tiny_language().tokenizer)
    tools.__dict__.update(language=tiny_language("llama", seed=7), embedding=TinyEmbedding())
    return tools


def evaluated(task, source, decodings, **options):
    """What `decodings` reach on `task` with the tiny model."""
    source = source if isinstance(source, Source) else Source.read(source)
    engine = options.pop("engine", None) or LocalEngine(tiny_language(), batch_size=options.pop("batch_size", 8))
    return run(task, engine, decodings, source, tools=tiny_tools(), **options)
