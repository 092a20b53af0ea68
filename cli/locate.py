"""`counterfoil locate`: which words of the sources support these words of an answer?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failing import guarded
from .options import check_readable, model_options
from .writable import check_writable

if TYPE_CHECKING:
    from counterfoil.attribution import Attribution
    from counterfoil.attribution.locating.decontextualization import Decontextualizer

UNCHECKED = 3
"""Exit code where nothing could be said."""

WAYS = ("rules", "none", "chat")


def locate(
    answer: Annotated[Path, typer.Option(help="The answer, a text file in UTF-8.", metavar="FILE")],
    documents: Annotated[
        list[Path],
        typer.Option("--documents", "-d", help="Files (.txt, .md, .html, .pdf) and folders.", metavar="DIR|FILE"),
    ],
    span: Annotated[
        str | None, typer.Option(help="The words: START:END, counted in characters from 0.", metavar="START:END")
    ] = None,
    words: Annotated[str | None, typer.Option(help="The words themselves, instead of --span.", metavar="TEXT")] = None,
    question: Annotated[str | None, typer.Option(help="What was asked.", metavar="TEXT")] = None,
    method: Annotated[
        str,
        typer.Option(
            help="hidden_states, alignment, prompting; what made the model write it: contextcite, attention_knockout."
        ),
    ] = "hidden_states",
    model: Annotated[str | None, typer.Option(help="What the method runs on. Default: the method's own.")] = None,
    base_url: Annotated[
        str | None, typer.Option(help="For prompting and --decontextualize chat: an OpenAI-compatible endpoint.")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", help="Of the method: layer=9, n_ablations=32, ...", metavar="NAME=VALUE"),
    ] = None,
    decontextualize: Annotated[
        str, typer.Option(help="What makes the words understandable alone: rules, none, or chat (a chat model).")
    ] = "rules",
    decontextualize_model: Annotated[
        str | None, typer.Option(help="With --decontextualize chat: the chat model. Default: --model.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Whether the spans are checked and shrunk.")
    ] = True,
    entailment: Annotated[
        str, typer.Option(help="Who checks: local, true, minicheck, hhem, nli:HUB_ID, llm:MODEL, ...")
    ] = "local",
    threshold: Annotated[
        float | None, typer.Option(help="From which probability on it counts as support. Default: the model's own.")
    ] = None,
    inexact: Annotated[
        bool, typer.Option("--inexact", help="Numbers and names of the words need not stand in what supports them.")
    ] = False,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", help="For the entailment model: batch_size=8, ...", metavar="NAME=VALUE"),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where the entailment model runs, for example cuda.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write everything as JSON here.", metavar="FILE")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Find the words of the documents that support some words of an answer; none where nothing supports them.

    Leaves with code 0, whatever was found; 3 where nothing could be said.
    """
    with guarded(debug=debug):
        check_readable(answer)
        if json is not None:
            check_writable(json)
        if decontextualize not in WAYS:
            raise ValueError(f"--decontextualize has to be one of {', '.join(WAYS)}, but is {decontextualize!r}")
        text = answer.read_bytes().decode("utf-8-sig")
        place = _place(text, span, words)
        asked: dict[str, Any] = {
            "method": method,
            "question": question,
            "verify": verify,
            "threshold": threshold,
            "exact": not inexact,
        }
        chat = decontextualize_model or (model if method == "prompting" else None)
        names = {"model": model, "base_url": base_url, "way": decontextualize, "chat": chat, "entailment": entailment}
        found = _located(text, place, documents, asked, model_options(setting), names, model_options(option, device))
        _print(found)
        if json is not None:
            from counterfoil.attribution.io.atomic import write_text  # noqa: PLC0415 (keeps --help light)

            write_text(json, found.to_json() + "\n")
            print(f"JSON: {json}")
    raise typer.Exit(UNCHECKED if found.failure else 0)


def _place(answer: str, span: str | None, words: str | None) -> tuple[int, int]:
    if (span is None) == (words is None):
        raise ValueError("give the words either as --span START:END or as --words TEXT")
    if words is not None:
        start = answer.find(words)
        if start < 0 or not words:
            raise ValueError(f"--words has to stand in the answer as it is, but {words!r} does not")
        return start, start + len(words)
    left, separator, right = str(span).partition(":")
    if not separator or not left.strip().isdecimal() or not right.strip().isdecimal():
        raise ValueError(f"--span has to be START:END in characters, for example 120:164, but is {span!r}")
    return int(left), int(right)


def _located(
    answer: str,
    span: tuple[int, int],
    documents: list[Path],
    asked: dict[str, Any],
    settings: dict[str, Any],
    names: dict[str, str | None],
    judge_options: dict[str, object],
) -> Attribution:
    from counterfoil.attribution.loaders.documents import read_documents  # noqa: PLC0415
    from counterfoil.attribution.locating import METHODS, Locator  # noqa: PLC0415 (keeps --help light)
    from counterfoil.attribution.locating.registry import load_model  # noqa: PLC0415

    from .answering import quieten  # noqa: PLC0415
    from .loading import load_judge  # noqa: PLC0415
    from .progress import Steps  # noqa: PLC0415

    METHODS.check(asked["method"])
    with Steps() as steps:
        with steps.step("Reading documents"):
            reading = read_documents(documents)
        quieten()
        with steps.step(f"Loading the model of {asked['method']}"):
            endpoint = {"base_url": names["base_url"]} if asked["method"] == "prompting" else {}
            try:
                model, left = load_model(asked["method"], names["model"], {**settings, **endpoint})
            except TypeError as error:
                raise ValueError(f"--set has to be one that {asked['method']} takes, but {error}") from error
        with steps.step("Loading the entailment model"):
            judge = load_judge(str(names["entailment"]), judge_options) if asked["verify"] else "local"
        with steps.step("Locating"):
            way = _decontextualizer(names)
            try:
                locator = Locator(
                    answer, reading.documents, model=model, entailment=judge, decontextualize=way, **asked, **left
                )
            except TypeError as error:
                raise ValueError(f"--set has to be one that {asked['method']} takes, but {error}") from error
            found = locator.locate(span)
    for left_out in reading.left_out:
        print(f"Left out: {left_out}")
    return found


def _decontextualizer(names: dict[str, str | None]) -> Decontextualizer | str:
    if names["way"] != "chat":
        return str(names["way"])
    from counterfoil.attribution.locating.decontextualization.chat import ChatDecontextualizer  # noqa: PLC0415

    return ChatDecontextualizer(names["chat"], base_url=names["base_url"])


def _print(found: Attribution) -> None:
    from .printing import shortened, shown  # noqa: PLC0415

    print(f"Words:  {shown(found.text)}")
    if found.snapped:
        print(f"        {shown(found.snapped)}")
    print(f"Claim:  {shown(found.claim)}")
    said = "" if found.probability is None else f" ({100 * found.probability:.0f} %)"
    print(f"Status: {found.status.value.replace('_', ' ')}{said}, by {found.method} ({found.kind.value})")
    if found.failure:
        print(f"        {shown(found.failure)}")
    for span in found.spans:
        score = "" if span.score is None else f"  {span.score:.2f}"
        print(f"  {shown(span.document)} {span.start}:{span.end}{score}  “{shown(span.quote)}”")
    if found.dropped:
        print("Considered and dropped:")
    for candidate in found.dropped:
        span = candidate.span
        print(f"  {shown(span.document)} {span.start}:{span.end}  “{shortened(span.quote)}”: {shown(candidate.reason)}")
    for note in found.notes:
        print(f"Note: {shown(note)}")
