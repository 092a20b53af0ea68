"""The one kind of task: data, requests, scores, and the metrics over them."""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, get_type_hints

from .dataset import Dataset
from .requests import Choice, Generation, Request, Response
from .results import Figure, Row

if TYPE_CHECKING:
    from .engines.base import Engine
    from .measuring_models import MeasuringModels

Ask = Callable[[Sequence["Item"]], Sequence["Answer"]]
"""Plain answers to items, for a task that chooses its items by what the model knows."""

Metric = Callable[[str, Sequence["Answer"], Sequence["Answer"] | None, int], Mapping[str, Figure]]
"""Called with its name, the answers of a method, those of the first method (`None` for the first itself) and the seed
of the bootstrap; returns figures by name. :mod:`.aggregate` has the usual ones."""

_ARGUMENT = re.compile(r"(?m)^ {4}(\w+): ((?:.|\n(?! {4}\S))*)")


@dataclass(frozen=True)
class Item:
    """One thing to ask.

    Args:
        id: Its name within the task: the same in every run on the same data.
        request: What is asked.
        facts: What its score needs to know, JSON.
        group: What it shares with other items that are not independent of it. Groups are drawn whole, by the limit and
            by the bootstrap. Its own id by default.
    """

    id: str
    request: Request
    facts: Mapping[str, Any] = field(default_factory=dict)
    group: str = ""

    @property
    def drawn_with(self) -> str:
        """Return the group, or the id of an item that stands for itself."""
        return self.group or self.id


@dataclass(frozen=True)
class Answer:
    """What was answered to an item.

    Args:
        item: The item.
        response: What the engine answered.
        score: Its worth by name, JSON; `None` for a value that is not defined.
    """

    item: Item
    response: Response
    score: Mapping[str, Any]


@dataclass(frozen=True)
class MethodAnswers:
    """All answers of one method.

    Args:
        method: Its name.
        label: The method with its parameters, for a table.
        settings: All parameters, defaults among them.
        answers: In the order of the items.
    """

    method: str
    label: str
    settings: Mapping[str, Any]
    answers: Sequence[Answer]


