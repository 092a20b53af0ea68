"""Runs a task: asks an engine for what the journal has not, and makes the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from counterfoil.decoding.by_name import Decoding

from .dataset import Source, limited
from .engines.base import Engine
from .journal import Journal, digest, recorded
from .measuring_models import Tools
from .requests import Progress
from .results import MethodResult, TaskResult
from .task import Answer, Item, Task


def run(
    task: Task,
    engine: Engine,
    decodings: Sequence[Decoding],
    source: Source,
    *,
    limit: int | None = None,
    seed: int = 0,
    journal: Journal | None = None,
    tools: Tools | None = None,
    progress: Progress | None = None,
) -> TaskResult:
    """What the methods reach on a task, each beside the first.

    Args:
        task: The task, with its options.
        engine: What answers.
        decodings: The methods, usually plain decoding first.
        source: The task's data.
        limit: How many groups of items, drawn by `seed`; all by default.
        seed: Of the draw and of the bootstrap.
        journal: Answers that are there already, and where new ones go.
        tools: Models that measure.
        progress: Told how many answers of all methods are there.

    Raises:
        ValueError: Data of another kind, or a method that cannot do the task.
    """
    tools = tools or Tools(engine.load_tokenizer)
    served, notes = servable(task, engine, decodings)
    items = chosen(task.read(source, tools), limit, seed)
    asking = _Asking(task, engine, journal or Journal())
    items = list(task.select(items, lambda some: asking.answers([Decoding("none")], some, None)[0]))
    if not items:
        raise ValueError(f"{task.name} has to have an item that counts, but the model leaves none")
    answers = asking.answers(served, items, progress)
    labels = [decoding.label for decoding in served]
    rows = []
    for i, (decoding, label) in enumerate(zip(served, labels, strict=True)):
        figures = task.figures(answers[i], answers[0] if i else None, seed=seed, tools=tools)
        rows.append(MethodResult(label, decoding.settings, figures))
    for label, given in task.beside(items).items():
        rows.append(MethodResult(label, {}, task.figures(given, None, seed=seed, tools=tools)))
    by_label = dict(zip(labels, answers, strict=True))
    measuring = tools.settings if task.measures else {}
    return TaskResult(
        task=task.name,
        version=task.version,
        model=engine.name,
        source=source,
        n=len(items),
        settings={**asdict(task), "limit": limit, "seed": seed, **engine.settings, **measuring},
        methods=tuple(rows),
        samples=tuple(asking.line(d, answer) for d, of_one in zip(served, answers, strict=True) for answer in of_one),
        notes=(*notes, *task.notes(by_label)),
    )


def servable(task: Task, engine: Engine, decodings: Sequence[Decoding]) -> tuple[list[Decoding], list[str]]:
    """The methods that can do the task on the engine, and a note on each that cannot.

    Raises:
        ValueError: None can.
    """
    reasons = [task.refuses(decoding) or engine.refuses(task.kind, decoding) for decoding in decodings]
    served = [decoding for decoding, reason in zip(decodings, reasons, strict=True) if reason is None]
    notes = list(dict.fromkeys(reason for reason in reasons if reason is not None))
    if not served:
        raise ValueError(f"`method` has to name one that can do {task.name}, but {'; '.join(notes)}")
    return served, [f"left out: {reason}." for reason in notes]


def chosen(items: Sequence[Item], limit: int | None, seed: int) -> list[Item]:
    """All items, or those of `limit` groups drawn at random, in the order of the data.

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

    def answers(
        self, decodings: Sequence[Decoding], items: Sequence[Item], progress: Progress | None
    ) -> list[list[Answer]]:
        """`[decoding][item]`, from the journal where it has them."""
        keys = [[self._key(decoding, item) for item in items] for decoding in decodings]
        total = sum(map(len, keys))
        for some, batch in self._missing(decodings, items, keys):
            found = self.engine.answer(some, [item.request for item in batch])
            self.journal.add([
                self.line(decoding, self._scored(item, response))
                for decoding, of_one in zip(some, found, strict=True)
                for item, response in zip(batch, of_one, strict=True)
            ])  # fmt: skip
            if progress is not None:
                progress(sum(key in self.journal for of_one in keys for key in of_one), total)
        return [
            [
                self._scored(item, self.journal.response(key, item.request))
                for item, key in zip(items, of_one, strict=True)
            ]
            for of_one in keys
        ]

    def line(self, decoding: Decoding, answer: Answer) -> dict[str, Any]:
        """An answer as a line of the journal."""
        request = {name: value for name, value in asdict(answer.item.request).items() if value not in (None, ())}
        return {
            "key": self._key(decoding, answer.item),
            "task": self.task.name,
            "version": self.task.version,
            "model": self.engine.name,
            "method": decoding.label,
            "item": answer.item.id,
            "request": request,
            "response": recorded(answer.response),
            "facts": dict(answer.item.facts),
            "score": dict(answer.score),
        }

    def _missing(
        self, decodings: Sequence[Decoding], items: Sequence[Item], keys: Sequence[Sequence[str]]
    ) -> Iterator[tuple[list[Decoding], list[Item]]]:
        """What is not in the journal, in batches: by method where texts are written, so that the first is done first.

        Options are scored under all methods at once, which share what they read.
        """
        together = [range(len(decodings))] if self.task.kind == "likelihood" else [[i] for i in range(len(decodings))]
        for methods in together:
            wanted: dict[tuple[int, ...], list[Item]] = {}
            for n, item in enumerate(items):
                lacking = tuple(i for i in methods if keys[i][n] not in self.journal)
                if lacking:
                    wanted.setdefault(lacking, []).append(item)
            for lacking, some in wanted.items():
                # Prompts of like length side by side: little padding.
                ordered = sorted(some, key=lambda item: len(item.request.prompt))
                for batch in _parts(ordered, self.engine.at_once):
                    yield [decodings[i] for i in lacking], batch

    def _key(self, decoding: Decoding, item: Item) -> str:
        model = {"model": self.engine.name, **self.engine.settings}
        return digest(model, decoding.method, decoding.settings, item.request)

    def _scored(self, item: Item, response: Any) -> Answer:  # noqa: ANN401
        return Answer(item, response, self.task.score(item, response))


def _parts(items: Sequence[Item], size: int) -> Iterable[list[Item]]:
    return (list(items[start : start + size]) for start in range(0, len(items), size))
