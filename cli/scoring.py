"""What `counterfoil score` does between reading its options and leaving with a code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

from counterfoil.attribution import CitationReport, EntailmentModel, Scoring
from counterfoil.attribution.entailment.cached import CachedEntailment, JudgementCache
from counterfoil.attribution.io.schema import comparison_output, corpus_output
from counterfoil.attribution.io.writer import ScoreWriter
from counterfoil.attribution.report import CorpusPage, Report
from counterfoil.attribution.scoring.corpus import CorpusReport, compare, summarise
from counterfoil.attribution.scoring.files import Scored, score_files
from counterfoil.attribution.statistics import Comparison, Interval

from .calibrate import read_calibration
from .figures import print_figures
from .loading import judge
from .pace import Pace

WINDOW = 256
"""Answers that share their waves, for each worker."""

_TOLD = 10


@dataclass(frozen=True)
class Run:
    """The options of a run, ready to use.

    Args:
        files: What to score.
        scoring: How.
        entailment: Name of the model.
        model_options: What its class is given.
        cache: Folder of the cache; `None` for none.
        strict_input: Whether to stop at the first problem.
        json: Where to write the result.
        report: Where to write the page.
        locate: Method by which the page's words are located beforehand, or `"none"`.
        other: What to compare with.
        sentences: Name of the sentence splitter, for the record.
        calibration: Where the threshold is read from; `None` for that of `scoring`.
        workers: How many Ray workers judge; `None` for this process alone.
    """

    files: Sequence[Path]
    scoring: Scoring
    entailment: str = "local"
    model_options: Mapping[str, object] = field(default_factory=dict)
    cache: Path | None = None
    strict_input: bool = False
    json: Path | None = None
    report: Path | None = None
    locate: str = "none"
    other: Sequence[Path] = ()
    sentences: str = "sentencex"
    calibration: Path | None = None
    workers: int | None = None


class Problems:
    """What could not be read or checked: all of it counted, the first of it told.

    Attributes:
        total: Records with a problem.
    """

    def __init__(self) -> None:
        self.total = 0
        self._told: list[str] = []

    def watched(self, stream: Iterator[Scored]) -> Iterator[Scored]:
        """The same records, looked at as they pass."""
        for scored in stream:
            if scored.failures:
                self.total += 1
                if self.total <= _TOLD:
                    record = scored.record
                    self._told.append(f"{record.path}, record {record.number}: {scored.failures[0]}")
            yield scored

    def tell(self) -> None:
        """Writes them to standard error."""
        lines = [*self._told, *([f"{self.total - _TOLD} records more"] if self.total > _TOLD else [])]
        for line in lines:
            print(f"not checked: {line}", file=sys.stderr)


def run(options: Run) -> tuple[CorpusReport, Problems]:
    """Scores the files, prints the figures, and writes what is to be written.

    Raises:
        ValueError: For settings or files that cannot be used, or corpora that cannot be compared; what was scored is
            written all the same.
        OSError: For files that cannot be read or written.
    """
    problems = Problems()
    with ExitStack() as stack:
        model, batch = stack.enter_context(judge(options.entailment, options.model_options, options.workers))
        if options.calibration is not None:
            threshold = read_calibration(options.calibration, model.name)
            options = replace(options, scoring=replace(options.scoring, threshold=threshold))
        pace = stack.enter_context(Pace())
        cache = options.cache and JudgementCache(options.cache, model.name)
        engine = CachedEntailment(model, cache=cache or None, batch=batch, on_progress=pace.judged)
        stream = problems.watched(_scored(options.files, engine, options))
        described = settings(options, model)
        writer = page = None
        if options.json is not None:
            writer = stack.enter_context(ScoreWriter(options.json, described, versions()))
            stream = writer.through(stream)
        if options.report is not None:
            page = CorpusPage(prepared=_prepared(options, engine))
            stream = page.through(stream)
        corpus = summarise(_reports(stream, pace))
        intervals = _intervals(corpus)
        compared, refused = None, None
        if options.other:
            others = problems.watched(_scored(options.other, engine, options))
            compared, refused = _compared(corpus, summarise(_reports(others, pace)))
        if writer is not None:
            comparison = None if compared is None else comparison_output(compared)
            writer.finish(corpus_output(corpus, intervals, corpus.n_unread), comparison)
        if page is not None and options.report is not None:
            page.write(options.report, corpus, intervals, described)
    print_figures(corpus, intervals, compared)
    for title, path in (("JSON", options.json), ("Report", options.report)):
        if path is not None:
            print(f"{title}: {path}")
    problems.tell()
    if refused is not None:
        raise refused
    return corpus, problems


def settings(options: Run, model: EntailmentModel) -> dict[str, str | float | bool | None]:
    """How the run was made, for the record."""
    scoring = options.scoring
    return {
        "mode": scoring.mode,
        "entailment": model.name,
        "threshold": model.threshold if scoring.threshold is None else scoring.threshold,
        "calibration": options.calibration and options.calibration.name,
        "sentences": options.sentences,
        "list_answer": scoring.list_answer,
        "max_citations": scoring.max_citations if scoring.mode == "alce" else None,
        "quotes": scoring.quotes,
        **{f"option {name}": json.dumps(value) for name, value in options.model_options.items()},
    }


def versions() -> dict[str, str]:
    """Of what the figures depend on."""
    return {name: version(name) for name in ("counterfoil", "sentencex", "transformers", "torch")}


def _prepared(options: Run, engine: CachedEntailment) -> Callable[[Report], Report] | None:
    """What locates words for the page, where that was asked for."""
    if options.locate == "none":
        return None
    from counterfoil.attribution.locating.registry import load_model  # noqa: PLC0415
    from counterfoil.attribution.report.precompute import locating  # noqa: PLC0415

    model = load_model(options.locate, None, {})[0]
    return locating(options.locate, model, engine, options.scoring.threshold)


def _scored(files: Sequence[Path], engine: CachedEntailment, options: Run) -> Iterator[Scored]:
    return score_files(
        files,
        entailment=engine,
        scoring=options.scoring,
        strict_input=options.strict_input,
        window=WINDOW * (options.workers or 1),
    )


def _reports(stream: Iterator[Scored], pace: Pace) -> Iterator[CitationReport | None]:
    for scored in stream:
        pace.scored()
        yield scored.report


def _compared(
    corpus: CorpusReport, other: CorpusReport
) -> tuple[dict[str, Comparison] | None, ValueError | ImportError | None]:
    """The comparison, or why there is none: what has been judged by then is not to be lost with it."""
    try:
        return compare(corpus, other), None
    except (ValueError, ImportError) as error:
        return None, error


def _intervals(corpus: CorpusReport) -> dict[str, Interval | None]:
    try:
        return corpus.intervals()
    except ImportError as error:
        print(f"without intervals: {error}", file=sys.stderr)
        return {}
