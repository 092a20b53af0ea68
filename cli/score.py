"""`counterfoil score`: does what the answers of a file cite support what they say?"""

from __future__ import annotations

import importlib.util
import json as json_module
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import click
from counterfoil.attribution import EntailmentModel, Scoring
from counterfoil.attribution.entailment.cached import CachedEntailment, JudgementCache
from counterfoil.attribution.entailment.detail_checked import measured
from counterfoil.attribution.io.files import Scored, ScoreWriter, score_files
from counterfoil.attribution.io.schema import comparison_output, corpus_output
from counterfoil.attribution.locating.decontextualization import WAYS
from counterfoil.attribution.locating.registry import load_model
from counterfoil.attribution.report import CorpusPage
from counterfoil.attribution.report.precompute import Precompute
from counterfoil.attribution.scoring.corpus import CorpusReport, summarise
from counterfoil.attribution.scoring.corpus import compare as compare_corpora
from counterfoil.attribution.scoring.groundedness import CLAIMS
from counterfoil.attribution.scoring.score import MODES
from counterfoil.attribution.serialization import package_versions
from counterfoil.attribution.statistics import Comparison, Interval, Reliability
from counterfoil.attribution.text.statements import SPLITTERS, Status, load_splitter
from counterfoil.grounding.question_answering import LOCATE_METHODS
from platformdirs import user_cache_path
from rich.console import Console

from .calibrate import print_reliability, read_calibration
from .judge import Judge
from .options import INPUT_FILE, PROBABILITY, Command, judge_options, output_option
from .output import print_line, print_table, print_written, shown_number, shown_range, stdout
from .progress import Pace, Progress

UNDER, UNCHECKED = 1, 3
"""Exit codes: the figure is under `--fail-under`; something could not be read or checked."""

PACKAGES = ("counterfoil", "sentencex", "transformers", "torch")
FIGURES = {
    "recall": "Citation recall",
    "precision": "Citation precision",
    "mean_f1": "F1, mean over answers",
    "f1_of_means": "F1 of the two means",
    "groundedness": "Groundedness",
}
WINDOW = 256
"""Answers that share their batches, for each worker."""

_TOLD = 10


@dataclass(frozen=True)
class Run:
    """The options of a run, ready to use.

    Args:
        files: What to score.
        scoring: How.
        judge: The entailment model.
        cache: Folder of the cache; `None` for none.
        strict_input: Whether to stop at the first problem.
        json: Where to write the result.
        report: Where to write the page.
        locate: Method by which the page's words are located beforehand, or `"none"`.
        compare: What to compare with.
        sentences: Name of the sentence splitter, for the record.
        calibration: Where the threshold is read from; `None` for that of `scoring`.
        workers: How many Ray workers judge; `None` for this process alone.
    """

    files: Sequence[Path]
    scoring: Scoring
    judge: Judge = field(default_factory=Judge)
    cache: Path | None = None
    strict_input: bool = False
    json: Path | None = None
    report: Path | None = None
    locate: str = "none"
    compare: Sequence[Path] = ()
    sentences: str = "sentencex"
    calibration: Path | None = None
    workers: int | None = None


