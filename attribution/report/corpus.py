"""One page for a corpus of scored answers, the worst first, gathered while they pass."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..documents import as_documents
from ..io.atomic import write_text
from ..io.files import Scored
from ..io.schema import ProblemOutput, corpus_output
from ..scoring.corpus import CorpusReport
from ..scoring.results import CitationReport
from ..statistics import Interval
from ..text.statements import Status
from .model import AnswerRecord, Report
from .precompute import Precompute
from .read import label_of, place_of, summary_of
from .render import render_cases
from .truncation import Case, truncated

SHOWN = 500
"""How many answers a page holds; a browser cannot hold a million."""

ROOM = 30_000
"""Characters of documents that a page holds for each answer, or more if more is cited."""

TITLE = "Citation scores"


class CorpusPage:
    """Keeps the answers of lowest F1 while they pass, and the records that could not be read.

    Memory does not grow with the corpus: of each answer is kept what the page will hold, or, to be located, its
    documents up to :data:`~counterfoil.attribution.report.precompute.LONGEST` characters.

    Args:
        shown: How many of each.
        precompute: What locates the words of the answers that the page shows, once they are known; `None` for nothing.
    """

    def __init__(self, shown: int = SHOWN, precompute: Precompute | None = None) -> None:
        self._shown = shown
        self._precompute = precompute
        self._worst: list[tuple[float, int, Report | Case]] = []
        self._unread: list[ProblemOutput] = []
        self._seen = self._n_unread = 0

    def through(self, scored: Iterable[Scored]) -> Iterator[Scored]:
        """Yield the same records; those to be shown are kept as they pass."""
        for each in scored:
            self._keep(each)
            yield each

    def write(
        self,
        path: str | os.PathLike[str],
        corpus: CorpusReport,
        intervals: Mapping[str, Interval | None],
        settings: Mapping[str, object],
        corrected: tuple[float, Interval] | None = None,
    ) -> None:
        """Write the page, whole or not at all.

        Raises:
            OSError: If the file cannot be written.
        """
        ordered = sorted(self._worst, key=lambda entry: (-entry[0], -entry[1]))
        worst = [self._case(kept, -number) for _, number, kept in ordered]
        output = corpus_output(corpus, intervals, self._n_unread, corrected)
        notes = left_out(worst, self._seen - self._n_unread, len(self._unread), self._n_unread)
        summary = summary_of(output, self._unread, dict(settings), notes)
        write_text(path, render_cases(worst, title=TITLE, summary=summary))

    def _keep(self, scored: Scored) -> None:
        self._seen += 1
        if scored.report is None:
            self._n_unread += 1
            if len(self._unread) < self._shown:
                self._unread.append(_problem(scored))
            return
        # A heap of the largest negated F1; answers without a figure, which need a look most, come first.
        f1 = -1.0 if scored.report.f1 is None else scored.report.f1
        place = (-f1, -self._seen)
        if len(self._worst) < self._shown:
            heapq.heappush(self._worst, (*place, self._kept(scored, scored.report)))
        elif place > self._worst[0][:2]:
            heapq.heapreplace(self._worst, (*place, self._kept(scored, scored.report)))

    def _case(self, kept: Report | Case, position: int) -> Case:
        if isinstance(kept, Case):
            return kept
        return truncated(self._precompute(kept) if self._precompute else kept, ROOM, position)

    def _kept(self, scored: Scored, report: CitationReport) -> Report | Case:
        record, answer = scored.record, scored.record.answer
        shown = AnswerRecord(
            label=label_of(report.mode, report.entailment),
            text=report.answer,
            statements=report.statements,
            recall=report.recall,
            precision=report.precision,
            f1=report.f1,
        )
        documents = tuple(as_documents(answer.documents)) if answer else ()
        question = answer.question if answer else None
        name = place_of(str(record.path), record.number, answer.id if answer else "")
        whole = Report(question or "", (shown,), documents, name=name)
        located_later = self._precompute is not None and self._precompute.applies_to(whole)
        return whole if located_later else truncated(whole, ROOM, position=self._seen)


def left_out(cases: Sequence[Case], n_answers: int, n_told: int, n_unread: int) -> tuple[str, ...]:
    """Return what a page does not hold, in words."""
    notes = []
    if len(cases) < n_answers:
        notes.append(f"Here are the {len(cases):,} answers of lowest F1, of {n_answers:,}. The JSON holds all of them.")
    if n_told < n_unread:
        notes.append(f"Of {n_unread:,} records that were not read the first {n_told:,} are named.")
    cut = sum(any(document.left_out for document in kept.documents) for kept in cases)
    if cut:
        which = "one answer" if cut == 1 else f"{cut:,} answers"
        notes.append(
            f"Documents of {which} were too long for the page; what is cited is there, with the text around it."
        )
    return tuple(notes)


def _problem(scored: Scored) -> ProblemOutput:
    record = scored.record
    problem = record.problem or "could not be read"
    return ProblemOutput(file=str(record.path), number=record.number, status=Status.NOT_CHECKED, problem=problem)
