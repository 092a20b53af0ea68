"""`counterfoil ask`: answer a question from documents, and show what each sentence rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import click
from counterfoil.attribution import Document, StatementVerdict, Status
from counterfoil.attribution.io.atomic import write_text
from counterfoil.attribution.loaders.documents import DocumentError, read_documents
from counterfoil.attribution.report import write_report
from counterfoil.attribution.report.model import LABELS, likelihood
from counterfoil.decoding.by_name import PLAIN
from counterfoil.grounding import GroundedAnswer, answer
from counterfoil.grounding.contrasts import document_methods
from counterfoil.grounding.question_answering import LOCATE_METHODS, LocateMethod
from rich.console import Console
from rich.text import Text

from .errors import with_option_names
from .options import Command, Number, answering_engine, answering_options, documents_option, output_option
from .output import one_line, print_line, print_notes, print_written, shortened, stdout
from .progress import Progress

_STYLES = {
    Status.SUPPORTED: "green",
    Status.PARTIALLY_SUPPORTED: "yellow",
    Status.NOT_SUPPORTED: "red",
    Status.CONTRADICTED: "magenta",
}


@click.command(cls=Command)
@click.argument("question")
@click.argument("more", nargs=-1, type=click.Path(path_type=Path), metavar="--documents DIR|FILE...")
@documents_option(required=False)
@click.option(
    "--method", type=click.Choice((*document_methods(), PLAIN)), default="cad", metavar="METHOD",
    help=f"What decodes against the same question without documents: {', '.join(document_methods())}. none: decode "
    "plainly.",
)  # fmt: skip
@click.option(
    "--strength", type=Number(min=0), metavar="NUMBER",
    help="Of --method: the weight of its contrast. Default: the method's own.",
)  # fmt: skip
@click.option("--compare", is_flag=True, help="Decode plainly as well and show both answers.")
@output_option("--report", "Write the page for the browser here.")
@output_option("--json", "Write everything as JSON here.")
@answering_options
@click.option("--check-with", metavar="NAME", help="Another judge for the recall and precision of the citations.")
@click.option(
    "--locate", type=click.Choice(LOCATE_METHODS), default="alignment",
    help="For --report and --json: how to locate the words of each clause beforehand.",
)  # fmt: skip
@click.pass_context
def ask(
    ctx: click.Context,
    question: str,
    more: tuple[Path, ...],
    documents: tuple[Path, ...],
    model: str | None,
    endpoint: str | None,
    api_key: str | None,
    method: str,
    strength: float | None,
    compare: bool,
    report: Path | None,
    json: Path | None,
    top_k: int,
    max_new_tokens: int,
    max_sentences: int,
    drafts: bool,
    entailment: str,
    detail_check: bool,
    check_with: str | None,
    embedding_model: str | None,
    locate: LocateMethod,
) -> None:
    """Answer a question from documents, with checked citations.

    QUESTION comes first, in quotes; --documents takes any number of files and folders.
    """
    if not question.strip():
        raise ValueError('the question has to hold a word, but is empty. Ask, for example: counterfoil ask "Who …?"')
    if not documents:
        raise ValueError("--documents has to name files or folders, but is missing. Add, for example: --documents .")
    with Progress() as progress:
        with progress.step("Reading documents"):
            reading = read_documents(_checked(documents, more))
        found = answer(
            question,
            reading.documents,
            engine=answering_engine(model, endpoint, api_key),
            method=method,
            strength=strength,
            compare=compare,
            entailment=entailment,
            detail_check=detail_check,
            check_with=check_with,
            embedding_model=embedding_model,
            top_k=top_k,
            max_new_tokens=max_new_tokens,
            max_sentences=max_sentences,
            drafts=drafts,
            locate=locate if report is not None or json is not None else "none",
            progress=progress.step,
        )
    names = ctx.command.option_names({}) if isinstance(ctx.command, Command) else {}
    found = replace(
        found,
        left_out=tuple((file.path, file.reason) for file in reading.left_out),
        notes=(
            *(f"Left out: {file}." for file in reading.left_out),
            *(with_option_names(note, names) for note in found.notes),
        ),
    )
    print_answer(stdout(), found)
    if report is not None:
        write_report(report, found.report())
    if json is not None:
        write_text(json, found.to_json())
    print_written(Report=report, JSON=json)


def _checked(documents: tuple[Path, ...], more: tuple[Path, ...]) -> tuple[Path, ...]:
    for path in more:
        if not path.exists():
            raise DocumentError(
                f"cannot read {str(path)!r}: there is no such file or folder. If it is a word of the question, put the "
                "whole question in quotes; else check the path."
            )
    return (*documents, *more)


def print_answer(out: Console, found: GroundedAnswer) -> None:
    """Print each answer with its citations, verdicts and scores, then the sources and the notes."""
    for checked in found.answers:
        record = checked.record
        if len(found.answers) > 1:
            print_line(out, Text(record.label, style="bold"))
        print_line(out, Text(one_line(checked.text_with_markers) or "(the model wrote nothing)"))
        print_line(out)
        for verdict in record.statements:
            print_line(out, _verdict(verdict))
            if verdict.claim:
                print_line(out, Text(f"      read as: {one_line(verdict.claim)}", style="dim"))
            for detail in verdict.details:
                print_line(out, Text(f"      {one_line(detail.message)}", style="dim"))
        figures = (("recall", record.recall), ("precision", record.precision), ("F1", record.f1))
        listed = ", ".join(f"{name} {'–' if value is None else format(value, '.2f')}" for name, value in figures)
        print_line(out, Text(f"  Citations: {listed}", style="bold"))
        if graded := _graded_by(found.settings):
            print_line(out, Text(f"  {graded}", style="dim"))
        if told := found.settings.get("Judge measured"):
            print_line(out, Text(f"  this judge: {one_line(told)}", style="dim"))
        print_line(out)
    for source in _sources(found):
        print_line(out, source)
    print_notes(out, found.notes)


def _graded_by(settings: Mapping[str, str]) -> str:
    """Return who judged the citations, and that it did so for its own if it did."""
    judge, scorer = settings.get("Entailment model", ""), settings.get("Scores judged by", "")
    if judge != scorer or not judge:
        return f"judged by {one_line(scorer)}" if scorer else ""
    return f"judged by {one_line(judge)}, which chose these citations itself; --check-with NAME asks another judge"


def _verdict(verdict: StatementVerdict) -> Text:
    sign, label = LABELS[Status(verdict.status)]
    text = Text(f"  {sign} {label}", style=_STYLES.get(Status(verdict.status), ""))
    said = likelihood(Status(verdict.status), verdict.probability, verdict.contradicted)
    text.append(f" {said}" if said else "")
    return text.append(f"  {one_line(verdict.text)}", style="default")


def _sources(found: GroundedAnswer) -> Iterator[Text]:
    """Yield the documents that the model read, each with the words that are cited from it."""
    statements = [verdict for checked in found.answers for verdict in checked.record.statements]
    cited = [citation for verdict in statements for citation in verdict.citations]
    read = {passage.document.id for passage in found.passages}
    for number, document in enumerate(found.documents, start=1):
        if document.id in read:
            own = [citation for citation in cited if citation.document == document.id and citation.quote]
            quotes = {citation.quote: document.pages_of(citation.start, citation.end) for citation in own}
            yield _source(number, document, cited=bool(quotes))
            for quote, pages in quotes.items():
                yield Text(f"    “{shortened(quote)}”{pages and f' ({pages})'}", style="italic")


def _source(number: int, document: Document, *, cited: bool) -> Text:
    title = f"  {one_line(document.title)}" if document.title else ""
    return Text(f"[{number}] {one_line(document.id)}").append(title if cited else f"{title}  (read, not cited)", "dim")
