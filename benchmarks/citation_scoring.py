"""Pairs per second of citation scoring: rounds, batches and a cache against one pair at a time, as ALCE's scorer asks.

    python benchmarks/citation_scoring.py --answers 1000

Writes a file of answers with five passages each, scores it in three ways with the same model in the same process, and
checks that the scores are equal.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from counterfoil.attribution import Answer, CitationReport, EntailmentModel, Pair, Scoring, load_entailment
from counterfoil.attribution.entailment.cached import CachedEntailment, JudgementCache
from counterfoil.attribution.io.answers import read
from counterfoil.attribution.io.files import score_files
from counterfoil.attribution.scoring.corpus import CorpusReport, summarise

PLACES = ("Venn", "Holt", "Arla", "Quay", "Morrow", "Stane", "Lyth", "Orrin")
THINGS = ("harbour", "bridge", "lighthouse", "school", "mill", "ferry", "museum", "tower")
PEOPLE = ("Ada Lorne", "Ivo Brandt", "Mina Sorley", "Peder Vass", "Runa Keld")


class OneByOne:
    """Asks the model every question of every statement by a call of its own, in order, remembering nothing."""

    def __init__(self, model: EntailmentModel) -> None:
        self.model, self.asked = model, 0

    def score(self, answer: Answer, scoring: Scoring) -> CitationReport:
        """Return the report of one answer."""
        steps = scoring.steps(answer, self.model.name, self.model.threshold)
        pairs = next(steps)
        while True:
            self.asked += len(pairs)
            try:
                pairs = steps.send([self.model.judge([pair])[0] for pair in pairs])
            except StopIteration as stop:
                return stop.value


def facts(draw: random.Random) -> list[str]:
    """Return sentences about one thing, some of which an answer will repeat."""
    thing, place, person = draw.choice(THINGS), draw.choice(PLACES), draw.choice(PEOPLE)
    year = draw.randrange(1700, 2000)
    return [
        f"The {thing} of {place} was opened in {year}.",
        f"It was designed by {person}, who also built the {draw.choice(THINGS)} of {draw.choice(PLACES)}.",
        f"About {draw.randrange(10, 900)} people visit the {thing} on a summer day.",
        f"The council of {place} repaired the {thing} in {year + draw.randrange(5, 40)}.",
        f"Its walls are {draw.choice(('red', 'white', 'grey'))} and {draw.randrange(3, 60)} metres high.",
    ]


def records(n: int, seed: int = 0) -> Iterable[dict[str, object]]:
    """Yield answers with five passages each; statements cite up to three of them, rightly or not."""
    draw = random.Random(seed)
    for _ in range(n):
        passages = [facts(draw) for _ in range(5)]
        sentences = []
        for _ in range(draw.randrange(3, 7)):
            source = draw.randrange(5)
            cited = draw.sample(range(5), draw.choice((0, 1, 1, 2, 2, 3)))
            if cited and draw.random() < 0.7 and source not in cited:
                cited[0] = source
            markers = "".join(f"[{number + 1}]" for number in cited)
            sentences.append(f"{draw.choice(passages[source])[:-1]} {markers}.")
        contexts = [" ".join(passage) for passage in passages]
        yield {"user_input": "What is known?", "response": " ".join(sentences), "retrieved_contexts": contexts}


def timed(score: Callable[[], CorpusReport]) -> tuple[CorpusReport, float, float]:
    """Return the corpus, and the seconds it took: by the clock, and of processor time."""
    began, began_cpu = time.perf_counter(), time.process_time()
    corpus = score()
    return corpus, time.perf_counter() - began, time.process_time() - began_cpu


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--answers", type=int, default=1000)
    parser.add_argument("--entailment", default="local")
    parser.add_argument("--mode", default="alce", choices=("alce", "strict"))
    options = parser.parse_args()
    model = load_entailment(options.entailment)
    model.judge([Pair("Warm.", "Warm.")])
    scoring = Scoring(mode=options.mode)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "answers.jsonl")
        path.write_text("".join(json.dumps(record) + "\n" for record in records(options.answers)), encoding="utf-8")
        single = OneByOne(model)
        ways = {
            "one at a time": lambda: (single.score(r.answer, scoring) for r in read(path) if r.answer),
            "rounds": lambda: (s.report for s in score_files([path], entailment=engines[0], scoring=scoring)),
            "from the cache": lambda: (s.report for s in score_files([path], entailment=engines[1], scoring=scoring)),
        }
        engines = [CachedEntailment(model, cache=JudgementCache(Path(folder, "cache"), model.name)) for _ in range(2)]
        measured = {name: timed(lambda: summarise(way())) for name, way in ways.items()}  # noqa: B023 (called at once)
    slow, slow_seconds, slow_cpu = measured["one at a time"]
    print(f"{options.answers} answers, mode {options.mode}, {model.name}")
    print(f"{single.asked} pairs asked one at a time, {engines[0].progress.judged} different ones judged in rounds")
    for name, (corpus, seconds, cpu) in measured.items():
        same = all(
            abs(getattr(corpus, figure) - getattr(slow, figure)) < 1e-6 for figure in ("recall", "precision", "mean_f1")
        )
        print(
            f"{name:15}{seconds:9.2f} s {single.asked / seconds:9.1f} pairs/s {slow_seconds / seconds:7.1f} x, "
            f"{cpu:8.2f} s of processor {slow_cpu / cpu:7.1f} x, equal scores: {same}"
        )


if __name__ == "__main__":
    main()
