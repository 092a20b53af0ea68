"""POPE (Li et al., EMNLP 2023, arXiv 2305.10355): does a vision-language model see objects that are not there?

Without `--data` the questions are about drawn scenes that no training saw. With it they are those of a file of POPE
about photographs in `--images`. The answer is read off its first token: prompt the model so that it answers in one
word, or collect answers with a program of your own and give them as `--answers`; these are read by POPE's rule.

Each method answers in two ways: greedily, and drawn at temperature 1. Nothing is drawn: the figures of drawn answers
are the expected ones. `difference` is the accuracy minus that of the first method's greedy answers, `over control` that
of drawn answers minus those of `temperature`. Pictures are drawn whole by the bootstrap, since the questions about one
stand or fall together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..dataset import Dataset
from ..engines.base import Recorded, RecordedEngine
from ..measuring_models import MeasuringModels
from ..requests import Picture, Response, YesNo
from ..results import Figure, Row
from ..statistics import Interval, grouped_bootstrap, value_of
from ..task import Answer, Item, MethodAnswers, Task

if TYPE_CHECKING:
    from ..engines.vision import VisionEngine
    from ..statistics import Floats, Weighted

WAYS = ("greedy", "sampled")
ONE_WAY = {"temperature": ("sampled",), "transformed": ("greedy",)}
"""Sharpening and cut change no greedy answer; a transformed picture alone is only there to be compared with none."""

PICTURES = 50
"""Development pictures on which settings are chosen."""

GRIDS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "vcd": {"strength": (1.0, 0.5), "noise_step": (500, 300, 700)},
    "ritual": {"strength": (3.0, 1.0, 0.5)},
    "code": {"k": (0.3, 0.7, 1.0)},
    "m3id": {"gate": (1.0,), "offset": (10,), "decay": (0.02, 0.05, 0.1)},
}
"""The settings that are tried, the paper's first. But M3ID's gate is open: it is shut to nearly every yes and no."""


@dataclass(frozen=True)
class POPE(Task):
    """The task.

    Args:
        images: Folder with the pictures that the file of questions names.
        answers: Answers to the file of questions, JSON lines with `answer` or `text`: these are scored, and no model is
            asked.
        sight: Drawn scenes: whether they are unclear.
        choose: Drawn scenes: choose each method's settings on other pictures first.
    """

    name = "pope"
    summary = "yes or no about objects in pictures: accuracy, F1, share of yes"
    asks = YesNo
    methods = "none,vcd,ritual,code,m3id"
    limit = 200

    images: Path | None = None
    answers: Path | None = None
    sight: Literal["unclear", "clear"] = "unclear"
    choose: bool = False

    def load(self, paths: Sequence[Path], *, limit: int | None, seed: int) -> Dataset:
        """Return the questions of a file, or drawn scenes.

        Raises:
            ValueError: An option that does not go with the others.
        """
        if not paths:
            from ..scenes.exam import DrawnScenes  # noqa: PLC0415 (Pillow)

            if self.answers is not None or self.images is not None:
                raise ValueError("--data has to be the questions that --answers or --images belong to, but is missing")
            return DrawnScenes.drawn(self.sight, limit, seed)
        if self.choose:
            raise ValueError("--choose has to go with drawn scenes, of which there are others, but --data is given")
        if self.answers is None and self.images is None:
            raise ValueError("--images has to be the folder with the pictures that --data names, but is missing")
        return Dataset.read(paths)

    def read(self, dataset: Dataset, models: MeasuringModels) -> Sequence[Item]:
        """Return one item a question and split; the n-th different question draws with the seed of the run plus n."""
        splits, pictures = self._questions(dataset)
        places: dict[tuple[str, str], int] = {}
        items = []
        for split, questions in splits.items():
            for number, (name, text, there) in enumerate(questions):
                place = places.setdefault((name, text), len(places))
                request = Recorded(number) if self.answers else YesNo(pictures[name], text, place)
                facts = {"split": split, "picture": name, "question": text, "there": there}
                items.append(Item(f"{split} {number + 1}", request, facts, group=name))
        if self.answers is not None and len(items) != len(self._texts):
            raise ValueError(
                f"{self.answers.name} has to hold {len(items)} answers, one a question, but holds {len(self._texts)}"
            )
        return items

    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """Return the probability of yes answered greedily and drawn, and what rises with its certainty."""
        if isinstance(response, str):
            return {"greedy": float(says_yes(response)), "sampled": None, "score": None}
        return response

    def given(self) -> RecordedEngine | None:
        """Return the answers of the file, if there is one."""
        return None if self.answers is None else RecordedEngine(Dataset.read(self.answers), self._texts)

    def prepared(self, methods: Sequence[Any], engine: Any, *, seed: int) -> Sequence[Any]:  # noqa: ANN401
        """Return the methods, RITUAL's with its controls, and with settings chosen on other pictures if asked for."""
        if self.answers is not None:
            return methods
        from ..engines.vision import CONTROLS, method  # noqa: PLC0415 (torch)

        names = [one.name for one in methods]
        if "ritual" in names:
            place = names.index("ritual")
            parameters = methods[place].decoding.parameters
            controls = [method(name, _of_control(name, parameters)) for name in CONTROLS if name not in names]
            methods = [*methods[:place], *controls, *methods[place:]]
        return chosen(methods, engine, self.sight, seed) if self.choose else methods

    def rows(self, found: Sequence[MethodAnswers], *, seed: int, models: MeasuringModels) -> Sequence[Row]:
        """Return a row for each split, method and way to answer."""
        if self.answers is not None:
            polled = _polled(found[0].answers, "greedy")
            return [Row(one.label, one.settings, figures(polled, seed=seed)) for one in found]
        splits = dict.fromkeys(answer.item.facts["split"] for answer in found[0].answers)
        return [row for split in splits for row in _rows(split, found, seed)]

    def notes(self, found: Sequence[MethodAnswers], rows: Sequence[Row]) -> Iterable[str]:
        """Return how large a difference would have been found."""
        paired = [row.figures["difference"].interval for row in rows if "difference" in row.figures]
        least = [one for interval in paired if (one := detectable(interval))]
        if least:
            yield (
                f"A true difference of {min(least):.3f} (the most precise row) to {max(least):.3f} (the least precise) "
                "would have been found in four of five such experiments."
            )

    @cached_property
    def _texts(self) -> list[str]:
        return read_answers(Dataset.read(self.answers)) if self.answers else []

    def _questions(
        self, dataset: Dataset
    ) -> tuple[Mapping[str, Sequence[tuple[str, str, bool]]], Mapping[str, Picture]]:
        """Return (picture, question, whether yes is right) by split, and the pictures."""
        exam = getattr(dataset, "exam", None)
        if exam is not None:
            splits = {split: [(q.picture, q.text, q.there) for q in some] for split, some in exam.splits.items()}
            return splits, {name: Picture(name, scene.image) for name, scene in exam.scenes.items()}
        questions = read_questions(dataset)
        if self.images is None:
            return {dataset.name: questions}, {}
        files = {name: self.images / name for name, _, _ in questions}
        if missing := [name for name, path in files.items() if not path.is_file()]:
            raise ValueError(f"--images has to hold the {len(files)} pictures of --data, but {missing[0]} is not there")
        return {Path(dataset.name).stem: questions}, {name: Picture(name, path) for name, path in files.items()}