@click.command(cls=Command)
@click.argument("files", nargs=-1, required=True, type=INPUT_FILE, metavar="FILE...")
@judge_options("Who judges: local, true, trueteacher, minicheck, hhem, nli:HUB_ID, llm:MODEL, ...")
@click.option("--mode", type=click.Choice(MODES), default="strict", help="alce: ALCE's figures number for number.")
@click.option("--fail-under", type=PROBABILITY, metavar="F", help="Exit with 1 if the figure is below this.")
@click.option("--figure", type=click.Choice(tuple(FIGURES)), default="mean_f1", help="Which figure --fail-under means.")
@output_option("--json", "Write everything as JSON here.")
@output_option("--report", "Write a page for the browser here.")
@click.option(
    "--locate", type=click.Choice(LOCATE_METHODS), default="none",
    help="For --report: how to locate the words of each clause beforehand.",
)  # fmt: skip
@click.option(
    "--compare", multiple=True, type=INPUT_FILE, metavar="FILE",
    help="The same answers by another system, tested pair by pair.",
)  # fmt: skip
@click.option(
    "--threshold", type=PROBABILITY, metavar="NUMBER",
    help="From which probability on it counts as support. Default: the model's own.",
)  # fmt: skip
@click.option(
    "--calibration", type=INPUT_FILE, metavar="FILE", help="Take the threshold that `counterfoil calibrate` found."
)
@click.option("--quotes", is_flag=True, help="Look for the supporting passage of each document.")
@click.option(
    "--sentences", type=click.Choice(SPLITTERS), default="sentencex", help="Who cuts sentences; ALCE uses nltk."
)
@click.option(
    "--decontextualize", type=click.Choice(WAYS), default="rules",
    help="How pronouns and missing topics are understood before a statement is judged; none: as it stands.",
)  # fmt: skip
@click.option(
    "--groundedness", type=click.Choice(CLAIMS), default="none",
    help="The share of sentences, or of clauses, that any document supports, cited or not.",
)  # fmt: skip
@click.option("--check-worthy", is_flag=True, help="Leave out, and count, sentences that need no source.")
@click.option("--list-answer", is_flag=True, help="With --mode alce: answers are lists, as in QAMPARI.")
@click.option(
    "--engine", type=click.Choice(("local", "ray")), default="local",
    help="ray: workers on this machine or on a cluster.",
)  # fmt: skip
@click.option(
    "--workers", type=int, metavar="N",
    help="With --engine ray: how many workers, each with a copy of the model. Default: 2.",
)  # fmt: skip
@click.option(
    "--cache", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Folder of the judgement cache. Default: in the user's cache folder.",
)  # fmt: skip
@click.option("--no-cache", is_flag=True, help="Judge everything again, and keep nothing.")
@click.option(
    "--max-unchecked", type=PROBABILITY, default=0.0, metavar="SHARE",
    help="How many records may be unread or unchecked before it exits with 3. Default: 0.",
)  # fmt: skip
@click.option("--strict-input", is_flag=True, help="Stop at the first record or pair that cannot be read or checked.")
def score(
    files: tuple[Path, ...],
    judge: Judge,
    mode: str,
    fail_under: float | None,
    figure: str,
    json: Path | None,
    report: Path | None,
    locate: str,
    compare: tuple[Path, ...],
    threshold: float | None,
    calibration: Path | None,
    quotes: bool,
    sentences: str,
    decontextualize: str,
    groundedness: str,
    check_worthy: bool,
    list_answer: bool,
    engine: str,
    workers: int | None,
    cache: Path | None,
    no_cache: bool,
    max_unchecked: float,
    strict_input: bool,
) -> int:
    """Score the citations of answers.

    FILE holds JSON lines with RAGAS columns, or is a result file of ALCE. Exits with 0; with 3 if more than
    --max-unchecked could not be read or checked; with 1 if the figure is under --fail-under.
    """
    if calibration is not None and threshold is not None:
        raise ValueError("--threshold and --calibration both set the threshold: leave one of them out")
    if locate != "none" and report is None:
        raise ValueError("--locate is for the page: add --report FILE, or leave it out")
    if engine == "local" and workers is not None:
        raise ValueError("--workers is for --engine ray: leave one of them out, or name both")
    scoring = Scoring(
        sentences=load_splitter(sentences),
        mode=mode,
        threshold=threshold,
        quotes=quotes or report is not None,
        list_answer=list_answer,
        detail_check=judge.detail_check,
        decontextualize=decontextualize,
        groundedness=groundedness,
        check_worthy=check_worthy,
    )
    if figure == "groundedness" and groundedness == "none":
        raise ValueError("--figure groundedness needs --groundedness sentences or clauses")
    corpus, problems = run(
        Run(
            files,
            scoring,
            judge,
            cache=None if no_cache else _cache_folder(cache),
            strict_input=strict_input,
            json=json,
            report=report,
            locate=locate,
            compare=compare,
            sentences=sentences,
            calibration=calibration,
            workers=(2 if workers is None else workers) if engine == "ray" else None,
        )
    )
    if problems.share > max_unchecked:
        return UNCHECKED
    value = getattr(corpus, figure)
    if fail_under is not None and (value is None or value < fail_under):
        click.echo(f"{figure} is {'no figure' if value is None else f'{value:.3f}'}, under {fail_under:g}", err=True)
        return UNDER
    return 0


