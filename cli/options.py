"""Commands, options and types of arguments that several commands share."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from .errors import command_errors

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Command(click.Command):
    """A command with `--debug`; what it raises becomes one line on standard error, what it returns the exit code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  (click's own)
        super().__init__(*args, **kwargs)
        self.params.append(click.Option(["--debug"], is_flag=True, help="Show the traceback of an error."))

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401
        """Run the command.

        Raises:
            SystemExit: The command failed, or its exit code is not 0.
        """
        with command_errors(self.option_names(ctx.params), debug=ctx.params.pop("debug")):
            self.check_files(ctx.params)
            code = super().invoke(ctx)
        if code:
            ctx.exit(code)
        return None

    def check_files(self, given: Mapping[str, Any]) -> None:
        """Reject an output that is an input of the command, or another output.

        Raises:
            ValueError: Naming the file.
        """
        files: dict[type, list[Path]] = {InputFile: [], OutputFile: []}
        for parameter in self.params:
            found = files.get(type(parameter.type))
            value = given.get(str(parameter.name))
            if found is not None and value is not None:
                found.extend(value if isinstance(value, tuple | list) else [value])
        if files[OutputFile]:
            from counterfoil.attribution.io.atomic import check_outputs

            check_outputs(files[OutputFile], files[InputFile])

    def option_names(self, given: Mapping[str, Any]) -> dict[str, str]:
        """Map Python names to options, those within a value of `NAME=VALUE` to the option with the name."""
        names = {}
        for option in self.params:
            if isinstance(option, click.Option):
                longest = max(option.opts, key=len)
                names[str(option.name)] = longest
                if isinstance(option.type, NameValue):
                    names |= {name: f"{longest} {name}" for name, _ in given.get(str(option.name)) or ()}
        return names


class NameValue(click.ParamType):
    """`NAME=VALUE`, read as a pair; VALUE as JSON (a number, a boolean, null) if it is JSON, else as text."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:  # noqa: ANN401
        """Return name and value."""
        if isinstance(value, tuple):
            return value
        name, separator, text = value.partition("=")
        if not separator or not name.isidentifier():
            self.fail(f"has to be NAME=VALUE, but is {value!r}", param, ctx)
        try:
            return name, json.loads(text)
        except ValueError:
            return name, text


class Number(click.FloatRange):
    """A finite number in a range; `nan`, which lies in every range for click, is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        """Return the number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number.", param, ctx)
        return number


class OutputFile(click.Path):
    """A file to write, refused before a model has worked for it if it is a folder or its folder does not exist."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ANN401
        """Return the path."""
        path = Path(value)
        if path.is_dir():
            self.fail(f"cannot write {value!r}: it is a folder. Give the name of a file.", param, ctx)
        if not path.parent.is_dir():
            self.fail(f"cannot write {value!r}: there is no folder {str(path.parent)!r}. Make it first.", param, ctx)
        return path


class InputFile(click.Path):
    """A file to read, refused if it does not exist or is a folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ANN401
        """Return the path."""
        path = Path(value)
        if not path.exists():
            self.fail(f"cannot read {value!r}: there is no such file. Check the name.", param, ctx)
        if path.is_dir():
            self.fail(f"cannot read {value!r}: it is a folder. Give the name of a file.", param, ctx)
        return path


class Names(click.ParamType):
    """One or more of some names, with commas between them."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:  # noqa: ANN401
        """Return the names."""
        if isinstance(value, tuple):
            return value
        return tuple(name.strip() for name in value.split(",") if name.strip())


INPUT_FILE, OUTPUT_FILE = InputFile(), OutputFile()
PROBABILITY = Number(0, 1)
AT_LEAST_ONE = click.IntRange(min=1)


def output_option(name: str, help: str) -> Decorator:
    """Add an option that names a file to write."""
    return click.option(name, type=OUTPUT_FILE, metavar="FILE", help=help)


def documents_option(*, required: bool) -> Decorator:
    """Add `--documents`, which may be given several times."""
    return click.option(
        "-d",
        "--documents",
        multiple=True,
        required=required,
        type=click.Path(path_type=Path),
        metavar="DIR|FILE...",
        help="Files (.txt, .md, .html, .pdf) and folders.",
    )


def entailment_option(help: str = "The model, named as for score.") -> Decorator:
    """Add `--entailment`."""
    return click.option("--entailment", default="local", metavar="NAME", help=help)


def detail_check_option() -> Decorator:
    """Add `--detail-check/--no-detail-check`."""
    return click.option(
        "--detail-check/--no-detail-check",
        default=True,
        help="Whether details that a source gives otherwise (a number, a name, a negation) count against support.",
    )


def drafts_option() -> Decorator:
    """Add `--drafts/--no-drafts`."""
    return click.option(
        "--drafts/--no-drafts",
        default=True,
        help="Whether words that the text repeats are read several at once: the same text, in less time.",
    )


def answering_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what says which models answer and check, and how long an answer may be; the command gets each by its name."""
    for option in reversed(
        (
            click.option("--model", metavar="MODEL", help="Language model: hub id or folder; with --endpoint its name "
                         "there. Default: SmolLM2-135M-Instruct."),
            click.option("--endpoint", metavar="URL", help="Have this server answer, as http://host:8000/v1; cad needs "
                         "counterfoil serve there."),
            click.option("--api-key", metavar="KEY", help="With --endpoint: its key. Default: OPENAI_API_KEY."),
            click.option("--top-k", type=AT_LEAST_ONE, metavar="N", default=3,
                         help="How many passages the model reads."),
            click.option("--max-new-tokens", type=AT_LEAST_ONE, metavar="N", default=80,
                         help="Longest answer in tokens."),
            click.option("--max-sentences", type=AT_LEAST_ONE, metavar="N", default=3,
                         help="Longest answer in sentences."),
            drafts_option(),
            entailment_option("Who checks the citations: local, true, minicheck, hhem, nli:HUB_ID, llm:MODEL, ..."),
            detail_check_option(),
            click.option("--embedding-model", metavar="MODEL", help="Finds the passages: hub id or folder. Default: "
                         "all-MiniLM-L6-v2."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def answering_engine(model: str | None, endpoint: str | None, api_key: str | None) -> Any:  # noqa: ANN401 (an engine or its name)
    """Return what `--model`, `--endpoint` and `--api-key` name, as :func:`counterfoil.grounding.answer` takes it.

    Raises:
        ValueError: The server cannot be reached, or a key is given without one.
    """
    if endpoint is None:
        if api_key is not None:
            raise ValueError("--api-key has to stand beside --endpoint, but that is missing")
        return model
    from counterfoil.grounding.served_engine import ServedEngine

    return ServedEngine(endpoint, model, api_key=api_key)


def judge_options(help: str = "The entailment model, named as for score.") -> Decorator:
    """Add `--entailment`, `--option`, `--device` and `--detail-check`; the command gets them as `judge`."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @click.option("--entailment", default="local", metavar="NAME", help=help)
        @click.option(
            "-o", "--option", "options", multiple=True, type=NameValue(), metavar="NAME=VALUE",
            help="For the entailment model: batch_size=8, ...",
        )  # fmt: skip
        @click.option("--device", metavar="DEVICE", help="Where the entailment model runs, for example cuda.")
        @detail_check_option()
        @functools.wraps(command)
        def called(
            *args: Any,  # noqa: ANN401 (click's own)
            entailment: str,
            options: Any,  # noqa: ANN401
            device: str | None,
            detail_check: bool,
            **rest: Any,  # noqa: ANN401
        ) -> Any:  # noqa: ANN401
            from .judge import Judge

            chosen = {**({"device": device} if device else {}), **dict(options)}
            return command(*args, judge=Judge(entailment, chosen, detail_check), **rest)

        return called

    return decorate


def model_options(pairs: Sequence[str] | None, device: str | None = None) -> dict[str, object]:
    """Return what `NAME=VALUE` options name, with numbers, booleans and null read as such, and the device.

    Raises:
        ValueError: For what has another form.
    """
    return {**({"device": device} if device else {}), **named_values("option", pairs)}


def named_values(option: str, pairs: Sequence[str] | None) -> dict[str, object]:
    """Return what `NAME=VALUE` options name, with numbers, booleans and null read as such.

    Raises:
        ValueError: For what has another form.
    """
    values: dict[str, object] = {}
    for pair in pairs or ():
        name, separator, value = pair.partition("=")
        if not separator or not name.isidentifier():
            raise ValueError(f"--{option} has to be NAME=VALUE, but is {pair!r}")
        try:
            values[name] = json.loads(value)
        except ValueError:
            values[name] = value
    return values


def check_readable(path: Path) -> None:
    """Raise `ValueError` if `path` is no file."""
    if not path.exists():
        raise ValueError(f"cannot read {str(path)!r}: there is no such file. Check the name.")
    if path.is_dir():
        raise ValueError(f"cannot read {str(path)!r}: it is a folder. Give the name of a file.")