TASK = POPE()


def read_questions(dataset: Dataset) -> list[tuple[str, str, bool]]:
    """Return (picture, question, whether yes is right) of POPE's files: JSON lines with `image`, `text` and `label`."""

    def question(_: int, row: Mapping[str, Any]) -> tuple[str, str, bool]:
        return str(row["image"]), row["text"], {"yes": True, "no": False}[row["label"]]

    return dataset.records("a question of POPE (`image`, `text`, `label` yes or no)", question)


def read_answers(dataset: Dataset) -> list[str]:
    """Return the answers of JSON lines with `answer`, or with `text` as some programs write."""
    kind = "an answer (`answer`, or `text`)"
    return dataset.records(kind, lambda _, row: str(row["answer"] if "answer" in row else row["text"]))


def says_yes(answer: str) -> bool:
    """Return whether an answer is a yes by POPE's rule: no `no`, `No` or `not` in its first sentence."""
    return not {"no", "No", "not"} & set(answer.split(".", maxsplit=1)[0].replace(",", "").split(" "))


@dataclass(frozen=True)
class Polled:
    """What a method answered to questions.

    Args:
        pictures: The picture of each question.
        there: Whether yes is right.
        yes: The probability that yes is answered, 1 or 0 for a method that does not draw at random.
        score: What rises with the certainty of yes, for the area under the ROC curve; `None` if only answers are known.
    """

    pictures: Sequence[str]
    there: Sequence[bool]
    yes: Sequence[float]
    score: Sequence[float] | None = None

    @property
    def statistics(self) -> dict[str, Weighted]:
        """Return the figures as functions of weights, 0 if there is nothing to divide by."""
        import numpy as np  # noqa: PLC0415 (tasks are listed without it)
        from counterfoil.attribution.statistics import ratio_of  # noqa: PLC0415

        there, yes = np.asarray(self.there, np.float64), np.asarray(self.yes, np.float64)
        right, ones = there * yes, np.ones(len(there))
        found = {
            "accuracy": ratio_of(right + (1 - there) * (1 - yes), ones),
            "precision": ratio_of(right, yes),
            "recall": ratio_of(right, there),
            "F1": ratio_of(2 * right, yes + there),
            "yes": ratio_of(yes, ones),
        }
        return found if self.score is None else found | {"AUC": _auc(there, np.asarray(self.score, np.float64))}


def figures(polled: Polled, *, seed: int = 0) -> dict[str, Figure]:
    """Return POPE's figures with their 95 % intervals, pictures drawn whole.

    Args:
        polled: The answers.
        seed: Of the bootstrap.
    """
    found = polled.statistics
    intervals = grouped_bootstrap(found, polled.pictures, seed=seed)
    return {name: Figure(value_of(one, len(polled.there)), intervals[name]) for name, one in found.items()}


