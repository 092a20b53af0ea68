"""Running a task on the tiny model, with tiny models that measure."""

from __future__ import annotations

import numpy as np
from counterfoil.eval.engines.local import LocalEngine
from counterfoil.eval.running import run
from counterfoil.eval.source import Source
from counterfoil.eval.tools import Tools
from tiny_language import tiny_language


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
