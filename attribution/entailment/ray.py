"""Judging on many processes or machines: an entailment model whose `judge` fans out over Ray actors.

Rounds, de-duplication, order and cache stay in the driver (:mod:`.batching`, :mod:`.cached`); only the pairs of one
batch are spread. Plain actors are used rather than `ray.data.map_batches`, because a round depends on the judgements of
the one before: each round would be an execution of its own with an actor pool of its own, so that an 11B model would be
loaded once a round; and a finished piece is safe with the driver only if the driver fetches it at once.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .base import EntailmentModel, Judgement, Pair

if TYPE_CHECKING:
    from types import ModuleType

PIECES = 8
"""Pieces a worker gets of one batch; at the end of a batch each waits for the last, on average for half a piece."""

PIECE = 64
"""Pairs of a piece: enough for a model to fill its own batches."""

RETRIES = 2
"""How often a piece is given again to a worker that died of it, or during it."""


class RayEntailment:
    """An entailment model on Ray workers, each with a copy of the model.

    A worker that dies is started again and given its piece again; nothing else is judged twice. A piece on which a
    worker dies three times is not checked, and says so. An exception of the model itself is raised here.

    Args:
        load: Makes the model; called in each worker, so it must be importable there, or picklable by value.
        workers: How many workers.
        piece: How many pairs a worker is given at once. Scores do not depend on it.
        cpus: Processor cores of each worker.
        gpus: GPUs of each worker; a fraction lets several share one.

    Attributes:
        batch: The best `batch` of a :class:`~.cached.CachedEntailment` around it: enough for all workers.

    Raises:
        ValueError: For numbers outside these ranges, or if a Ray started here cannot hold so many workers.
        ImportError: Without ray; the message has the `pip install` line.
        ChildProcessError: If the workers die while they load the model.
    """

    def __init__(
        self,
        load: Callable[[], EntailmentModel],
        *,
        workers: int = 2,
        piece: int = PIECE,
        cpus: float = 1.0,
        gpus: float = 0.0,
    ) -> None:
        for name, number in (("workers", workers), ("piece", piece)):
            if number < 1:
                raise ValueError(f"`{name}` has to be at least 1, but is {number}")
        self._ray = _ray()
        self._piece = piece
        self._started = not self._ray.is_initialized()
        if self._started:
            # Joins the cluster that RAY_ADDRESS names, or that runs on this machine; else starts one here.
            self._ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        self._check_room(workers, cpus, gpus)
        actor = self._ray.remote(num_cpus=cpus, num_gpus=gpus, max_restarts=-1, max_task_retries=RETRIES)(Worker)
        self._workers = [actor.remote(load) for _ in range(workers)]
        self.batch = workers * piece * PIECES
        try:
            self.name, self.threshold = self._ray.get([worker.described.remote() for worker in self._workers])[0]
        except self._ray.exceptions.RayTaskError as error:
            self.close()
            raise error.cause from None
        except self._ray.exceptions.RayActorError as error:
            self.close()
            raise ChildProcessError(
                f"the workers died while they loaded the model: {error}. Is there enough memory?"
            ) from error

    def judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Return one judgement a pair, in order; a worker that is free takes the next piece."""
        pieces = [pairs[start : start + self._piece] for start in range(0, len(pairs), self._piece)]
        judged: list[list[Judgement]] = [[] for _ in pieces]
        waiting, free = list(range(len(pieces)))[::-1], list(self._workers)
        running: dict[Any, tuple[int, Any]] = {}
        try:
            while waiting or running:
                while waiting and free:
                    number, worker = waiting.pop(), free.pop()
                    running[worker.judge.remote(list(pieces[number]))] = (number, worker)
                [done], _ = self._ray.wait(list(running))
                number, worker = running.pop(done)
                judged[number] = self._fetched(done, len(pieces[number]))
                free.append(worker)
        finally:
            for task in running:
                self._ray.cancel(task)
        return [judgement for piece in judged for judgement in piece]

    def close(self) -> None:
        """End the workers, and the Ray that was started for them."""
        for worker in self._workers:
            self._ray.kill(worker)
        self._workers = []
        if self._started:
            self._ray.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _fetched(self, task: Any, size: int) -> list[Judgement]:  # noqa: ANN401 (Ray's reference)
        try:
            return self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except self._ray.exceptions.RayActorError:
            return [Judgement(None, failure=f"the worker died {RETRIES + 1} times while it judged this")] * size

    def _check_room(self, workers: int, cpus: float, gpus: float) -> None:
        """Reject workers that a Ray started here has no room for: it would wait for them without end."""
        if not self._started or os.environ.get("RAY_ADDRESS"):
            return
        there = self._ray.cluster_resources()
        for name, each in (("CPU", cpus), ("GPU", gpus)):
            if workers * each > there.get(name, 0):
                self._ray.shutdown()
                raise ValueError(
                    f"`workers` has to be at most {int(there.get(name, 0) / each)} here, {each:g} {name} each, but is "
                    f"{workers}; for more, name a cluster in RAY_ADDRESS"
                )


class Worker:
    """Runs in a worker's process; the model is loaded when it is first needed, after a restart as well."""

    def __init__(self, load: Callable[[], EntailmentModel]) -> None:
        self._load = load
        self._loaded: EntailmentModel | None = None

    def described(self) -> tuple[str, float]:
        """Return name and threshold of the model."""
        return self._model().name, self._model().threshold

    def judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Return the model's judgements."""
        return self._model().judge(pairs)

    def _model(self) -> EntailmentModel:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded


def _ray() -> ModuleType:
    try:
        import ray  # noqa: PLC0415  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ImportError(f'judging on many machines needs ray ({error}): pip install "counterfoil[ray]"') from error
    return ray
