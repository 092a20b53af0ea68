"""What a task is: data, prompts, metric and version. Each is one file of `eval/tasks/`, with a `TASK` in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .dataset import Source
from .requests import Request, Response
from .results import Figure

if TYPE_CHECKING:
    from counterfoil.decoding.by_name import Decoding

    from .measuring_models import Tools

Ask = Callable[[Sequence["Item"]], Sequence["Answer"]]
"""Plain decoding of items, for a task that chooses its items by what the model knows."""


@dataclass(frozen=True)
class Item:
    """One thing to ask.

    Args:
        id: Its name within the task: the same in every run on the same data.
        request: What the model is asked.
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
        """The group, or the id of an item that stands for itself."""
        return self.group or self.id


@dataclass(frozen=True)
class Answer:
    """What a model answered.

    Args:
        item: To what.
        response: What it wrote, or the log-probabilities of the options.
        score: What that is worth, JSON.
    """

    item: Item
    response: Response
    score: Mapping[str, Any]


@dataclass(frozen=True)
class Task(ABC):
    """A published protocol. The fields of a subclass are its options, which `--set` changes and results record."""

    name: ClassVar[str]
    version: ClassVar[int]
    """Goes up whenever prompts or metric change: figures of different versions are not comparable."""
    summary: ClassVar[str]
    """One line for `counterfoil eval list`."""
    data: ClassVar[str]
    """The file within the data folder, a pattern for several; `package:NAME` for one that is shipped."""
    kind: ClassVar[Literal["generation", "likelihood"]]
    contrasts: ClassVar[bool]
    """Whether its items have a contrast: a second prompt for the methods that compare two."""
    methods: ClassVar[str]
    """The methods it is run with where none are named."""
    limit: ClassVar[int | None] = None
    """How many groups of items it uses where no number is given."""
    measures: ClassVar[bool] = False
    """Whether models measure its texts: results then record which, since figures of others are not comparable."""

    @abstractmethod
    def read(self, source: Source, tools: Tools) -> Sequence[Item]:
        """The items of its data.

        Raises:
            ValueError: The data are of another kind; the line is named.
        """

    @abstractmethod
    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """What one answer is worth, JSON."""

    @abstractmethod
    def figures(
        self, answers: Sequence[Answer], first: Sequence[Answer] | None, *, seed: int, tools: Tools
    ) -> Mapping[str, Figure]:
        """The row of one method.

        Args:
            answers: The method's, in the order of the items.
            first: Those of the first method, which this one is compared with; `None` for the first itself.
            seed: Of the bootstrap.
            tools: Models that measure.
        """

    def select(self, items: Sequence[Item], ask: Ask) -> Sequence[Item]:
        """The items that count, for a task that finds out first which they are. All, by default."""
        return items

    def beside(self, items: Sequence[Item]) -> Mapping[str, Sequence[Answer]]:
        """Rows that no method made, by label: what people wrote. None, by default."""
        return {}

    def notes(self, answers: Mapping[str, Sequence[Answer]]) -> Iterable[str]:
        """What a reader of the table has to know, given the answers by label. Nothing, by default."""
        return ()

    def refuses(self, decoding: Decoding) -> str | None:
        """Why a method cannot do this task, or `None` where it can."""
        if decoding.needs_contrast and not self.contrasts:
            return f"{decoding.method} compares two prompts, and {self.name} has one"
        if self.kind == "likelihood" and decoding.method == "contrastive_search":
            return f"contrastive_search gives tokens no probability, by which {self.name} chooses"
        return None


def with_options(task: Task, options: Mapping[str, Any]) -> Task:
    """The task with some of its options changed.

    Raises:
        ValueError: An option that it has not, or a value of another type.
    """
    known = asdict(task)
    for name, value in options.items():
        if name not in known:
            raise ValueError(f"`{name}` has to be an option of {task.name}, but that has {', '.join(known) or 'none'}")
        if type(value) is not type(known[name]):
            kind = type(known[name]).__name__
            raise ValueError(f"`{name}` of {task.name} has to be {kind}, but is {value!r}")
    return replace(task, **options)
