"""A judge in a thread of its own: in batches over requests, with a bounded queue.

A server under load has it in a process of its own (:class:`~counterfoil.grounding.served.judge_process.JudgeProcess`).
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from typing import Any, TypeVar

from counterfoil.attribution import EntailmentModel, StatementVerdict
from counterfoil.attribution.entailment.base import Judgement, Pair
from counterfoil.attribution.entailment.batching import Steps, judged_once

from .sentence_check import LIMIT, PATIENCE, QueueFullError, SentenceCheck

T = TypeVar("T")

ROUND = 256
"""About how many pairs the judge is given at once: a check waits for a round, not for all that came before it."""


@dataclass
class _Check:
    steps: Steps[Any]
    result: Future[Any]
    asked: list[Pair]


class JudgeQueue:
    """Runs checks side by side: each round of the judge holds the next questions of many.

    Args:
        model: The judge; only the queue's thread calls it.
        limit: The most checks that wait or are under way at a time, at least 1.
        patience: Seconds that a verdict may take before its sentence goes out unchecked.

    Raises:
        ValueError: `limit` is below 1.
    """

    def __init__(self, model: EntailmentModel, limit: int = LIMIT, patience: float = PATIENCE) -> None:
        if limit < 1:
            raise ValueError(f"`limit` has to be at least 1, but is {limit}")
        self.model = model
        self.limit = limit
        self.patience = patience
        self._new: deque[_Check] = deque()
        self._changed = threading.Condition()
        self._under_way = 0
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="counterfoil-judge", daemon=True)
        self._thread.start()

    def check(self, check: SentenceCheck) -> Future[StatementVerdict]:
        """Return the verdict that a sentence will have, as :meth:`submit`."""
        return self.submit(check.steps(self.model.threshold))

    def submit(self, steps: Steps[T]) -> Future[T]:
        """Return the result that a check will have; all of the check runs in the queue's thread.

        A judge that raises makes the judgements that it was asked for failures. Cancelling or settling the future ends
        the check.

        Raises:
            QueueFullError: As many checks as there may be are waiting or under way, or the queue is closed.
        """
        result: Future[T] = Future()
        with self._changed:
            if self._closed:
                raise QueueFullError("the judge has ended")
            if len(self._new) + self._under_way >= self.limit:
                raise QueueFullError(f"the judge's queue is full ({self.limit} sentences)")
            self._new.append(_Check(steps, result, []))
            self._changed.notify()
        return result

    def close(self) -> None:
        """End the thread after its present round; checks that are left are cancelled."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        live: list[_Check] = []
        while True:
            with self._changed:
                while not self._closed and not self._new and not live:
                    self._changed.wait()
                if self._closed:
                    break
                new = list(self._new)
                self._new.clear()
                self._under_way = len(live) + len(new)
            live = [check for check in live if not check.result.done()]
            live += [check for check in new if _advance(check, None)]
            taken = _round(live)
            judgements = self._judged(taken)
            left = [check for check, found in zip(taken, judgements, strict=True) if _advance(check, found)]
            live = [*live[len(taken) :], *left]
            with self._changed:
                self._under_way = len(live)
        for check in [*live, *self._new]:
            check.result.cancel()

    def _judged(self, checks: Sequence[_Check]) -> list[list[Judgement]]:
        """Return the judgements that each check asked for; a batch that fails is asked for check by check."""
        try:
            known = judged_once([pair for check in checks for pair in check.asked], self.model.judge)
        except Exception as error:  # Whatever a judge raises, an answer does not fail for it.
            if len(checks) > 1:
                return [self._judged([check])[0] for check in checks]
            failure = f"the judge failed: {type(error).__name__}: {error}"
            return [[Judgement(None, failure=failure) for _ in check.asked] for check in checks]
        return [[known[pair] for pair in check.asked] for check in checks]


def _round(live: Sequence[_Check]) -> list[_Check]:
    """Return the first checks, as many as make one round."""
    taken: list[_Check] = []
    pairs = 0
    for check in live:
        if taken and pairs + len(check.asked) > ROUND:
            break
        taken.append(check)
        pairs += len(check.asked)
    return taken


def _advance(check: _Check, answers: list[Judgement] | None) -> bool:
    """Bring a check to its next question; return whether there is one."""
    if check.result.done():  # cancelled, or not waited for any longer
        return False
    with contextlib.suppress(InvalidStateError):  # so meanwhile
        try:
            check.asked = next(check.steps) if answers is None else check.steps.send(answers)
        except StopIteration as stop:
            check.result.set_result(stop.value)
        except Exception as error:
            check.result.set_exception(error)
        else:
            return True
    return False
