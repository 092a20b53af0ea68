"""One HTML page for a corpus of scored answers, the worst first."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from .files import Scored
from .metrics.corpus import CorpusReport
from .metrics.uncertainty import Interval
from .segmentation import without_surrogates
from .verdicts import CitationReport
from .writing import write_text

if TYPE_CHECKING:
    from jinja2 import Template

SHOWN = 500
"""How many answers a page holds; a browser cannot hold a million."""


class Overview:
    """Keeps the answers of lowest F1 while they pass, and the records that could not be read.

    Args:
        shown: How many of each.
    """

    def __init__(self, shown: int = SHOWN) -> None:
        self._shown = shown
        self._worst: list[tuple[float, int, Scored]] = []
        self._unread: list[Scored] = []
        self._seen = 0

    def through(self, scored: Iterable[Scored]) -> Iterator[Scored]:
        """The same records; those to be shown are kept as they pass."""
        for each in scored:
            self._keep(each)
            yield each

    def write(
        self,
        path: str | Path,
        corpus: CorpusReport,
        intervals: Mapping[str, Interval | None],
        settings: Mapping[str, object],
    ) -> None:
        """Writes the page, whole or not at all.

        Raises:
            OSError: Where the file cannot be written.
        """
        worst = [scored for _, _, scored in sorted(self._worst, key=lambda entry: (-entry[0], -entry[1]))]
        names = ("recall", "precision", "mean_f1", "f1_of_means")
        page = _template().render(
            figures=[(name.replace("_", " "), getattr(corpus, name), intervals.get(name)) for name in names],
            corpus=corpus,
            settings=settings,
            answers=[(scored.record, scored.report, pieces(scored.report)) for scored in worst if scored.report],
            unread=self._unread,
            n_seen=self._seen,
        )
        write_text(path, without_surrogates(page))

    def _keep(self, scored: Scored) -> None:
        self._seen += 1
        if scored.report is None:
            if len(self._unread) < self._shown:
                self._unread.append(scored)
            return
        # A heap of the largest negated F1; answers without a figure, which need a look most, come first.
        f1 = -1.0 if scored.report.f1 is None else scored.report.f1
        entry = (-f1, -self._seen, scored)
        if len(self._worst) < self._shown:
            heapq.heappush(self._worst, entry)
        else:
            heapq.heappushpop(self._worst, entry)


def pieces(report: CitationReport) -> list[tuple[str, int | None]]:
    """The answer in pieces, each with the number of its statement, or `None` for what lies between."""
    found: list[tuple[str, int | None]] = []
    position = 0
    for number, statement in enumerate(report.statements):
        found.append((report.answer[position : statement.start], None))
        found.append((report.answer[statement.start : statement.end], number))
        position = statement.end
    found.append((report.answer[position:], None))
    return [(text, number) for text, number in found if text]


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 (only needed where a page is made)

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(files(str(__package__)).joinpath("overview.html").read_text(encoding="utf-8"))
