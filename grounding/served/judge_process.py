"""A judge in a process of its own, which stands back behind the server and its engine.

In the server's own process the judge would hold the lock of Python's interpreter while it counts words, and the event
loop, which sends every token, would wait for it; and a thread that stands back and holds that lock makes all others
stand back. In a process of its own nobody waits for it but who has asked it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, InvalidStateError
from multiprocessing.connection import Connection
from typing import Any

from counterfoil.attribution import StatementVerdict

from .judge_settings import JudgeSettings
from .sentence_check import LIMIT, NotJudgedError, QueueFullError, SentenceCheck

ENDS_WITHIN = 10.0
"""Seconds that the process has to end."""

LEAST_LIFE = 60.0
"""A process that ends within so many seconds is not started again: the next one would end as well."""


class JudgeProcess:
    """Has sentences judged in a process of its own; it is started again if it ends.

    Args:
        settings: How the judge runs.
        threads: On how many threads it computes.
        limit: The most checks that wait or are under way at a time, at least 1.

    Raises:
        ValueError: `limit` is below 1.
        RuntimeError: The judge cannot be loaded; says why.
    """

    def __init__(self, settings: JudgeSettings, *, threads: int = 1, limit: int = LIMIT) -> None:
        if limit < 1:
            raise ValueError(f"`limit` has to be at least 1, but is {limit}")
        self.patience = settings.patience
        self._settings, self._threads, self._limit = settings, threads, limit
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._live: dict[int, Future[StatementVerdict]] = {}
        self._unsent: dict[int, SentenceCheck] = {}
        self._given_up: list[int] = []
        self._closed = False
        self._missing: str | None = None  # why there is no judge just now
        self._process, self._connection = self._started()
        for work in (self._read, self._write):
            threading.Thread(target=work, name=f"counterfoil-judge-{work.__name__[1:]}", daemon=True).start()

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    def check(self, check: SentenceCheck) -> Future[StatementVerdict]:
        """Return the verdict that a sentence will have; cancelling or settling it ends the check.

        Nothing is computed or sent here: the event loop calls this.

        Raises:
            NotJudgedError: As many checks as there may be are waiting or under way, or there is no judge any more.
        """
        verdict: Future[StatementVerdict] = Future()
        with self._changed:
            if self._closed or self._missing:
                raise NotJudgedError(self._missing or "the judge has ended")
            if len(self._live) >= self._limit:
                raise QueueFullError(f"the judge's queue is full ({self._limit} sentences)")
            number = next(self._numbers)
            self._live[number], self._unsent[number] = verdict, check
            self._changed.notify_all()
        verdict.add_done_callback(lambda _: self._done(number))
        return verdict

    def close(self) -> None:
        """End the process; checks that are left are cancelled."""
        with self._changed:
            self._closed = True
            left = list(self._live.values())
            self._changed.notify_all()
        for verdict in left:
            verdict.cancel()
        self._end()

    def _started(self) -> tuple[subprocess.Popen[bytes], Connection]:
        """Start a process and wait until its judge is loaded."""
        ours, theirs = socket.socketpair()
        settings = {
            "descriptor": theirs.fileno(),
            "nice": self._settings.nice,
            "threads": self._threads,
            "name": self._settings.name,
        }
        command = [sys.executable, "-P", "-m", f"{__package__}.judge_worker", json.dumps(settings)]
        # Threads that wait for work sleep. They do not turn, which would take the processor from the engine.
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(self._threads),
            "OMP_WAIT_POLICY": "PASSIVE",
            "KMP_BLOCKTIME": "0",
        }
        with theirs:
            # A process group of its own: Ctrl-C reaches the server alone, which ends the judge last.
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env=environment, process_group=0
            )
        connection = Connection(ours.detach())
        try:
            failure = connection.recv()
        except (EOFError, OSError):
            failure = f"its process ended with exit code {process.wait()}"
        if failure is not None:
            connection.close()
            process.wait()
            raise RuntimeError(failure)
        return process, connection

    def _done(self, number: int) -> None:
        """Forget a check; the process hears of it if it was to answer it."""
        with self._changed:
            if self._live.pop(number, None) is not None and self._unsent.pop(number, None) is None:
                self._given_up.append(number)
                self._changed.notify_all()

    def _write(self) -> None:
        while True:
            with self._changed:
                while not (self._unsent or self._given_up or self._closed):
                    self._changed.wait()
                if self._closed:
                    return
                messages: list[tuple[int, SentenceCheck | None]] = [*self._unsent.items()]
                messages += [(number, None) for number in self._given_up]
                self._unsent.clear()
                self._given_up.clear()
                connection = self._connection
            for message in messages:
                self._send(connection, *message)

    def _send(self, connection: Connection, number: int, check: SentenceCheck | None) -> None:
        try:
            connection.send((number, check))
        except OSError:
            pass  # the process has ended: `_read` finds that as well, and gives every check that is left the reason
        except Exception as error:  # what cannot be sent fails for itself
            with self._changed:
                verdict = self._live.pop(number, None)
            if verdict is not None:
                _settle(verdict, f"{type(error).__name__}: {error}")

    def _read(self) -> None:
        began = time.monotonic()
        while True:
            try:
                number, found = self._connection.recv()
            except (EOFError, OSError):
                if self._closed or not self._again(time.monotonic() - began):
                    return
                began = time.monotonic()
                continue
            with self._changed:
                verdict = self._live.pop(number, None)
            if verdict is not None:
                _settle(verdict, found)

    def _again(self, life: float) -> bool:
        """Start the process that has ended again; return whether there is one."""
        self._end()
        ended = f"the judge's process ended with exit code {self._process.returncode}"
        with self._changed:
            self._missing = f"{ended} and is being started again"
            lost = list(self._live.values())
            self._live.clear()
            self._unsent.clear()
        for verdict in lost:
            _settle(verdict, ended)
        print(f"counterfoil: {ended}", file=sys.stderr, flush=True)
        missing: str | None = f"{ended}, {life:.0f} seconds after it was started"
        if life >= LEAST_LIFE:
            try:
                found = self._started()
            except (RuntimeError, OSError) as error:
                missing = f"{ended} and cannot be started again: {error}"
            else:
                missing = None
                with self._changed:
                    self._process, self._connection = found
        with self._changed:
            self._missing = missing
        if self._closed:
            self._end()
        return missing is None

    def _end(self) -> None:
        # Shut down, not only closed: the thread that reads holds it open otherwise.
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._connection.fileno())) as shared:
            shared.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _settle(verdict: Future[StatementVerdict], found: Any) -> None:  # noqa: ANN401
    """Give a check its verdict, or the reason why there is none."""
    with contextlib.suppress(InvalidStateError):  # cancelled meanwhile
        if isinstance(found, str):
            verdict.set_exception(NotJudgedError(found))
        else:
            verdict.set_result(found)
