"""What scoring costs apart from judging: pairs a statement, planning, cache, intervals. The figures of docs/scale.md.

    python benchmarks/scale.py --answers 1000

Times are processor time of one process; no model is loaded, so the judge costs nothing.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from citation_scoring import records
from counterfoil.attribution import Judgement, Pair, Scoring
from counterfoil.attribution.entailment.cached import CachedEntailment, JudgementCache
from counterfoil.attribution.entailment.llm import conversation
from counterfoil.attribution.io.files import score_files
from counterfoil.attribution.scoring.corpus import CorpusReport

RESAMPLES = 100


class Always:
    """Gives every pair the same probability."""

    threshold = 0.5

    def __init__(self, supported: float) -> None:
        self.name, self.supported = f"always {supported}", supported

    def judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        return [Judgement(self.supported) for _ in pairs]


def seconds(do: Callable[[], object]) -> float:
    """Return the seconds of processor time."""
    began = time.process_time()
    do()
    return time.process_time() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--answers", type=int, default=1000)
    n = parser.parse_args().answers
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "answers.jsonl")
        path.write_text("".join(json.dumps(record) + "\n" for record in records(n)), encoding="utf-8")

        def statements(engine: CachedEntailment, mode: str) -> int:
            scored = score_files([path], entailment=engine, scoring=Scoring(mode))
            return sum(len(each.report.statements) for each in scored if each.report)

        for mode in ("strict", "alce"):
            for supported in (0.0, 1.0):
                engine = CachedEntailment(Always(supported))
                found = statements(engine, mode)
                print(f"{mode}, support {supported:g}: {found} statements, {engine.progress.asked} pairs")
        cache = JudgementCache(Path(folder, "cache"), "a model")
        filled, again = CachedEntailment(Always(1.0), cache=cache), CachedEntailment(Always(1.0), cache=cache)
        statements(filled, "strict")
        spent = seconds(lambda: statements(again, "strict"))
        rate = again.progress.remembered / spent
        print(f"planning and look-ups: {spent / n * 1e3:.2f} ms an answer, {rate:.0f} pairs/s")
    with tempfile.TemporaryDirectory() as folder:
        draw = random.Random(0)
        judged = [
            (Pair(f"premise {i}", "hypothesis"), Judgement(draw.random(), contradicted=draw.random()))
            for i in range(20 * n)
        ]
        cache = JudgementCache(folder, "a model")
        spent = seconds(lambda: [cache.put(judged[i : i + 512]) for i in range(0, len(judged), 512)])
        cache.close()
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
        print(f"cache: {spent / len(judged) * 1e6:.0f} µs to write a pair, {size / len(judged):.0f} bytes")
    values = tuple(draw.random() for _ in range(20 * n))
    corpus = CorpusReport("strict", "a model", 0.5, values, values, {})
    corpus.intervals(resamples=9)  # imports numpy
    spent = seconds(lambda: corpus.intervals(resamples=RESAMPLES))
    print(f"intervals: {spent / (len(values) * RESAMPLES) * 1e6:.3f} µs a draw of four figures")
    instruction = conversation(Pair("", ""))[0]["content"]
    print(f"instruction of the llm judge: {len(instruction.split())} words, {len(instruction)} characters")


if __name__ == "__main__":
    main()