def _cache_folder(asked: Path | None) -> Path | None:
    """Return the folder asked for; else the user's, if the extra for it is installed, which scoring does not need."""
    if asked is None and importlib.util.find_spec("diskcache") is None:
        click.echo('without a cache: pip install "counterfoil[cache]" to judge each pair once', err=True)
        return None
    return asked or user_cache_path("counterfoil") / "judgements"


class Problems:
    """What could not be read or checked: all of it counted, the first of it told.

    Attributes:
        total: Records with a problem.
    """

    def __init__(self) -> None:
        self.total = self._seen = 0
        self._told: list[str] = []

    def watched(self, stream: Iterator[Scored]) -> Iterator[Scored]:
        """Yield the same records, looked at as they pass."""
        for scored in stream:
            self._seen += 1
            if scored.failures:
                self.total += 1
                if self.total <= _TOLD:
                    record = scored.record
                    self._told.append(f"{record.path}, record {record.number}: {scored.failures[0]}")
            yield scored

    @property
    def share(self) -> float:
        """Return the share of the records that has a problem, in [0, 1]."""
        return self.total / max(self._seen, 1)

    def tell(self) -> None:
        """Write them to standard error."""
        for line in [*self._told, *([f"{self.total - _TOLD} records more"] if self.total > _TOLD else [])]:
            click.echo(f"not checked: {line}", err=True)


def run(options: Run) -> tuple[CorpusReport, Problems]:
    """Score the files, print the figures, and write what is to be written.

    Raises:
        ValueError: Settings or files cannot be used, or corpora cannot be compared; what was scored is written all the
            same.
        OSError: Files cannot be read or written.
    """
    problems = Problems()
    with ExitStack() as stack:
        model, batch = stack.enter_context(options.judge.started(options.workers))
        pace = Pace(stack.enter_context(stack.enter_context(Progress()).status("Scoring")))
        cache = options.cache and JudgementCache(options.cache, model.name)
        engine = options.scoring.judge(
            CachedEntailment(model, cache=cache or None, batch=batch, on_progress=pace.judged)
        )
        # With another threshold the judge errs otherwise than it was found to.
        reliability = measured(engine) if options.scoring.threshold is None else None
        if options.calibration is not None:
            threshold, reliability = read_calibration(options.calibration, engine.name)
            options = replace(options, scoring=replace(options.scoring, threshold=threshold))
        stream = problems.watched(_scored(options.files, engine, options))
        described = settings(options, engine, reliability)
        writer = page = None
        if options.json is not None:
            writer = stack.enter_context(ScoreWriter(options.json, described, package_versions(*PACKAGES)))
            stream = writer.through(stream)
        if options.report is not None:
            page = CorpusPage(precompute=_precompute(options, engine))
            stream = page.through(stream)
        corpus = summarise(pace.reports(stream))
        intervals = _intervals(corpus)
        corrected = None if reliability is None else corpus.corrected_share(reliability)
        compared, refused = None, None
        if options.compare:
            others = problems.watched(_scored(options.compare, engine, options))
            compared, refused = _compared(corpus, summarise(pace.reports(others)))
        if writer is not None:
            comparison = None if compared is None else comparison_output(compared)
            writer.finish(corpus_output(corpus, intervals, corpus.n_unread, corrected), comparison)
        if page is not None and options.report is not None:
            page.write(options.report, corpus, intervals, described, corrected)
    print_figures(stdout(), corpus, intervals, compared)
    print_line(stdout(), "mode {mode}, entailment {entailment}, threshold {threshold:g}".format(**described))
    if reliability is not None:
        print_reliability(stdout(), corpus, reliability, corrected)
    if usage := getattr(model, "usage", None):
        print_line(stdout(), str(usage))
    print_written(JSON=options.json, Report=options.report)
    problems.tell()
    if refused is not None:
        raise refused
    return corpus, problems


