"""Runs a task: asks an engine for what the journal has not, and makes the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .dataset import Dataset, limited
from .engines.base import Engine
from .journal import FORMAT, Journal, digest, recorded
from .measuring_models import MeasuringModels
from .requests import Progress, failed
from .results import Result, Row
from .task import Answer, Item, MethodAnswers, Task, recorded_options


def run(
    task: Task,
    engine: Engine,
    methods: Sequence[Any],
    dataset: Dataset,
    *,
    limit: int | None = None,
    seed: int = 0,
    journal: Journal | None = None,
    models: MeasuringModels | None = None,
    progress: Progress | None = None,
) -> Result:
    """Return what methods reach on a task, each beside the first.

    Args:
        task: The task, with its options.
        engine: What answers.
        methods: What the engine takes as methods, usually plain decoding first.
        dataset: The task's data.
        limit: How many groups of items, drawn by `seed`; all by default.
        seed: Of the draw and of the bootstrap.
        journal: Answers that are there already, and where new ones go.
        models: Models that measure.
        progress: Told how many answers of all methods are there.

    Raises:
        ValueError: Data of another kind, or no method that can do the task.
    """
    models = models or MeasuringModels(engine.load_tokenizer)
    served, notes = servable(task, engine, task.prepared(methods, engine, seed=seed))
    items = chosen(task.read(dataset, models), limit, seed)
    asking = _Asking(task, engine, journal or Journal())
    drawn, items = len(items), list(task.select(items, asking.plain))
    if not items:
        raise ValueError(
            f"{task.name} has to have an item that counts, but by what the model knows none of {drawn} does: raise "
            "--limit, or take another model"
        )
    answers = asking.answers(served, items, progress)
    found = [MethodAnswers(*engine.described(m), some) for m, some in zip(served, answers, strict=True)]
    rows = list(task.rows(found, seed=seed, models=models))
    notes = [*notes, *task.notes(found, rows)]
    for label, given in task.references(items).items():
        measured = task.measured(given, models)
        rows.append(Row(label, {}, task.figures(measured, None, seed=seed, models=models)))
    measuring = {name: models.settings[name] for name in task.measures}
    return Result(
        task=task.name,
        version=task.version,
        model=engine.name,
        dataset=dataset,
        n=len(items),
        settings={**recorded_options(task), "limit": limit, "seed": seed, **engine.settings, **measuring},
        rows=tuple(rows),
        samples=tuple(asking.line(m, answer) for m, some in zip(served, answers, strict=True) for answer in some),
        notes=tuple(notes),
        unchecked=sum(failed(answer.response) for some in answers for answer in some),
        details=task.details(found),
        row_title=task.row_title,
    )


def servable(task: Task, engine: Engine, methods: Sequence[Any]) -> tuple[list[Any], list[str]]:
    """Return the methods that can do the task on the engine, and a note on each that cannot.

    Raises:
        ValueError: None can.
    """
    reasons = [task.refuses(method) or engine.refuses(task, method) for method in methods]
    served = [method for method, reason in zip(methods, reasons, strict=True) if reason is None]
    notes = list(dict.fromkeys(reason for reason in reasons if reason is not None))
    if not served:
        raise ValueError(f"`method` has to name one that can do {task.name}, but {'; '.join(notes)}")
    return served, [f"left out: {reason}." for reason in notes]


def chosen(items: Sequence[Item], limit: int | None, seed: int) -> list[Item]:
    """Return all items, or those of `limit` groups drawn at random, in the order of the data.

    Raises:
        ValueError: `limit` is below 1, or two items have one id.
    """
    if len({item.id for item in items}) < len(items):
        raise ValueError("`items` have to have ids of their own, but two share one")
    groups = set(limited(list(dict.fromkeys(item.drawn_with for item in items)), limit, seed))
    return [item for item in items if item.drawn_with in groups]


@dataclass(frozen=True)
class _Asking:
    """A task's questions to an engine, through the journal."""

    task: Task
    engine: Engine
    journal: Journal

    def plain(self, items: Sequence[Item]) -> list[Answer]:
        """Return plain answers to items."""
        from counterfoil.decoding.by_name import PLAIN, Decoding  # noqa: PLC0415 (only tasks that select need it)

        return self.answers([Decoding(PLAIN)], items, None)[0]

    def answers(self, methods: Sequence[Any], items: Sequence[Item], progress: Progress | None) -> list[list[Answer]]:
        """Return `[method][item]`, from the journal if it has them."""
        keys = [[self._key(method, item) for item in items] for method in methods]
        total = sum(map(len, keys))

        for some, batch in self._missing(methods, items, keys):
            found = self.engine.answer(some, [item.request for item in batch])
            self.journal.add([
                self.line(method, Answer(item, response, self.task.score(item, response)))
                for method, of_one in zip(some, found, strict=True)
                for item, response in zip(batch, of_one, strict=True)
            ])  # fmt: skip
            if progress is not None:
                progress(sum(key in self.journal for of_one in keys for key in of_one), total)
        return [
            [self._scored(item, key) for item, key in zip(items, of_one, strict=True)]
            for of_one in keys
        ]  # fmt: skip

    def line(self, method: Any, answer: Answer) -> dict[str, Any]:  # noqa: ANN401
        """Return an answer as a line of the journal."""
        return {
            "format": FORMAT,
            "key": self._key(method, answer.item),
            "task": self.task.name,
            "version": self.task.version,
            "model": self.engine.name,
            "method": self.engine.described(method)[1],
            "item": answer.item.id,
            "request": answer.item.request.recorded(),
            "response": recorded(answer.response),
            "facts": dict(answer.item.facts),
            "score": dict(answer.score),
        }

    def _missing(
        self, methods: Sequence[Any], items: Sequence[Item], keys: Sequence[Sequence[str]]
    ) -> Iterator[tuple[list[Any], list[Item]]]:
        """Return what is not in the journal, in batches: by method unless methods share what they read.

        An item that asks what another one asks is left out: both find the same answer.
        """
        every = range(len(methods))
        together = [list(every)] if self.task.asks.together else [[i] for i in every]
        for some in together:
            wanted: dict[tuple[int, ...], dict[str, Item]] = {}
            for n, item in enumerate(items):
                lacking = tuple(i for i in some if keys[i][n] not in self.journal)
                if lacking:
                    wanted.setdefault(lacking, {}).setdefault(keys[lacking[0]][n], item)
            for lacking, new in wanted.items():
                # Requests of like length side by side: little padding.
                ordered = sorted(new.values(), key=lambda item: item.request.size)
                for batch in _parts(ordered, self.engine.at_once):
                    yield [methods[i] for i in lacking], batch

    def _key(self, method: Any, item: Item) -> str:  # noqa: ANN401
        name, _, settings = self.engine.described(method)
        return digest({"model": self.engine.name, **self.engine.settings}, name, settings, item.request)

    def _scored(self, item: Item, key: str) -> Answer:
        response = self.journal.response(key, item.request)
        return Answer(item, response, self.task.score(item, response))


def _parts(items: Sequence[Item], size: int) -> Iterable[list[Item]]:
    return (list(items[start : start + size]) for start in range(0, len(items), size))
