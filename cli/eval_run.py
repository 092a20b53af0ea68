"""`counterfoil eval run`: everything is checked before anything is loaded, then the tasks run one by one."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from counterfoil.attribution.io.atomic import check_outputs, write_text
from counterfoil.decoding.by_name import decodings
from counterfoil.eval import registry
from counterfoil.eval.journal import Journal
from counterfoil.eval.results import Result
from counterfoil.eval.task import Task, options, with_options

from .eval_options import DECODING, engine_options, task_parameters
from .judge import Judge
from .method_options import method_parameters, several_each
from .options import Command
from .output import print_line, print_notes, print_table, stdout
from .progress import Progress

if TYPE_CHECKING:
    from counterfoil.eval.engines.base import Engine

FORMAT = "counterfoil.evaluations/2"
UNCHECKED = 3
"""Exit code if an instrument gave no verdict on an item: the figures are then not those of the whole data."""


def run_command(names: Sequence[str]) -> click.Command:
    """Return the command that runs some tasks.

    Raises:
        click.UsageError: There is no such task, or two have options of one name that differ.
    """
    try:
        tasks = [registry.task(name) for name in names]
    except ValueError as error:
        raise click.UsageError(str(error)) from error

    def run(**given: Any) -> int:  # noqa: ANN401  (click's values)
        return Run(tasks, {name: value for name, value in given.items() if value not in (None, ())}).all()

    help = "\n\n".join(f"\b\n{task.name} (version {task.version}): {task.summary}" for task in tasks)
    return TaskCommand(
        name=" ".join(names),
        callback=run,
        params=task_parameters(tasks),
        help=f"{help}\n\nWith --samples a run that was killed goes on where it was. Exits with 3 if an instrument gave "
        "no verdict on an item.",
        context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100},
    )


class TaskCommand(Command):
    """A command that names the tasks in whose options an unknown one is missing."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments.

        Raises:
            click.UsageError: An option that none of the tasks has.
        """
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise click.UsageError(f"{self.name} has no option {error.option_name}", ctx) from error


@dataclass(frozen=True)
class Plan:
    """A task with its options, files and methods."""

    task: Task
    paths: Sequence[Path]
    methods: Sequence[Any]
    limit: int | None
    notes: tuple[str, ...]


class Run:
    """The tasks of a command line; models are loaded when the first task needs them.

    Args:
        tasks: The tasks.
        given: The options that were given, by their Python names.
    """

    def __init__(self, tasks: Sequence[Task], given: Mapping[str, Any]) -> None:
        self.tasks, self.given = tasks, given
        self.own = {option.name for task in tasks for option in options(task)}
        self.seed: int = given.get("seed", 0)

    def all(self) -> int:
        """Run the tasks, print each table as soon as it is there, and write what was asked for.

        Returns:
            The exit code.

        Raises:
            ValueError: Anything that cannot be met; most of it before a model is loaded.
            ModelLoadError: A model cannot be loaded.
        """
        plans = [self.plan(task) for task in self.tasks]
        read = [path for plan in plans for path in (*plan.paths, *_files(plan.task))]
        check_outputs([self.given.get(name) for name in ("json", "samples", "plot")], read)
        done: list[Result] = []
        with Journal(self.given.get("samples")) as journal, Progress() as progress:
            for plan in plans:
                with progress.step(plan.task.name) as advance:
                    done.append(self._result(plan, journal, advance))
                print_result(done[-1], plan.notes)
                print_line(stdout())
                self._write(done)
        return UNCHECKED if any(result.unchecked for result in done) else 0

    def plan(self, task: Task) -> Plan:
        """Check everything that can be checked before a model is loaded."""
        own = {option.name: self.given[option.name] for option in options(task) if option.name in self.given}
        paths = registry.paths(task, self.given.get("data"))
        chosen = with_options(task, own).located(paths)
        limit = self.given.get("limit")
        known, others = engine_options(task), {k: v for one in self.tasks for k, v in engine_options(one).items()}
        unused = [others[name].opts[-1] for name in self.given if name in others and name not in {*known, *self.own}]
        notes = [f"{task.name} has no {name}, which was left out." for name in unused]
        folder = self.given.get("data")
        if folder is not None and folder.is_dir() and (not task.data or task.data.startswith(registry.PACKAGED)):
            notes.append(f"{task.name} has data of its own and reads nothing of the folder that --data names.")
        return Plan(
            task=chosen,
            paths=paths,
            methods=self._methods(chosen),
            limit=task.limit if limit is None else limit or None,
            notes=tuple(notes),
        )

    def _result(self, plan: Plan, journal: Journal, advance: Callable[[int, int], None]) -> Result:
        from counterfoil.eval.measuring_models import MeasuringModels
        from counterfoil.eval.runner import run

        task = plan.task
        dataset = task.load(plan.paths, limit=plan.limit, seed=self.seed)
        engine = task.given()
        methods = plan.methods
        if engine is None:
            engine = getattr(self, f"_{task.asks.engine}_engine")
            if task.asks.engine == "locator":
                methods = self._locating_methods(methods)
        else:
            methods = [None]
        models = MeasuringModels(
            engine.load_tokenizer, self.given.get("measuring_model"), self.given.get("embedding_model")
        )
        return run(
            task, engine, methods, dataset, limit=plan.limit, seed=self.seed, journal=journal, models=models,
            progress=advance,
        )  # fmt: skip

    def _methods(self, task: Task) -> Sequence[Any]:
        names = self.given.get("method") or task.methods
        accepted = method_parameters(DECODING.get(task.asks.engine))
        parameters = several_each({name: self.given[name] for name in set(accepted) - self.own if name in self.given})
        if task.asks.engine == "language":
            found = decodings(names, parameters)
            reasons = [task.refuses(one) for one in found]
            if all(reasons):
                raise ValueError(
                    f"--method has to name one that can do {task.name}, but {'; '.join(filter(None, reasons))}"
                )
            return found
        if task.asks.engine == "vision":
            from counterfoil.eval.engines.vision import methods

            return methods(names, parameters)
        return names.split(",") if task.asks.engine == "locator" else [None]

    def _locating_methods(self, names: Sequence[str]) -> Sequence[Any]:
        from counterfoil.attribution.locating.registry import METHODS, load_model
        from counterfoil.eval.engines.locator import LocatingMethod

        model, given = self.given.get("model"), dict(self.given.get("settings", ()))
        if "base_url" in self.given:
            given["base_url"] = self.given["base_url"]
        if len(names) > 1 and (model or given):
            raise ValueError("--model, --base-url and --set are for a single --method")
        found = []
        for name in names:
            METHODS.check(name.strip())
            loaded, left = load_model(name.strip(), model, given)
            found.append(LocatingMethod(name.strip(), loaded, model, left))
        return found

    @cached_property
    def _language_engine(self) -> Engine:
        size, chat = self.given.get("batch_size", 8), self.given.get("chat", False)
        if "endpoint" in self.given:
            from counterfoil.eval.engines.openai import OpenAIEngine

            return OpenAIEngine(
                self.given["endpoint"], self.given.get("model"), at_once=size, chat=chat,
                tokenizer=self.given.get("tokenizer"), api_key=self.given.get("api_key"),
            )  # fmt: skip
        from counterfoil import models
        from counterfoil.eval.engines.local import LocalEngine

        return LocalEngine(models.load_language_model(self.given.get("model")), batch_size=size, chat=chat)

    @cached_property
    def _vision_engine(self) -> Engine:
        from counterfoil import models
        from counterfoil.eval.engines.vision import VisionEngine

        vision = models.load_vision_model(self.given.get("model", models.SCENES))
        return VisionEngine(vision, seed=self.seed, batch_size=self.given.get("batch_size", 32))

    @cached_property
    def _judge_engine(self) -> Engine:
        from counterfoil.eval.engines.judge import JudgeEngine

        judge = replace(self._judge, detail_check=self.given.get("detail_check", False))
        return JudgeEngine(judge.load(), judge.options)

    @cached_property
    def _locator_engine(self) -> Engine:
        from counterfoil.eval.engines.locator import LocatorEngine

        scorer, options = self.given.get("scorer"), dict(self.given.get("scorer_options", ()))
        if scorer is None and options:
            raise ValueError("--scorer has to name the model that --scorer-option is for, but is missing")
        return LocatorEngine(
            self._judge.load(),
            scorer=None if scorer is None else Judge(scorer, {**self._device, **options}, detail_check=False).load(),
            decontextualize=self.given.get("decontextualize", "rules"),
            released_premise=self.given.get("released_premise", False),
            threshold=self.given.get("threshold"),
            detail_check=self.given.get("detail_check", True),
        )

    @property
    def _judge(self) -> Judge:
        options = {**self._device, **dict(self.given.get("options", ()))}
        return Judge(self.given.get("entailment", "local"), options, detail_check=False)

    @property
    def _device(self) -> dict[str, Any]:
        return {"device": self.given["device"]} if "device" in self.given else {}

    def _write(self, done: Sequence[Result]) -> None:
        """Write all results so far: what is killed later has written what it had."""
        if "json" in self.given:
            recorded = {"format": FORMAT, "results": [result.recorded() for result in done]}
            write_text(
                self.given["json"], json_module.dumps(recorded, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
            )
        if "plot" in self.given:
            from counterfoil.eval.plot import plot_results

            plot_results(done, self.given["plot"])


def _files(task: Task) -> list[Path]:
    """Return the files that options of the task name."""
    values = (getattr(task, option.name) for option in options(task))
    return [value for value in values if isinstance(value, Path)]


def print_result(result: Result, notes: Sequence[str] = ()) -> None:
    """Print the table of a task, what it was computed from, and the notes."""
    out = stdout()
    head, *rows = result.table()
    print_table(out, head, rows, title=result.title)
    print_line(out, "[low, high]: 95% interval")
    print_notes(out, [*result.notes, *notes])
