"""What `counterfoil eval run` was asked for, checked before anything is loaded, and done task by task."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterfoil.decoding.by_name import Decoding, decodings
from counterfoil.eval import registry
from counterfoil.eval.journal import Journal
from counterfoil.eval.judged import Judged, JudgeTask
from counterfoil.eval.results import TaskResult
from counterfoil.eval.task import Task, with_options
from counterfoil.eval.whole import Asked, WholeTask

from .progress import Advance, Steps
from .tables import print_result
from .writable import check_writable

if TYPE_CHECKING:
    from counterfoil.eval.engines.base import Engine


FORMAT_OF_SEVERAL = "counterfoil.evaluations/1"


@dataclass(frozen=True)
class Request:
    """What was asked for; the fields are the options of the command."""

    tasks: tuple[str, ...]
    model: str | None = None
    methods: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    data: Path | None = None
    limit: int | None = None
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    chat: bool = False
    endpoint: str | None = None
    tokenizer: str | None = None
    batch_size: int = 8
    measuring_model: str | None = None
    embedding_model: str | None = None
    entailment: str = "local"
    entailment_options: Mapping[str, Any] = field(default_factory=dict)
    json: Path | None = None
    samples: Path | None = None
    plot: Path | None = None


def evaluate(request: Request) -> int:
    """Runs the tasks, prints each table as soon as it is there, and writes what was asked for.

    Returns:
        How many items got no verdict of an entailment model.

    Raises:
        ValueError: Anything that cannot be met; most of it before a model is loaded.
        ModelLoadError: A model cannot be loaded.
    """
    run = _Run(request)
    plans = run.plans()
    done: list[TaskResult | Judged] = []
    with Journal(request.samples) as journal, Steps() as steps:
        for plan in plans:
            with steps.step(plan.task.name) as advance:
                done.append(run.result(plan, journal, advance))
            _print(done[-1])
            _write(request, done)
    return sum(found.unchecked for found in done if isinstance(found, Judged))


@dataclass(frozen=True)
class _Plan:
    """One task, its methods and its files."""

    task: registry.Registered
    methods: Sequence[Decoding]
    paths: Sequence[Path]


class _Run:
    """The tasks of a request; models are loaded when the first task needs them."""

    def __init__(self, request: Request) -> None:
        self.request = request

    def plans(self) -> list[_Plan]:
        """Everything that can be checked before a model is loaded."""
        request = self.request
        if request.batch_size < 1:
            raise ValueError(f"--batch-size has to be at least 1, but is {request.batch_size}")
        if request.limit is not None and request.limit < 0:
            raise ValueError(f"--limit has to be at least 0, but is {request.limit}")
        for path in filter(None, (request.json, request.samples, request.plot)):
            check_writable(path)
        found = [registry.task(name) for name in request.tasks]
        if request.plot is not None and all(isinstance(one, JudgeTask) for one in found):
            raise ValueError(f"--plot draws methods side by side, which {', '.join(request.tasks)} does not compare")
        found = _with_settings(found, request.settings)
        return [_Plan(one, self._methods(one), registry.paths(one, request.data)) for one in found]

    def result(self, plan: _Plan, journal: Journal, advance: Advance) -> TaskResult | Judged:
        """What one task finds."""
        request, task = self.request, plan.task
        limit = task.limit if request.limit is None else request.limit or None
        if isinstance(task, JudgeTask):
            return task.evaluate(plan.paths[0], self._judge, limit=limit, seed=request.seed, progress=advance)
        if isinstance(task, WholeTask):
            from .answering import quieten

            quieten()
            return task.evaluate(self._asked(task, plan, limit, advance))
        return self._run(task, plan, limit, journal, advance)

    def _run(self, task: Task, plan: _Plan, limit: int | None, journal: Journal, advance: Advance) -> TaskResult:
        from counterfoil.eval.dataset import Source
        from counterfoil.eval.measuring_models import Tools
        from counterfoil.eval.runner import run

        request, engine = self.request, self._engine
        tools = Tools(engine.load_tokenizer, request.measuring_model, request.embedding_model)
        source = Source.read_all(plan.paths)
        return run(
            task, engine, plan.methods, source, limit=limit, seed=request.seed, journal=journal, tools=tools,
            progress=advance,
        )  # fmt: skip

    def _asked(self, task: WholeTask, plan: _Plan, limit: int | None, advance: Advance) -> Asked:
        request = self.request
        several = [name for name, value in request.parameters.items() if isinstance(value, list) and len(value) > 1]
        if several:
            raise ValueError(f"--{several[0]} has to be one number for {task.name}, but is several")
        single = {n: value[0] if isinstance(value, list) else value for n, value in request.parameters.items()}
        return Asked(
            methods=request.methods or task.methods,
            parameters=single,
            file=plan.paths[0] if plan.paths else None,
            model=request.model,
            entailment=request.entailment,
            limit=limit,
            seed=request.seed,
            batch_size=request.batch_size,
            progress=advance,
        )

    def _methods(self, task: registry.Registered) -> list[Decoding]:
        request = self.request
        if isinstance(task, WholeTask) and request.endpoint is not None:
            raise ValueError(f"{task.name} runs in process only: leave --endpoint out")
        if not isinstance(task, Task):
            return []  # it reads the names of its methods itself
        chosen = decodings(request.methods or task.methods, request.parameters)
        reasons = [task.refuses(decoding) for decoding in chosen]
        if all(reasons):
            raise ValueError(
                f"--method has to name one that can do {task.name}, but {'; '.join(filter(None, reasons))}"
            )
        return chosen

    @cached_property
    def _engine(self) -> Engine:
        from .answering import quieten

        quieten()
        request = self.request
        if request.endpoint is not None:
            from counterfoil.eval.engines.openai import EndpointEngine

            return EndpointEngine(
                request.endpoint, request.model, at_once=request.batch_size, chat=request.chat,
                tokenizer=request.tokenizer,
            )  # fmt: skip
        from counterfoil.eval.engines.local import LocalEngine
        from counterfoil.models import load_language_model

        return LocalEngine(load_language_model(request.model), batch_size=request.batch_size, chat=request.chat)

    @cached_property
    def _judge(self) -> Any:  # noqa: ANN401  (an entailment model)
        from .loading import load_judge

        return load_judge(self.request.entailment, self.request.entailment_options)


def _with_settings(tasks: Sequence[registry.Registered], settings: Mapping[str, Any]) -> list[registry.Registered]:
    """Each task with the settings that it has; one that none of them has is an error."""
    known = {option.name for task in tasks if isinstance(task, Task) for option in fields(task)}
    for name in settings:
        if name not in known:
            raise ValueError(f"--set {name} has to be an option of a task that is run, of which {_options(tasks)}")
    return [
        with_options(task, {name: value for name, value in settings.items() if hasattr(task, name)})
        if isinstance(task, Task)
        else task
        for task in tasks
    ]


def _options(tasks: Sequence[registry.Registered]) -> str:
    return "; ".join(
        f"{task.name} has {', '.join(option.name for option in fields(task)) or 'none'}"
        for task in tasks
        if isinstance(task, Task)
    )


def _print(found: TaskResult | Judged) -> None:
    if isinstance(found, Judged):
        print(found.text)
    else:
        print_result(found)
    print()


def _write(request: Request, done: Sequence[TaskResult | Judged]) -> None:
    """All results so far: what is killed later has written what it had."""
    from counterfoil.attribution.io.atomic import write_text

    if request.json is not None:
        recorded = {
            "format": FORMAT_OF_SEVERAL,
            "results": [found.recorded if isinstance(found, Judged) else found.recorded() for found in done],
        }
        write_text(request.json, json.dumps(recorded, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
    drawn = [found for found in done if isinstance(found, TaskResult)]
    if request.plot is not None and drawn:
        from counterfoil.eval.plot import plot_results

        plot_results(drawn, request.plot)
