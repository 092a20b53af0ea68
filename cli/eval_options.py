"""The options of `counterfoil eval run TASK`: the task's own, those of what answers, and those of every task."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import click
from counterfoil.eval.task import Option, Task, options

from .method_options import method_options
from .options import AT_LEAST_ONE, PROBABILITY, NameValue, output_option

METHOD_HELP = "Names with commas; the others are compared with the first."


def task_parameters(tasks: Sequence[Task]) -> list[click.Parameter]:
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
    for parameter in [*(one for task in tasks for one in engine_options(task).values()), *common]:
        name = str(parameter.name)
        if name in own and (name in ENGINE_OPTIONS or parameter in common):
            raise click.UsageError(f"a task has to call its options otherwise than `{name}`, which is taken")
        if name not in own:  # a parameter of a method gives way to an option of the task
            found[name] = parameter
    if isinstance(found.get("method"), click.Option):
        usual = "; ".join(dict.fromkeys(task.methods for task in tasks if "method" in engine_options(task)))
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


def engine_options(task: Task) -> dict[str, click.Parameter]:
    """Return the options of what answers a task, and of the models that measure it, by name."""
    kind = task.asks.engine
    found: dict[str, click.Parameter] = {name: ENGINE_OPTIONS[name] for name in BY_ENGINE.get(kind, ())}
    if kind in DECODING:
        found |= {str(one.name): one for one in _declared(method_options(lambda: None, image=DECODING[kind]))}
    return found | {name: ENGINE_OPTIONS[name] for name in task.measures}


def _declared(function: Callable[..., Any]) -> list[click.Parameter]:
    """Return the options that decorators gave to a function, in their order."""
    return list(reversed(getattr(function, "__click_params__", [])))


@click.option("--model", metavar="MODEL", help="Hub id or folder. Default: SmolLM2-135M-Instruct; for images, scenes.")
@click.option("--method")
@click.option("--chat/--no-chat", default=None, help="Put prompts into the model's chat template.")
@click.option("--endpoint", metavar="URL", help="Ask this OpenAI-compatible server, as http://host:8000/v1.")
@click.option("--api-key", metavar="KEY", help="With --endpoint: its key. Default: OPENAI_API_KEY.")
@click.option("--tokenizer", metavar="NAME", help="With --endpoint: the model's tokenizer, by hub id or folder.")
@click.option(
    "--batch-size", type=AT_LEAST_ONE, metavar="N", help="Texts or images that are read, or requests, at once."
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
@click.option(
    "--scorer-option", "scorer_options", multiple=True, type=NameValue(), metavar="NAME=VALUE",
    help="For --scorer: prompt=laquer, ...",
)  # fmt: skip
@click.option("--released-premise", is_flag=True, default=None, help="AutoAIS reads spans as LAQuer's code joins them.")
@click.option("--threshold", type=PROBABILITY, metavar="NUMBER", help="From which probability on it counts as support.")
@click.option("--entailment", metavar="NAME", help="The entailment model, named as for score. Default: local.")
@click.option(
    "-o", "--option", "options", multiple=True, type=NameValue(), metavar="NAME=VALUE",
    help="For the entailment model: batch_size=8, ...",
)  # fmt: skip
@click.option("--device", metavar="DEVICE", help="Where the entailment model runs, for example cuda.")
@click.option(
    "--detail-check/--no-detail-check", default=None, show_default=False,
    help="Whether details that a source gives otherwise count against support. Default: for laquer alone.",
)  # fmt: skip
def _all_options() -> None: ...


ENGINE_OPTIONS = {str(parameter.name): parameter for parameter in _declared(_all_options)}
_JUDGE = ("entailment", "options", "device", "detail_check")
BY_ENGINE: Mapping[str, Sequence[str]] = {
    "language": ("model", "method", "chat", "endpoint", "api_key", "tokenizer", "batch_size"),
    "vision": ("model", "method", "batch_size"),
    "judge": _JUDGE,
    "locator": (
        "model", "method", "base_url", "settings", "decontextualize", "scorer", "scorer_options", "released_premise",
        "threshold", *_JUDGE,
    ),
}  # fmt: skip
"""The options of each kind of engine, but for the parameters of methods."""
DECODING = {"language": False, "vision": True}
"""The kinds of engine whose methods are decodings, and whether these compare images."""