@dataclass(frozen=True)
class Task(ABC):
    """A published protocol. The fields of a subclass are its options; results record them.

    A subclass is a frozen dataclass. The `Args` of its docstring are the help of its options on the command line.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Goes up whenever requests or metrics change: figures of different versions are not comparable."""
    summary: ClassVar[str] = ""
    """One line for `counterfoil eval list`."""
    data: ClassVar[str] = ""
    """The file within the data folder, a pattern for several; `package:NAME` for one that is shipped; empty for a task
    that draws its own."""
    one_file: ClassVar[bool] = False
    """Whether it reads one file alone, so that one of several has to be named."""
    asks: ClassVar[type[Request]] = Generation
    """The kind of request."""
    contrasts: ClassVar[bool] = False
    """Whether its requests have a contrast: a second prompt for the methods that compare two."""
    methods: ClassVar[str] = "none"
    """The methods that it is run with unless others are named, with commas between them."""
    limit: ClassVar[int | None] = None
    """How many groups of items it uses unless a number is given; `None` for all."""
    measures: ClassVar[tuple[str, ...]] = ()
    """Names of the models that measure its texts, of :class:`.MeasuringModels`; results record which they are, since
    figures of others are not comparable."""
    metrics: ClassVar[Mapping[str, Metric]] = {}
    """The metrics by name."""
    row_title: ClassVar[str] = "method"
    """What the rows of its table are."""

    def located(self, paths: Sequence[Path]) -> Task:
        """Return the task with the options that follow from where its files are. As it is, by default."""
        return self

    def load(self, paths: Sequence[Path], *, limit: int | None, seed: int) -> Dataset:
        """Return the data.

        Args:
            paths: The files, none for a task that draws its own.
            limit: For a task that draws its own: how many groups of items.
            seed: For a task that draws its own.
        """
        return Dataset.read(paths)

    @abstractmethod
    def read(self, dataset: Dataset, models: MeasuringModels) -> Sequence[Item]:
        """Return the items of the data.

        Raises:
            ValueError: The data are of another kind; the line is named.
        """

    @abstractmethod
    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """Return what one response is worth, by name, JSON."""

    def measured(self, answers: Sequence[Answer], models: MeasuringModels) -> Sequence[Answer]:
        """Return the answers with the scores that need other models added. As they are, by default."""
        return answers

    def figures(
        self, answers: Sequence[Answer], first: Sequence[Answer] | None, *, seed: int, models: MeasuringModels
    ) -> Mapping[str, Figure]:
        """Return the figures of one method: those of :attr:`metrics`, by default.

        Args:
            answers: The method's, in the order of the items.
            first: Those of the first method, which this one is compared with; `None` for the first itself.
            seed: Of the bootstrap.
            models: Models that measure.
        """
        found: dict[str, Figure] = {}
        for name, metric in self.metrics.items():
            found |= metric(name, answers, first, seed)
        return found

    def rows(self, found: Sequence[MethodAnswers], *, seed: int, models: MeasuringModels) -> Sequence[Row]:
        """Return the rows of the table: one a method, by default."""
        answers = [self.measured(one.answers, models) for one in found]
        return [
            Row(one.label, one.settings, self.figures(some, answers[0] if n else None, seed=seed, models=models))
            for n, (one, some) in enumerate(zip(found, answers, strict=True))
        ]

    def details(self, found: Sequence[MethodAnswers]) -> Mapping[str, Any]:
        """Return what else the results record, JSON. Nothing, by default."""
        return {}

    def notes(self, found: Sequence[MethodAnswers], rows: Sequence[Row]) -> Iterable[str]:
        """Return what a reader of the table has to know. Nothing, by default."""
        return ()

    def select(self, items: Sequence[Item], ask: Ask) -> Sequence[Item]:
        """Return the items that count, for a task that finds out first which they are. All, by default."""
        return items

    def references(self, items: Sequence[Item]) -> Mapping[str, Sequence[Answer]]:
        """Return the answers of rows that no method made, by label (e.g. the human text). None, by default."""
        return {}

    def prepared(self, methods: Sequence[Any], engine: Engine, *, seed: int) -> Sequence[Any]:
        """Return the methods to compare, for a task that adds controls or chooses settings on other data."""
        return methods

    def given(self) -> Engine | None:
        """Return an engine of the task's own, if its answers are there already and no model is asked."""
        return None

    def refuses(self, method: Any) -> str | None:  # noqa: ANN401 (what an engine takes as a method)
        """Return why a method cannot do this task, or `None` if it can."""
        if getattr(method, "needs_contrast", False) and not self.contrasts:
            return f"{method.method} compares two prompts, and {self.name} has one"
        if any(one.contrasts > 1 for one in getattr(method, "methods", ())):
            return f"{method.method} compares with several prompts, and {self.name} has one beside each"
        if issubclass(self.asks, Choice) and any(one.contrast == "candidates" for one in method.methods):
            return f"{method.method} gives tokens no probability, by which {self.name} chooses"
        return None


@dataclass(frozen=True)
class Option:
    """An option of a task.

    Args:
        name: Of the field.
        type: Its annotation.
        default: Its default.
        help: What the docstring of the task says of it.
    """

    name: str
    type: Any
    default: Any
    help: str


def options(task: Task) -> list[Option]:
    """Return the options of a task in their order.

    Raises:
        TypeError: A field has no default.
    """
    kind = type(task)
    hints = get_type_hints(kind)
    said = dict(_ARGUMENT.findall(inspect.getdoc(kind) or ""))
    found = []
    for one in fields(task):
        default = one.default if one.default_factory is MISSING else one.default_factory()
        if default is MISSING:
            raise TypeError(f"`{one.name}` of {task.name} has to have a default, but has none")
        found.append(Option(one.name, hints[one.name], default, " ".join(said.get(one.name, "").split())))
    return found


def with_options(task: Task, given: Mapping[str, Any]) -> Task:
    """Return the task with some of its options changed.

    Raises:
        ValueError: An option that it has not, or a value of another type.
    """
    known = {one.name: one for one in options(task)}
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"`{name}` has to be an option of {task.name}, but that has {', '.join(known) or 'none'}")
        default = known[name].default
        if default is not None and type(value) is not type(default):
            raise ValueError(f"`{name}` of {task.name} has to be {type(default).__name__}, but is {value!r}")
    return replace(task, **given)


def recorded_options(task: Task) -> dict[str, Any]:
    """Return the options of a task as results record them; of a file its name, since its folder may be private."""
    values = {one.name: getattr(task, one.name) for one in fields(task)}
    return {name: value.name if isinstance(value, Path) else value for name, value in values.items()}
