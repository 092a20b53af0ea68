"""ALCE's citation recall and precision of a file of answers, number for number.

The file is what ALCE's `run.py` writes (`output`, `docs`), or JSON lines with RAGAS columns. Human labels of ALCE's
answers are not published in a form that we have seen, so this gives the figures and no agreement with people.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from counterfoil.attribution import Scoring
from counterfoil.attribution.entailment import EntailmentModel
from counterfoil.attribution.io.answers import read
from counterfoil.attribution.io.files import Scored, examined
from counterfoil.attribution.scoring.corpus import CorpusReport, summarise
from counterfoil.attribution.scoring.score import score_each

from .dataset import Source, limited
from .engines.judge import recorded, watched
from .judged import Judged
from .requests import Progress
from .results import Figure, markdown

NAME = "alce"
VERSION = 1
FIGURES = ("recall", "precision", "mean_f1", "f1_of_means")


def evaluate_file(
    file: Path, model: EntailmentModel, *, limit: int | None = None, seed: int = 0, progress: Progress | None = None
) -> Judged:
    """Scores the answers of a file.

    Args:
        file: A result file of ALCE, or JSON lines.
        model: Any entailment model; ALCE's own is `true`.
        limit: How many answers, drawn by `seed`; all by default.
        seed: Of the draw and of the bootstrap.
        progress: Told how many pairs are judged.

    Raises:
        ValueError: There is no answer in the file that can be read.
    """
    scoring = Scoring(mode="alce")
    records = limited([examined(record, scoring) for record in read(file)], limit, seed)
    readable = [record for record in records if record.answer is not None]
    if not readable:
        raise ValueError(f"{file.name} has to hold an answer with its documents, but holds none")
    answers = [record.answer for record in readable if record.answer is not None]
    reports = list(score_each(answers, entailment=watched(model, progress), scoring=scoring))
    corpus = summarise(reports)
    intervals = corpus.intervals(seed=seed)
    figures = {name: Figure(getattr(corpus, name), intervals[name]) for name in FIGURES}
    failed = sum(bool(Scored(r, report).failures) for r, report in zip(readable, reports, strict=True))
    unchecked = failed + len(records) - len(readable)
    title = f"{NAME} (version {VERSION}), {len(records)} answers of {file.name}, {model.name}"
    return Judged(
        text=f"{title}\n\n{markdown(_table(figures, corpus, unchecked))}\n\n[low, high]: 95% interval over answers",
        recorded=recorded(
            task=NAME, task_version=VERSION, model=model, source=Source.read(file), n=len(records),
            settings={"limit": limit, "seed": seed, "mode": scoring.mode},
            found={"figures": {name: _recorded(figure) for name, figure in figures.items()}, "unchecked": unchecked},
        ),
        samples=[
            {"record": record.number, "recall": recall, "precision": precision}
            for record, recall, precision in zip(readable, corpus.recalls, corpus.precisions, strict=True)
        ],
        unchecked=unchecked,
    )  # fmt: skip


def _table(figures: dict[str, Figure], corpus: CorpusReport, unchecked: int) -> Sequence[Sequence[str]]:
    head = ["answers", *(name.replace("_", " ") for name in figures), "not checked"]
    return [head, [str(corpus.n_counted), *map(str, figures.values()), str(unchecked)]]


def _recorded(figure: Figure) -> dict[str, Any]:
    found = figure.interval
    return {"value": figure.value, "interval": found and [found.low, found.high]}