def settings(
    options: Run, model: EntailmentModel, reliability: Reliability | None
) -> dict[str, str | float | bool | None]:
    """Return how the run was made, for the record."""
    scoring = options.scoring
    return {
        "mode": scoring.mode,
        "entailment": model.name,
        "judge measured": None if reliability is None else str(reliability),
        "threshold": model.threshold if scoring.threshold is None else scoring.threshold,
        "calibration": options.calibration and options.calibration.name,
        "sentences": options.sentences,
        "list_answer": scoring.list_answer,
        "max_citations": scoring.max_citations if scoring.mode == "alce" else None,
        "quotes": scoring.quotes,
        "decontextualize": str(scoring.decontextualize) if scoring.mode == "strict" else None,
        "groundedness": scoring.groundedness,
        "check_worthy": scoring.check_worthy,
        **{f"option {name}": json_module.dumps(value) for name, value in options.judge.options.items()},
    }


def print_figures(
    out: Console,
    corpus: CorpusReport,
    intervals: Mapping[str, Interval | None],
    compared: Mapping[str, Comparison] | None,
) -> None:
    """Print the figures with their intervals, the counts, and the comparison if there is one."""
    shown = {name: title for name, title in FIGURES.items() if name != "groundedness" or corpus.counts.get("claims")}
    rows = [
        (title, shown_number(getattr(corpus, name)), shown_range(intervals.get(name))) for name, title in shown.items()
    ]
    print_table(out, ("", "value", "interval"), rows, plain="columns")
    counts = corpus.counts
    by_status = ", ".join(f"{counts[s.value]} {s.value.replace('_', ' ')}" for s in Status if counts.get(s.value))
    of = f"{corpus.n_counted} of {corpus.n_answers} answers counted, {counts.get('statements', 0)} statements"
    print_line(out, f"{of}: {by_status}")
    print_line(out, f"{counts.get('citations', 0)} citations, {counts.get('citations_invalid', 0)} of no document")
    if claims := counts.get("claims"):
        print_line(out, f"{claims} claims, {counts['claims_grounded']} of them supported by a document, cited or not")
    if omitted := counts.get("sentences_omitted"):
        print_line(out, f"{omitted} sentences that need no source were left out")
    if unread := counts.get("citations_unread"):
        why = "are in no notation that is read (docs/scoring.md)"
        print_line(out, f"{unread} that look like citations, but {why}: {', '.join(corpus.unread)}")
    for name, found in (compared or {}).items():
        print_line(
            out,
            f"Difference in {FIGURES[name]}: {found.difference:+.3f} {shown_range(found.interval)} "
            f"p = {found.p_value:.4f}, {found.n} answers",
        )


def _precompute(options: Run, engine: EntailmentModel) -> Precompute | None:
    """Return what locates words for the page, if that was asked for."""
    if options.locate == "none":
        return None
    return Precompute(options.locate, load_model(options.locate, None, {})[0], engine, options.scoring.threshold)


def _scored(files: Sequence[Path], engine: EntailmentModel, options: Run) -> Iterator[Scored]:
    return score_files(
        files,
        entailment=engine,
        scoring=options.scoring,
        strict_input=options.strict_input,
        window=WINDOW * (options.workers or 1),
    )


def _compared(
    corpus: CorpusReport, other: CorpusReport
) -> tuple[dict[str, Comparison] | None, ValueError | ImportError | None]:
    """Return the comparison, or why there is none: what has been judged by then is not to be lost with it."""
    try:
        return compare_corpora(corpus, other), None
    except (ValueError, ImportError) as error:
        return None, error


def _intervals(corpus: CorpusReport) -> dict[str, Interval | None]:
    try:
        return corpus.intervals()
    except ImportError as error:
        click.echo(f"without intervals: {error}", err=True)
        return {}
