"""What is asked while the page is open: documents, answers and reviews. One question is answered at a time."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any

from counterfoil.attribution import Document
from counterfoil.attribution.loaders.documents import read_content
from counterfoil.attribution.report import AnswerRecord, Report
from counterfoil.attribution.report.locate_service import LocateService
from counterfoil.attribution.report.payload import case_data
from counterfoil.attribution.report.truncation import truncated
from counterfoil.attribution.serialization import as_data
from counterfoil.decoding.by_name import PLAIN
from counterfoil.decoding.methods import Method

from ..question_answering import Advance, answer
from ..results import AnswerBegun, Event, GroundedAnswer, GroundedSentence
from .choices import Choice, chosen, offered
from .models import Models
from .reviews import LABELS, Review, json_lines, labelled_pair

ROOM = 400_000
"""Characters of documents that the page holds for each question, or more if more is cited."""

WAIT = 0.5
"""Seconds after which a question that waits for another says so again, and sees whether its reader has left."""

Tell = Callable[[dict[str, Any]], None]
"""Sends one event to the page; raises if the page is gone."""

MOST = 2
"""How many ways to decode stand side by side."""


class SessionError(ValueError):
    """What is wrong with what the page asked, in words for its reader."""


@dataclass(frozen=True)
class Settings:
    """Of every answer: parameters of :func:`~counterfoil.grounding.answer`."""

    top_k: int = 3
    max_new_tokens: int = 80
    max_sentences: int = 3


class Session:
    """Answers the questions of one page.

    Args:
        documents: That are there from the beginning.
        models: What answers and checks.
        settings: Of every answer.
        notes: What the reader has to know from the beginning: files that were left out.
    """

    def __init__(
        self,
        documents: Sequence[Document] = (),
        models: Models | None = None,
        settings: Settings | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.documents = list(documents)
        self.models = models or Models()
        self.settings = settings or Settings()
        self.notes = list(notes)
        self.answers: list[GroundedAnswer] = []
        self.reports: list[Report] = []
        self.reviews: dict[tuple[int, int, int], Review] = {}
        self._changing = threading.Lock()
        self._working = threading.Lock()
        self.locating = LocateService(self.reports, self.models.locator, working=self._working)

    def state(self) -> dict[str, Any]:
        """Return everything that a page shows when it is opened."""
        methods, told = self._methods()
        return {
            "documents": self.listed(),
            "cases": [self._case(number) for number in range(len(self.reports))],
            "reviews": [as_data(review) for review in self.reviews.values()],
            "notes": [*self.notes, *told],
            "methods": offered(methods),
            "labels": {label: status.value for label, status in LABELS.items()},
        }

    def _methods(self) -> tuple[Sequence[type[Method]], list[str]]:
        """Return the methods that the engine can decode by, and what a reader has to know of them."""
        try:
            methods = self.models.methods()
        except (ValueError, ImportError) as error:
            return (), [f"Answers are decoded plainly: {error}."]
        plainly = "Answers are decoded plainly: the server knows no contrasts (counterfoil serve does)."
        return methods, [] if methods else [plainly]

    def listed(self) -> list[dict[str, Any]]:
        """Return the documents, without their texts."""
        with self._changing:
            return [{"id": d.id, "title": d.title, "length": len(d.text)} for d in self.documents]

    def add(self, name: str, data: bytes) -> None:
        """Add a document; one of the same name takes the place of the older one.

        Args:
            name: Of the file; its ending says how it is read.
            data: What it holds.

        Raises:
            SessionError: It cannot be read as a document.
        """
        plain = PurePath(name.replace("\\", "/")).name
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"document{PurePath(plain).suffix}")
            path.write_bytes(data)
            try:
                content = read_content(path)
            except (ValueError, OSError, ImportError) as error:
                raise SessionError(f"{plain or 'The file'} was not added: {error}.") from error
        document = Document(plain, content.text, content.title, pages=content.pages)
        with self._changing:
            self.documents[:] = sorted(
                [*(d for d in self.documents if d.id != plain), document], key=lambda each: each.id
            )

    def remove(self, id: str) -> None:
        """Take a document away; answers that were given keep it."""
        with self._changing:
            self.documents[:] = [document for document in self.documents if document.id != id]

    def ask(self, question: str, decodings: Sequence[Choice], tell: Tell) -> None:
        """Answer a question, telling of each step, word and sentence; waits while another is being answered.

        Args:
            question: What is asked.
            decodings: One way to decode, or two that are compared; see :func:`.choices.chosen`.
            tell: Called with each event. What it raises ends the work.

        Raises:
            SessionError: The question cannot be answered.
            ValueError: There is no such method, or a parameter is out of its range.
        """
        if not 1 <= len(decodings) <= MOST:
            raise SessionError(f"`decodings` has to hold 1 to {MOST} ways to decode, but holds {len(decodings)}")
        methods, _ = self._methods()
        first, *others = (chosen(decoding, methods) for decoding in decodings)
        if first in others:
            raise SessionError("Both answers would be decoded alike. Choose another method or strength for one.")
        with self._changing:
            documents = list(self.documents)
        if not documents:
            raise SessionError("There are no documents to answer from. Add some first.")
        with self._turn(tell):
            step = _steps(tell)
            engine, entailment, embedding = self.models.load(step)
            found = answer(
                question,
                documents,
                engine=engine,
                entailment=entailment,
                embedding_model=embedding,
                detail_check=self.models.detail_check,
                method=first,
                compare=next((other or PLAIN for other in others), False),
                progress=step,
                on_event=lambda event: tell(_event(event, question)),
                **asdict(self.settings),
            )
            self.answers.append(found)
            self.reports.append(found.report())
            number = len(self.reports) - 1
        tell({"event": "done", "number": number, "case": self._case(number)})

    def review(self, case: int, answer: int, statement: int, label: str | None, note: str) -> None:
        """Keep what a person says of a sentence; without a label take it back.

        Raises:
            SessionError: There is no such sentence, or no such label.
        """
        try:
            if min(case, answer, statement) < 0:
                raise IndexError
            self.answers[case].answers[answer].record.statements[statement]
        except IndexError:
            raise SessionError(f"there is no sentence {statement} of answer {answer} of question {case}") from None
        if label is None:
            self.reviews.pop((case, answer, statement), None)
        elif label in LABELS:
            review = Review(case, answer, statement, label, note)
            self.reviews[review.place] = review
        else:
            raise SessionError(f"`label` has to be one of {', '.join(LABELS)}, but is {label!r}")

    def export(self) -> str:
        """Return the reviewed sentences as JSON lines, in the order of the questions."""
        reviews = sorted(self.reviews.values(), key=lambda review: review.place)
        return json_lines(labelled_pair(self.answers[review.case], review) for review in reviews)

    def _case(self, number: int) -> dict[str, Any]:
        return case_data(truncated(self.reports[number], ROOM, number))

    @contextmanager
    def _turn(self, tell: Tell) -> Iterator[None]:
        while not self._working.acquire(timeout=WAIT):
            tell({"event": "step", "text": "Waiting until the other question is answered"})
        try:
            yield
        finally:
            self._working.release()


def _steps(tell: Tell) -> Callable[[str, int | None], Any]:
    """Return what shows the steps of the work on the page."""

    @contextmanager
    def step(description: str, total: int | None) -> Iterator[Advance]:
        tell({"event": "step", "text": description})
        yield lambda done, of: None

    return step


def _event(event: Event, question: str) -> dict[str, Any]:
    if isinstance(event, AnswerBegun):
        blank = tuple(AnswerRecord(label, "", (), None, None, None) for label in event.labels)
        report = Report(question, blank, event.documents, event.passages)
        return {"event": "begun", "case": case_data(truncated(report, ROOM))}
    if isinstance(event, GroundedSentence):
        return {"event": "sentence", **as_data(event)}
    return {"event": "text", **as_data(event)}
