"""Answering as an iterator: sentences come out as they are finished, the whole answer at the end."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Generator, Sequence
from queue import SimpleQueue
from typing import Any, TypeVar

from counterfoil.attribution import Document

from .question_answering import Retriever, answer
from .results import Event, GroundedAnswer, GroundedSentence

Value = TypeVar("Value")
Result = TypeVar("Result")


class AnswerStream:
    """The sentences of an answer, in order, each when it is finished and checked.

    Decoding goes on only while the next sentence is waited for, and ends when the iteration is given up or closed
    (leave a `with` block, or call :meth:`close`).

    Args:
        events: Yields what :func:`~counterfoil.grounding.answer` tells, and returns the whole answer.
    """

    def __init__(self, events: Generator[Event, None, GroundedAnswer]) -> None:
        self._events = events
        self._answer: GroundedAnswer | None = None

    def __iter__(self) -> AnswerStream:
        """Return the iterator itself."""
        return self

    def __next__(self) -> GroundedSentence:
        """Return the next sentence.

        Raises:
            StopIteration: There is none: the answer is whole.
        """
        while True:
            try:
                event = next(self._events)
            except StopIteration as ended:
                self._answer = ended.value or self._answer
                raise StopIteration from None
            if isinstance(event, GroundedSentence):
                return event

    def __enter__(self) -> AnswerStream:
        """Return the iterator itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the decoding."""
        self.close()

    def close(self) -> None:
        """End the decoding."""
        self._events.close()

    @property
    def answer(self) -> GroundedAnswer:
        """Return the whole answer, as :func:`~counterfoil.grounding.answer` does; sentences not yet read are read.

        Raises:
            RuntimeError: The iteration was closed before the answer was whole.
        """
        for _ in self:
            pass
        if self._answer is None:
            raise RuntimeError("`answer` has to be asked for before the stream is closed, but it was closed unfinished")
        return self._answer


def stream(question: str, documents: Sequence[Document | str] | Retriever, **options: Any) -> AnswerStream:  # noqa: ANN401 (answer's own)
    """Answer a question from documents, sentence by sentence.

    Nothing is done before the first sentence is asked for. A sentence whose bounds later words have changed comes again
    at the end; with `compare` the sentences of the second answer follow those of the first.

    Args:
        question: What is asked.
        documents: As for :func:`~counterfoil.grounding.answer`.
        **options: Likewise.

    Raises:
        TypeError: From the iteration, as :func:`~counterfoil.grounding.answer` does.
        ValueError: Likewise.
        ModelLoadError: Likewise.
    """
    tell = options.pop("on_event", None)

    def work(on_event: Callable[[Event], None]) -> GroundedAnswer:
        def both(event: Event) -> None:
            if tell is not None:
                tell(event)
            on_event(event)

        return answer(question, documents, on_event=both, **options)

    return AnswerStream(in_lockstep(work))


class _ClosedError(BaseException):
    """Unwinds the work of an iteration that was given up; no handler of errors takes it for one."""


def in_lockstep(work: Callable[[Callable[[Value], None]], Result]) -> Generator[Value, None, Result]:
    """Yield each value that `work` calls its argument with, and return what it returns.

    The work is done on a thread of its own, but only while a value is waited for, so that two computations never
    contend for one device. When the generator is closed, the work's next call raises.

    Args:
        work: Is given the function to call.
    """
    values: SimpleQueue[tuple[str, Any]] = SimpleQueue()
    wanted: SimpleQueue[bool] = SimpleQueue()

    def told(value: Value) -> None:
        values.put(("value", value))
        if not wanted.get():
            raise _ClosedError

    def run() -> None:
        try:
            if wanted.get():
                values.put(("result", work(told)))
        except _ClosedError:
            pass
        except BaseException as error:
            values.put(("error", error))

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True, name="grounding")
    thread.start()
    try:
        while True:
            wanted.put(True)
            kind, value = values.get()
            if kind == "error":
                raise value
            if kind == "result":
                return value
            yield value
    finally:
        wanted.put(False)
        thread.join()