def difference(method: Polled, other: Polled, name: str = "accuracy", *, seed: int = 0) -> Figure:
    """Return a figure of a method minus that of another on the same questions, paired by picture.

    Raises:
        ValueError: The questions are not the same.
    """
    if list(method.pictures) != list(other.pictures) or list(method.there) != list(other.there):
        raise ValueError("both methods have to have answered the same questions in the same order, but have not")
    one, two = method.statistics[name], other.statistics[name]

    def less(weights: Floats) -> Floats:
        return one(weights) - two(weights)

    found = grouped_bootstrap({name: less}, method.pictures, seed=seed)
    return Figure(value_of(less, len(method.there)), found[name])


def detectable(found: Interval | None) -> float | None:
    """Return the smallest true difference that an experiment as precise as this one finds with a power of 80 %.

    Half a 95 % interval is 1.96 standard errors; a test on that level with a power of 80 % needs 2.80 of them.
    """
    return None if found is None else (1.96 + 0.84) / 1.96 * (found.high - found.low) / 2


def chosen(methods: Sequence[Any], engine: VisionEngine, sight: Any, seed: int) -> list[Any]:  # noqa: ANN401
    """Return each method with the setting that answers best on development pictures, over the splits of POPE.

    The control of RITUAL is as sharp as RITUAL turns out.

    Args:
        methods: Methods without settings; those without a grid are returned as they are.
        engine: What answers.
        sight: The kind of picture.
        seed: Of the pictures.

    Raises:
        ValueError: A method has settings already.
    """
    from ..engines.vision import method  # noqa: PLC0415 (torch)
    from ..scenes.exam import draw_exam  # noqa: PLC0415 (Pillow)

    if set_already := [one.name for one in methods if one.decoding.parameters.keys() - {"transform"}]:
        raise ValueError(f"--choose has to be left out if settings are given, but {', '.join(set_already)} has some")
    exam = draw_exam("development", sight, PICTURES, seed=seed)
    asked = [YesNo(Picture(p, exam.scenes[p].image), text, n) for n, (p, text) in enumerate(exam.questions)]
    best = {one.name: one for one in methods}
    for name in best:
        grid = GRIDS.get(name, {})
        tried = [method(name, dict(zip(grid, values, strict=True))) for values in product(*grid.values())]
        if len(tried) > 1:
            right = []
            for answers in engine.answer(tried, asked):
                said = dict(zip(exam.questions, answers, strict=True))
                every = [q for some in exam.splits.values() for q in some]
                right.append(sum((said[q.picture, q.text]["greedy"] == 1) == q.there for q in every))
            best[name] = tried[right.index(max(right))]
    if {"ritual", "temperature"} <= best.keys():
        best["temperature"] = method("temperature", best["ritual"].decoding.parameters)
    return [best[one.name] for one in methods]


def _of_control(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a control of RITUAL shares with it: the sharpness and the cut, or the transformation."""
    return {key: value for key, value in parameters.items() if key != "transform" or name == "transformed"}


def _rows(split: str, found: Sequence[MethodAnswers], seed: int) -> list[Row]:
    of_split = [[a for a in one.answers if a.item.facts["split"] == split] for one in found]
    polled = [{way: _polled(some, way) for way in WAYS} for some in of_split]
    control = next(
        (ways["sampled"] for one, ways in zip(found, polled, strict=True) if one.method == "temperature"), None
    )
    rows = []
    for number, (one, ways) in enumerate(zip(found, polled, strict=True)):
        for way in ONE_WAY.get(one.method, WAYS):
            row: dict[str, Figure] = figures(ways[way], seed=seed)
            if (number, way) != (0, "greedy"):
                row["difference"] = difference(ways[way], polled[0]["greedy"], seed=seed)
            if way == "sampled" and control is not None and one.method != "temperature":
                row["over control"] = difference(ways[way], control, seed=seed)
            settings = {"split": split, "method": one.method, "way": way, "n": len(of_split[number]), **one.settings}
            rows.append(Row(f"{split}: {one.label}, {way}", settings, row))
    return rows


def _polled(answers: Sequence[Answer], way: str) -> Polled:
    facts = [answer.item.facts for answer in answers]
    scores = [answer.score["score"] for answer in answers]
    return Polled(
        [fact["picture"] for fact in facts],
        [fact["there"] for fact in facts],
        [answer.score[way] for answer in answers],
        None if None in scores else scores,
    )


def _auc(there: Floats, score: Floats) -> Weighted:
    """Return how often a question to be answered yes has the higher score than one that is not; equals count half."""
    import numpy as np  # noqa: PLC0415
    from counterfoil.attribution.statistics import proportions  # noqa: PLC0415

    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))

    def weighted(weights: Floats) -> Floats:
        sorted_weights, positive = weights[:, order], there[order]
        pos, neg = (np.add.reduceat(sorted_weights * part, starts, axis=1) for part in (positive, 1 - positive))
        below = np.cumsum(neg, axis=1) - neg
        won = (pos * (below + neg / 2)).sum(axis=1)
        return proportions(won, pos.sum(axis=1) * neg.sum(axis=1))

    return weighted
