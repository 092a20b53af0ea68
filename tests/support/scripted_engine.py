"""An engine that writes what a test tells it to, word by word; a judge and an embedding model that compare words."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from zlib import crc32

import numpy as np
from counterfoil.attribution import Judgement
from counterfoil.attribution.retrieval import Passage
from counterfoil.decoding.methods import Method
from counterfoil.grounding import Generated, Limits, Prompt, Written
from counterfoil.grounding.contrasts import document_methods
from counterfoil.grounding.engine import finished, generated, trace_spans
from counterfoil.grounding.messages import in_reading_order


class ScriptedEngine:
    """Writes a text by its decoding: with a contrast the first, or what a method has of its own; plainly the second.

    Args:
        text: What it writes with a contrast; its words have the numbers of their letters as trace.
        plain: What it writes plainly.
        before_word: Called before each word with the number of those written.

    Attributes:
        texts: What it writes by some methods, by their names.
        decoded: The methods of its answers, in the order in which they were asked for.
    """

    name = "scripted"

    def __init__(
        self, text: str, plain: str = "It is plain.", before_word: Callable[[int], object] = lambda _: None
    ) -> None:
        self.text, self.plain, self.before_word = text, plain, before_word
        self.asked: list[str] = []
        self.texts: dict[str, str] = {}
        self.decoded: list[Method | None] = []

    def methods(self) -> tuple[type[Method], ...]:
        return tuple(document_methods().values())

    def prompt(self, question: str, passages: Sequence[Passage], max_new_tokens: int) -> Prompt[str]:
        self.asked.append(question)
        return Prompt(in_reading_order(passages), (), question, question)

    def generate(
        self, prompt: Prompt[str], *, method: Method | None, limits: Limits, on_text: Callable | None = None
    ) -> Generated:
        self.decoded.append(method)
        text = self.plain if method is None else self.texts.get(method.name, self.text)
        words = re.findall(r"\s*\S+", text)[: limits.max_new_tokens]
        ends = list(itertools.accumulate(map(len, words)))
        values = [] if method is None else [float(len(word.strip())) for word in words]
        text = ""
        for n, word in enumerate(words, start=1):
            self.before_word(n - 1)
            text += word
            if on_text is not None:
                trace = trace_spans(ends, values, 0, finished(text, limits)[1])
                on_text(Written(text, n, trace))
        return generated(text, len(words), limits, ended=True, ends=ends, values=values)


class WordsJudge:
    """Supports a claim as surely as its words stand in the premise: wholly, or not."""

    name, threshold = "words@1", 0.5

    def __init__(self) -> None:
        self.judged: list[tuple[str, str]] = []

    def judge(self, pairs):
        self.judged += pairs
        return [Judgement(float(_words(pair.hypothesis) <= _words(pair.premise))) for pair in pairs]


class WordsTokenizer:
    """Cuts a text at words; its ids are the words."""

    def __call__(self, text: str, **_: object) -> dict[str, list]:
        found = list(re.finditer(r"\w+|[^\w\s]", text))
        return {"input_ids": [m.group() for m in found], "offset_mapping": [m.span() for m in found]}

    def decode(self, ids: Sequence[str]) -> str:
        return " ".join(ids)


class WordsEmbedding:
    """An embedding of the words of a text, without a network: texts with words in common are near."""

    max_seq_length = 200
    dimensions = 512

    def __init__(self) -> None:
        self.embedded: list[str] = []
        self.tokenizer = WordsTokenizer()

    def encode_query(self, text: str, **_: object) -> np.ndarray:
        found = np.full(self.dimensions, 1e-3, dtype=np.float32)
        for word in _words(text):
            found[crc32(word.encode()) % self.dimensions] += 1.0
        return found / np.linalg.norm(found)

    def encode_document(self, texts: Sequence[str], **options: object) -> np.ndarray:
        self.embedded += texts
        return np.stack([self.encode_query(text) for text in texts])


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
