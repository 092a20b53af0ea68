"""`counterfoil eval run`: options of tasks and of what answers them, checked before anything is loaded."""

from __future__ import annotations

import json as json_module
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import click
from counterfoil.attribution.io.atomic import write_text
from counterfoil.decoding.by_name import decodings
from counterfoil.eval import registry
from counterfoil.eval.journal import Journal
from counterfoil.eval.results import Result
from counterfoil.eval.task import Option, Task, options, with_options

from .judge import Judge
from .method_options import method_options, method_parameters, several_each
from .options import AT_LEAST_ONE, PROBABILITY, Command, NameValue, output_option
from .output import print_line, print_notes, print_table, stdout
from .progress import Progress

if TYPE_CHECKING:
    from counterfoil.eval.engines.base import Engine

FORMAT = "counterfoil.evaluations/2"
UNCHECKED = 3
"""Exit code if an instrument gave no verdict on an item: the figures are then not those of the whole data."""

METHOD_HELP = "Names with commas; the others are compared with the first."


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
        params=_parameters(tasks),
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
        known, others = _engine_options(task), {k: v for one in self.tasks for k, v in _engine_options(one).items()}
        unused = [others[name].opts[-1] for name in self.given if name in others and name not in {*known, *self.own}]
        return Plan(
            task=chosen,
            paths=paths,
            methods=self._methods(chosen),
            limit=task.limit if limit is None else limit or None,
            notes=tuple(f"{task.name} has no {name}, which was left out." for name in unused),
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

        return JudgeEngine(self._judge.load(), self._judge.options)

    @cached_property
    def _locator_engine(self) -> Engine:
        from counterfoil.eval.engines.locator import LocatorEngine

        scorer = self.given.get("scorer")
        return LocatorEngine(
            self._judge.load(),
            scorer=None if scorer is None else Judge(scorer).load(),
            decontextualize=self.given.get("decontextualize", "rules"),
            released_premise=self.given.get("released_premise", False),
            threshold=self.given.get("threshold"),
            exact=not self.given.get("inexact", False),
        )

    @property
    def _judge(self) -> Judge:
        device = {"device": self.given["device"]} if "device" in self.given else {}
        return Judge(self.given.get("entailment", "local"), {**device, **dict(self.given.get("options", ()))})

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


def print_result(result: Result, notes: Sequence[str] = ()) -> None:
    """Print the table of a task, what it was computed from, and the notes."""
    out = stdout()
    head, *rows = result.table()
    print_table(out, head, rows, title=result.title)
    print_line(out, "[low, high]: 95% interval")
    print_notes(out, [*result.notes, *notes])


def _parameters(tasks: Sequence[Task]) -> list[click.Parameter]:
    """Return the options of tasks: their own, those of what answers, and those of every task."""
    found: dict[str, click.Parameter] = {}
    kinds: dict[str, Any] = {}
    for task in tasks:
        for option in options(task):
            if kinds.setdefault(option.name, option.type) != option.type:
                raise click.UsageError(f"tasks have to be run one by one if both have their own {option.name!r}")
            found.setdefault(option.name, _task_option(option))
    own = set(found)
    common = _common_options(tasks)
    for parameter in [*(one for task in tasks for one in _engine_options(task).values()), *common]:
        name = str(parameter.name)
        if name in own and (name in ENGINE_OPTIONS or parameter in common):
            raise click.UsageError(f"a task has to call its options otherwise than `{name}`, which is taken")
        if name not in own:  # a parameter of a method gives way to an option of the task
            found[name] = parameter
    if isinstance(found.get("method"), click.Option):
        usual = "; ".join(dict.fromkeys(task.methods for task in tasks if "method" in _engine_options(task)))
        found["method"] = click.Option(["--method"], metavar="NAMES", help=f"{METHOD_HELP} Default: {usual}.")
    return list(found.values())


def _task_option(option: Option) -> click.Option:
    """Return the option of a command line for that of a task."""
    name = f"--{option.name.replace('_', '-')}"
    kind: Any = option.type
    if get_origin(kind) in (Union, types.UnionType):
        (kind,) = (one for one in get_args(kind) if one is not type(None))
    shown = None if option.default in (None, "") else str(option.default)
    help = f"{option.help.rstrip('.')}.{f' Default: {shown}.' if shown and kind is not bool else ''}"
    if kind is bool:
        return click.Option([f"{name}/--no-{name[2:]}", option.name], default=None, help=help, show_default=False)
    if get_origin(kind) is Literal:
        kind = click.Choice(get_args(kind))
    elif kind is Path:
        kind = click.Path(path_type=Path, exists=True)
    return click.Option([name, option.name], type=kind, default=None, help=help, show_default=False)


def _common_options(tasks: Sequence[Task]) -> list[click.Parameter]:
    """Return the options of every task."""
    usual = ", ".join(dict.fromkeys("all" if task.limit is None else str(task.limit) for task in tasks))

    @click.option(
        "--data", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the data sets, or one file."
    )
    @click.option(
        "--limit", type=click.IntRange(min=0), metavar="N",
        help=f"Items, drawn by --seed; 0 for all. Default: {usual}.",
    )  # fmt: skip
    @click.option("--seed", type=int, metavar="N", help="Of the draw of items and of the bootstrap. Default: 0.")
    @output_option("--json", "Write figures, settings and versions here.")
    @output_option("--samples", "Write every answer here at once, JSON lines; go on from those that are there.")
    @output_option("--plot", "Draw the figures with their intervals here.")
    def common() -> None: ...

    return _declared(common)


def _engine_options(task: Task) -> dict[str, click.Parameter]:
    """Return the options of what answers a task, and of the models that measure it, by name."""
    kind = task.asks.engine
    found: dict[str, click.Parameter] = {name: ENGINE_OPTIONS[name] for name in BY_ENGINE.get(kind, ())}
    if kind in DECODING:
        found |= {str(one.name): one for one in _declared(method_options(lambda: None, image=DECODING[kind]))}
    return found | {name: ENGINE_OPTIONS[name] for name in task.measures}


def _declared(function: Callable[..., Any]) -> list[click.Parameter]:
    """Return the options that decorators gave to a function, in their order."""
    return list(reversed(getattr(function, "__click_params__", [])))


@click.option(
    "--model", metavar="MODEL", help="Hub id or folder. Default: SmolLM2-135M-Instruct; for pictures, scenes."
)
@click.option("--method")
@click.option("--chat/--no-chat", default=None, help="Put prompts into the model's chat template.")
@click.option("--endpoint", metavar="URL", help="Ask this OpenAI-compatible server, as http://host:8000/v1.")
@click.option("--api-key", metavar="KEY", help="With --endpoint: its key. Default: OPENAI_API_KEY.")
@click.option("--tokenizer", metavar="NAME", help="With --endpoint: the model's tokenizer, by hub id or folder.")
@click.option(
    "--batch-size", type=AT_LEAST_ONE, metavar="N", help="Texts or pictures that are read, or requests, at once."
)
@click.option(
    "--measuring-model", metavar="MODEL", help="Measures coherence and MAUVE. Default: SmolLM2-135M-Instruct."
)
@click.option("--embedding-model", metavar="MODEL", help="Measures the other coherence. Default: all-MiniLM-L6-v2.")
@click.option("--base-url", metavar="URL", help="For prompting: an OpenAI-compatible endpoint.")
@click.option(
    "-s", "--set", "settings", multiple=True, type=NameValue(), metavar="NAME=VALUE",
    help="Of a single method: layer=9, n_ablations=32, ...",
)  # fmt: skip
@click.option(
    "--decontextualize", type=click.Choice(["rules", "none", "given"]),
    help="What makes the words understandable alone; given: the claims of the data. Default: rules.",
)  # fmt: skip
@click.option("--scorer", metavar="NAME", help="Another entailment model for AutoAIS. Default: what checks the spans.")
@click.option("--released-premise", is_flag=True, default=None, help="AutoAIS reads spans as LAQuer's code joins them.")
@click.option("--threshold", type=PROBABILITY, metavar="NUMBER", help="From which probability on it counts as support.")
@click.option("--inexact", is_flag=True, default=None, help="Numbers and names need not stand in what supports them.")
@click.option("--entailment", metavar="NAME", help="The entailment model, named as for score. Default: local.")
@click.option(
    "-o", "--option", "options", multiple=True, type=NameValue(), metavar="NAME=VALUE",
    help="For the entailment model: batch_size=8, ...",
)  # fmt: skip
@click.option("--device", metavar="DEVICE", help="Where the entailment model runs, for example cuda.")
def _all_options() -> None: ...


ENGINE_OPTIONS = {str(parameter.name): parameter for parameter in _declared(_all_options)}
_JUDGE = ("entailment", "options", "device")
BY_ENGINE: Mapping[str, Sequence[str]] = {
    "language": ("model", "method", "chat", "endpoint", "api_key", "tokenizer", "batch_size"),
    "vision": ("model", "method", "batch_size"),
    "judge": _JUDGE,
    "locator": (
        "model", "method", "base_url", "settings", "decontextualize", "scorer", "released_premise", "threshold",
        "inexact", *_JUDGE,
    ),
}  # fmt: skip
"""The options of each kind of engine, but for the parameters of methods."""
DECODING = {"language": False, "vision": True}
"""The kinds of engine whose methods are decodings, and whether these compare images."""
