"""`counterfoil locate`: which words of the sources support these words of an answer?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from counterfoil.attribution import Attribution, Document, SourceSpan
from counterfoil.attribution.io.atomic import write_text
from counterfoil.attribution.loaders.documents import read_documents
from counterfoil.attribution.locating import METHODS, Locator
from counterfoil.attribution.locating.decontextualization import Decontextualizer
from counterfoil.attribution.locating.decontextualization.chat import ChatDecontextualizer
from counterfoil.attribution.locating.registry import load_model
from counterfoil.attribution.report.model import likelihood
from counterfoil.attribution.text.word_boundaries import snapped

from .judge import Judge
from .options import INPUT_FILE, PROBABILITY, Command, NameValue, documents_option, judge_options, output_option
from .output import one_line, print_written, shortened
from .progress import Progress

UNCHECKED = 3
"""Exit code if nothing could be said."""

WAYS = ("rules", "none", "chat")


class CharacterRange(click.ParamType):
    """`START:END`, counted in characters from 0."""

    name = "start:end"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:  # noqa: ANN401
        """Return start and end."""
        if isinstance(value, tuple):
            return value
        left, separator, right = value.partition(":")
        if not separator or not left.strip().isdecimal() or not right.strip().isdecimal():
            self.fail(f"has to be START:END in characters, for example 120:164, but is {value!r}", param, ctx)
        return int(left), int(right)


@click.command(cls=Command)
@click.option("--answer", type=INPUT_FILE, required=True, metavar="FILE", help="The answer, a text file in UTF-8.")
@documents_option(required=True)
@click.option(
    "--span", "spans", type=CharacterRange(), multiple=True, metavar="START:END",
    help="The words, in characters from 0; several times for a claim with words left out.",
)  # fmt: skip
@click.option("--words", multiple=True, metavar="TEXT", help="The words themselves, instead of --span; likewise.")
@click.option("--question", metavar="TEXT", help="What was asked.")
@click.option(
    "--method", type=click.Choice(tuple(METHODS)), default="hidden_states",
    help="contextcite and attention_knockout say what made the model write the words, the others what supports them.",
)  # fmt: skip
@click.option("--model", metavar="MODEL", help="What the method runs on. Default: the method's own.")
@click.option("--base-url", metavar="URL", help="Of prompting and --decontextualize chat: an OpenAI-compatible server.")
@click.option(
    "-s", "--set", "settings", multiple=True, type=NameValue(), metavar="NAME=VALUE",
    help="Of the method: layer=9, n_ablations=32, ...",
)  # fmt: skip
@click.option(
    "--decontextualize", type=click.Choice(WAYS), default="rules",
    help="What makes the words understandable alone; chat: a chat model.",
)  # fmt: skip
@click.option(
    "--decontextualize-model", metavar="MODEL", help="With --decontextualize chat: the chat model. Default: --model."
)
@click.option("--verify/--no-verify", default=True, help="Whether the spans are checked and shrunk.")
@judge_options("Who checks: local, true, minicheck, hhem, nli:HUB_ID, llm:MODEL, ...")
@click.option(
    "--threshold", type=PROBABILITY, metavar="NUMBER",
    help="From which probability on it counts as support. Default: the model's own.",
)  # fmt: skip
@output_option("--json", "Write everything as JSON here.")
def locate(
    answer: Path,
    documents: tuple[Path, ...],
    spans: tuple[tuple[int, int], ...],
    words: tuple[str, ...],
    question: str | None,
    method: str,
    model: str | None,
    base_url: str | None,
    settings: tuple[tuple[str, Any], ...],
    decontextualize: str,
    decontextualize_model: str | None,
    verify: bool,
    judge: Judge,
    threshold: float | None,
    json: Path | None,
) -> int:
    """Find the words of documents that support some words of an answer.

    None are found if nothing supports them. Exits with 0, whatever was found; with 3 if nothing could be said.
    """
    raw = answer.read_bytes()
    text = raw.decode("utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
    ranges = _ranges(text, spans, words)
    with Progress() as progress:
        with progress.step("Reading documents"):
            reading = read_documents(documents)
        with progress.step(f"Loading the model of {method}"), _wrong_setting(method):
            endpoint = {"base_url": base_url} if method == "prompting" else {}
            loaded, left = load_model(method, model, {**dict(settings), **endpoint})
        with progress.step("Loading the entailment model"):
            entailment = judge.load() if verify else "local"
        with progress.step("Locating"):
            way: Decontextualizer | str = decontextualize
            if decontextualize == "chat":
                chat = decontextualize_model or (model if method == "prompting" else None)
                way = ChatDecontextualizer(chat, base_url=base_url)
            with _wrong_setting(method):
                locator = Locator(
                    text,
                    reading.documents,
                    method=method,
                    model=loaded,
                    entailment=entailment,
                    verify=verify,
                    question=question,
                    decontextualize=way,
                    threshold=threshold,
                    detail_check=judge.detail_check,
                    **left,
                )
            found = locator.locate(ranges)
    for left_out in reading.left_out:
        click.echo(f"Left out: {left_out}")
    print_attribution(found, {document.id: document for document in reading.documents})
    if json is not None:
        write_text(json, found.to_json() + "\n")
    print_written(JSON=json)
    return UNCHECKED if found.failure else 0


def _ranges(answer: str, spans: Sequence[tuple[int, int]], words: Sequence[str]) -> list[tuple[int, int]]:
    if bool(spans) == bool(words):
        raise ValueError("give the words either as --span START:END or as --words TEXT")
    if spans:
        return list(spans)
    return [_place_of(each, answer) for each in words]


def _place_of(words: str, answer: str) -> tuple[int, int]:
    """Return where the words stand, whole ones first; the first of several places, which is told."""
    found = [match.span() for match in re.finditer(re.escape(words), answer)] if words else []
    found = [place for place in found if snapped(answer, *place)[:2] == place] or found
    if not found:
        raise ValueError(f"--words has to stand in the answer as it is, but {words!r} does not")
    if len(found) > 1:
        start, end = found[0]
        click.echo(
            f"{words!r} stands in the answer {len(found)} times; meant is {start}:{end}, else give --span", err=True
        )
    return found[0]


@contextmanager
def _wrong_setting(method: str) -> Iterator[None]:
    try:
        yield
    except TypeError as error:
        raise ValueError(f"--set has to be one that {method} takes, but {error}") from error


def print_attribution(found: Attribution, documents: Mapping[str, Document]) -> None:
    """Print the words, the claim made of them, the verdict, and the places that support it or were dropped."""
    click.echo(f"Words:  {one_line(found.text)}")
    if found.snapped:
        click.echo(f"        {one_line(found.snapped)}")
    click.echo(f"Claim:  {one_line(found.claim)}")
    probable = likelihood(found.status, found.probability, found.contradicted)
    said = f" {probable}" if probable else ""
    click.echo(f"Status: {found.status.value.replace('_', ' ')}{said}, by {found.method} ({found.kind.value})")
    if found.failure:
        click.echo(f"        {one_line(found.failure)}")
    for detail in found.details:
        click.echo(f"        {one_line(detail.message)}")
    for span in found.spans:
        score = "" if span.score is None else f"  {span.score:.2f}"
        click.echo(f"  {_place(span, documents)}{score}  “{one_line(span.quote)}”")
    if found.dropped:
        click.echo("Considered and dropped:")
    for candidate in found.dropped:
        span, reason = candidate.span, one_line(candidate.reason)
        click.echo(f"  {_place(span, documents)}  “{shortened(span.quote)}”: {reason}")
    for note in found.notes:
        click.echo(f"Note: {one_line(note)}")


def _place(span: SourceSpan, documents: Mapping[str, Document]) -> str:
    pages = documents[span.document].pages_of(span.start, span.end)
    return f"{one_line(span.document)}{pages and f', {pages},'} {span.start}:{span.end}"
