"""Locating for a served page: one Locator an answer and method, made when it is first needed, one request at a time."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from ..locating import METHODS, Locator
from ..locating.results import Attribution
from .model import AnswerRecord, Report

KEPT = 4
"""How many locators are kept; each holds what a model computed for one answer and its documents."""

MakeLocator = Callable[[Report, AnswerRecord, str], Locator]


class RequestValueError(ValueError):
    """A request that names something that is not there."""


class SupersededError(RuntimeError):
    """A newer request came while this one waited."""


class LocateService:
    """Locates words of the answers of some reports, the newest request first.

    Args:
        reports: What the page shows, in its order.
        make: Makes the locator of an answer for a method.
        working: Held while a model works; one of its own by default.
    """

    def __init__(self, reports: Sequence[Report], make: MakeLocator, *, working: threading.Lock | None = None) -> None:
        self._reports = reports
        self._make = make
        self._locators: OrderedDict[tuple[int, int, str], Locator] = OrderedDict()
        self._working = working or threading.Lock()
        self._newest = 0
        self._doing: tuple[str, float] | None = None

    def locate(self, case: int, answer: int, start: int, end: int, method: str) -> Attribution:
        """Return what the words `[start, end)` of an answer rest on.

        Raises:
            RequestValueError: For an answer or a method that does not exist, or a range outside the answer.
            SupersededError: If another request came while this one waited.
        """
        if method not in METHODS:
            raise RequestValueError(f"`method` has to be one of {', '.join(METHODS)}, but is {method!r}")
        if not 0 <= case < len(self._reports) or not 0 <= answer < len(self._reports[case].answers):
            raise RequestValueError(
                f"`case` and `answer` have to name an answer of the page, but are {case} and {answer}"
            )
        length = len(self._reports[case].answers[answer].text)
        if not 0 <= start <= end <= length:
            raise RequestValueError(
                f"`start` and `end` have to lie within the {length} characters of the answer, but are {start} and {end}"
            )
        self._newest += 1
        own = self._newest
        with self._working:
            if own != self._newest:
                raise SupersededError("a newer request took the place of this one")
            try:
                locator = self._locator(case, answer, method)
                self._doing = ("Locating the words", time.monotonic())
                return locator.locate((start, end))
            finally:
                self._doing = None

    def progress(self) -> str:
        """Return what is being done, for a person who waits; empty if nothing is."""
        doing = self._doing
        return f"{doing[0]} … {time.monotonic() - doing[1]:.0f} s" if doing else ""

    def _locator(self, case: int, answer: int, method: str) -> Locator:
        key = (case, answer, method)
        if key not in self._locators:
            self._doing = ("Loading the models and reading the documents", time.monotonic())
            report = self._reports[case]
            self._locators[key] = self._make(report, report.answers[answer], method)
            while len(self._locators) > KEPT:
                self._locators.popitem(last=False)
        self._locators.move_to_end(key)
        return self._locators[key]
