"""The process in which the judge of a server runs: `python -m counterfoil.grounding.served.judge_worker`.

It reads checks from a socket and writes verdicts to it, and ends when the server's end of it is closed, also when the
server was killed. When the judge is loaded it stands back behind whatever else wants the processor.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from concurrent.futures import CancelledError, Future
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from .judge_settings import LOWEST

if TYPE_CHECKING:
    from counterfoil.attribution import EntailmentModel, StatementVerdict


def main(settings: dict[str, Any]) -> None:
    """Answer checks until nobody asks any more.

    Args:
        settings: `descriptor` of the socket, `nice`, `threads`, and the `name` of the judge.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides when it ends
    connection = Connection(settings["descriptor"])
    try:
        model = loaded(settings["name"], settings["threads"])
    except Exception as error:  # for who waits on the other side
        connection.send(f"{type(error).__name__}: {error}")
        return
    stand_back(settings["nice"])
    connection.send(None)
    _answer(connection, model)


def loaded(name: str, threads: int) -> EntailmentModel:
    """Load a judge, with the detail check beside it, and try it.

    The packaged one runs on the CPU: the GPU's memory is the engine's.

    Args:
        name: As :func:`~counterfoil.attribution.load_entailment` takes it.
        threads: On how many threads it computes.
    """
    import torch  # noqa: PLC0415
    from counterfoil.attribution import load_entailment  # noqa: PLC0415
    from counterfoil.attribution.entailment.base import Pair  # noqa: PLC0415
    from counterfoil.attribution.entailment.detail_checked import detail_checked  # noqa: PLC0415

    torch.set_num_threads(threads)
    options = {"device": "cpu"} if name == "local" else {}
    model = detail_checked(load_entailment(name, **options))
    model.judge([Pair("The ferry left at nine.", "The ferry left.")])
    return model


def stand_back(by: int) -> None:
    """Add to the niceness of this process, of all threads that it has and will have; 19 is the most there is."""
    if sys.platform != "linux":
        os.nice(by)
        return
    nice = min(LOWEST, os.getpriority(os.PRIO_PROCESS, 0) + by)  # Linux has one for each thread
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(ProcessLookupError):  # ended meanwhile
            os.setpriority(os.PRIO_PROCESS, int(thread), nice)


def _answer(connection: Connection, model: EntailmentModel) -> None:
    from .judge_queue import JudgeQueue  # noqa: PLC0415

    queue = JudgeQueue(model, limit=sys.maxsize)  # the server counts how many there are
    live: dict[int, Future[StatementVerdict]] = {}
    sending = threading.Lock()

    def answered(number: int, verdict: Future[StatementVerdict]) -> None:
        live.pop(number, None)
        try:
            found: Any = verdict.result()
        except CancelledError:
            return
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
        with sending:
            connection.send((number, found))

    while True:
        try:
            number, check = connection.recv()
        except (EOFError, OSError):
            os._exit(0)  # nobody waits for what is under way
        if check is None:
            if number in live:
                live[number].cancel()
            continue
        verdict = live[number] = queue.check(check)
        verdict.add_done_callback(lambda done, number=number: answered(number, done))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
