"""The task of POPE: questions about objects to a vision-language model, or answers that are there already."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterfoil.models import VisionModel
from PIL import Image

from ..dataset import Source
from ..engines.vision import Asker, Votes, labelled_as
from ..results import Figure, MethodResult, TaskResult
from .methods import Method
from .pope import Polled, detectable, difference, figures, says_yes
from .probes import Probe

NAME = "pope"
VERSION = 1
WAYS = ("greedy", "sampled")
"""A greedy answer, or one drawn at temperature 1, whose expected figures are given: nothing is drawn."""

ONE_WAY = {"temperature": ("sampled",), "transformed": ("greedy",)}
"""Sharpening and cut change no greedy answer; a transformed picture alone is only there to be compared with none."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Poll:
    """What is asked.

    Args:
        source: Where the questions are from.
        splits: Questions by the name of their split.
        images: The pictures by name, or their files.
    """

    source: Source
    splits: Mapping[str, Sequence[Probe]]
    images: Mapping[str, Image.Image | Path]

    @property
    def questions(self) -> list[tuple[str, str]]:
        """All that is asked, each once: (picture, question)."""
        return list(dict.fromkeys((probe.picture, probe.text) for split in self.splits.values() for probe in split))


def evaluate(
    poll: Poll,
    vision: VisionModel,
    methods: Sequence[Method],
    *,
    seed: int = 0,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> TaskResult:
    """POPE's figures of every method in every split, answered greedily and drawn at random.

    `difference` is the accuracy minus that of the first method's greedy answers, `over control` that of drawn answers
    minus those of `temperature`, both paired by picture.

    Args:
        poll: What is asked.
        vision: The model.
        methods: The methods, usually plain decoding first.
        seed: Of the methods' random choices and of the bootstrap.
        batch_size: Questions that are read at once.
        progress: Told how far it is.
    """
    questions = poll.questions
    asker = Asker(vision, seed=seed, batch_size=batch_size)
    found = asker.votes([(poll.images[picture], text) for picture, text in questions], methods, progress)
    rows = [
        row
        for split, probes in poll.splits.items()
        for row in _rows(split, probes, methods, [_answered(questions, votes, probes) for votes in found], seed)
    ]
    samples = [
        {"picture": picture, "question": text, "found": [_sample(w, v, i) for w, v in zip(methods, found, strict=True)]}
        for i, (picture, text) in enumerate(questions)
    ]
    return TaskResult(
        task=NAME,
        version=VERSION,
        model=vision.name,
        source=poll.source,
        n=len(questions),
        settings={"seed": seed, "batch_size": batch_size, "each": {name: len(p) for name, p in poll.splits.items()}},
        methods=tuple(rows),
        samples=tuple(samples),
        notes=tuple(_notes(rows)),
    )


def evaluate_answers(questions: Source, answers: Source, *, name: str = "answers", seed: int = 0) -> TaskResult:
    """POPE's figures of answers that are there already.

    Args:
        questions: POPE's file of questions.
        answers: JSON lines with `answer`, as many and in the same order; or with `text`, as some programs write.
        name: What answered.
        seed: Of the bootstrap.

    Raises:
        ValueError: A line is no answer, or there are more or fewer than questions.
    """
    from .probes import read_probes  # noqa: PLC0415

    probes, texts = read_probes(questions), _read_answers(answers)
    if len(probes) != len(texts):
        raise ValueError(f"{answers.name} has to hold {len(probes)} answers, one a question, but holds {len(texts)}")
    said = [says_yes(text) for text in texts]
    polled = Polled([p.picture for p in probes], [p.there for p in probes], [float(yes) for yes in said])
    samples = [
        {"picture": p.picture, "question": p.text, "there": p.there, "answer": text, "yes": yes}
        for p, text, yes in zip(probes, texts, said, strict=True)
    ]
    row = MethodResult(name, {}, figures(polled, seed=seed))
    return TaskResult(NAME, VERSION, name, questions, len(probes), {"seed": seed}, (row,), tuple(samples))


def _answered(questions: Sequence[tuple[str, str]], votes: Votes, probes: Sequence[Probe]) -> dict[str, Polled]:
    place = {question: number for number, question in enumerate(questions)}
    order = [place[probe.picture, probe.text] for probe in probes]
    pictures, there = [probe.picture for probe in probes], [probe.there for probe in probes]
    score = [votes.score[i] for i in order]
    return {way: Polled(pictures, there, [getattr(votes, way)[i] for i in order], score) for way in WAYS}


def _rows(
    split: str, probes: Sequence[Probe], methods: Sequence[Method], polled: Sequence[Mapping[str, Polled]], seed: int
) -> list[MethodResult]:
    control = next(
        (found["sampled"] for m, found in zip(methods, polled, strict=True) if m.name == "temperature"), None
    )
    rows = []
    for number, (method, found) in enumerate(zip(methods, polled, strict=True)):
        for way in ONE_WAY.get(method.name, WAYS):
            row: dict[str, Figure] = figures(found[way], seed=seed)
            if (number, way) != (0, "greedy"):
                row["difference"] = difference(found[way], polled[0]["greedy"], seed=seed)
            if way == "sampled" and control is not None and method.name != "temperature":
                row["over control"] = difference(found[way], control, seed=seed)
            settings = {"split": split, "method": method.name, "way": way, "n": len(probes), **method.decoding.settings}
            rows.append(MethodResult(f"{split}: {labelled_as(method)}, {way}", settings, row))
    return rows


def _notes(rows: Sequence[MethodResult]) -> list[str]:
    paired = [row.figures["difference"] for row in rows if "difference" in row.figures]
    found = [least for figure in paired if (least := detectable(figure.interval))]
    if not found:
        return []
    return [
        f"A true difference of {min(found):.3f} (the surest row) to {max(found):.3f} (the least sure) would have been "
        "found in four of five such experiments."
    ]


def _sample(method: Method, votes: Votes, number: int) -> dict[str, Any]:
    return {"method": labelled_as(method), **{name: getattr(votes, name)[number] for name in (*WAYS, "score")}}


def _read_answers(source: Source) -> list[str]:
    texts = []
    for number, line in source.lines():
        try:
            row = json.loads(line)
            texts.append(str(row["answer"] if "answer" in row else row["text"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"line {number} of {source.name} has to be an answer (`answer`, or `text`), but is not: {error}"
            ) from error
    return texts
