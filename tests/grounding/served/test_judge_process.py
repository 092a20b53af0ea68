"""The packaged judge in a process of its own: the same verdicts, behind all else, and never waited for too long."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from counterfoil.attribution import Document, StatementVerdict, Status, cite
from counterfoil.attribution.entailment.local import LocalEntailment
from counterfoil.attribution.serialization import as_data
from counterfoil.attribution.text.statements import statements
from counterfoil.grounding.served import judge_process, sentence_check
from counterfoil.grounding.served.judge_process import JudgeProcess
from counterfoil.grounding.served.judge_settings import JUDGE, LOWEST, JudgeSettings
from counterfoil.grounding.served.sentence_check import NotJudgedError, SentenceCheck

from tests.support.approximate import approximately
from tests.support.scripted_chat import ScriptedChat, chunks, posted

QUESTION = "When was the tower built?"
ANSWER = "The tower was built in 1874. The ferry goes at nine. Nobody swims there in winter."
DOCUMENTS = [
    Document("tower", "The tower was built in 1874. It is 31 m high."),
    Document("ferry", "The ferry goes at nine. It is red."),
]
CHECKS = [SentenceCheck(ANSWER[: sentence.end], sentence, DOCUMENTS, QUESTION) for sentence in statements(ANSWER, 0)]
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process has one priority, not its threads")


@pytest.fixture(scope="module")
def judge() -> Iterator[JudgeProcess]:
    made = JudgeProcess(JudgeSettings(patience=120))
    yield made
    made.close()


@contextmanager
def stopped(judge: JudgeProcess) -> Iterator[None]:
    """A judge that gets nothing of any processor."""
    os.kill(judge.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(judge.pid, signal.SIGCONT)


def verdicts(judge: JudgeProcess) -> list[StatementVerdict]:
    return [verdict.result(120) for verdict in [judge.check(check) for check in CHECKS]]


def until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def niceness(process: int) -> set[int]:
    """The niceness of all threads of a process."""
    threads = os.listdir(f"/proc/{process}/task")
    return {os.getpriority(os.PRIO_PROCESS, int(thread)) for thread in threads}


def test_verdicts_are_those_of_cite(judge: JudgeProcess) -> None:
    expected = cite(ANSWER, DOCUMENTS, question=QUESTION).statements
    found = verdicts(judge)
    assert [verdict.status for verdict in found] == [Status.SUPPORTED, Status.SUPPORTED, Status.NOT_SUPPORTED]
    # Markers move what stands behind them in the text of `cite`.
    placed = [verdict.moved_to(e.start, e.end) for verdict, e in zip(found, expected, strict=True)]
    assert [as_data(verdict) for verdict in placed] == approximately([as_data(verdict) for verdict in expected])


def test_the_servers_process_computes_nothing_of_a_check(judge: JudgeProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("starlette", reason="the layer is an ASGI application; a server brings it")
    from counterfoil.grounding.served.citation_layer import CitationLayer  # noqa: PLC0415

    def forbidden(*_: Any, **__: Any) -> Any:
        raise AssertionError("a check runs in the server's process")

    monkeypatch.setattr(sentence_check, "sentence_verdict", forbidden)
    monkeypatch.setattr(LocalEntailment, "judge", forbidden)
    statuses = [each["status"] for each in _streamed(CitationLayer(ScriptedChat([ANSWER]), judge))]
    assert statuses == ["supported", "supported", "not_supported"]


def _streamed(layer: Any) -> list[dict[str, Any]]:
    keys = {"cf_cite": True, "cf_documents": [document.text for document in DOCUMENTS]}
    body = {"messages": [{"role": "user", "content": QUESTION}], "vllm_xargs": keys, "stream": True}
    status, content = asyncio.run(posted(layer, body))
    assert status == 200, content
    deltas = [choice["delta"] for chunk in chunks(content) for choice in chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == ANSWER
    return [statement for delta in deltas for statement in delta.get("cf_statements") or ()]


@on_linux
def test_it_stands_back_with_all_its_threads_and_computes_on_as_many_as_it_was_told(judge: JudgeProcess) -> None:
    ours = niceness(os.getpid())
    verdicts(judge)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert niceness(judge.pid) == {min(LOWEST, own + LOWEST)}
    assert niceness(os.getpid()) == ours, "the server's threads are as they were"

    other = JudgeProcess(JudgeSettings(nice=3), threads=2)
    try:
        verdicts(other)
        assert niceness(other.pid) == {min(LOWEST, own + 3)}
        one, two = (len(os.listdir(f"/proc/{process.pid}/task")) for process in (judge, other))
        assert two > one, "PyTorch has threads of its own for the second, and none for the first"
    finally:
        other.close()


def test_a_judge_that_gets_no_time_is_not_waited_for(judge: JudgeProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("starlette", reason="the layer is an ASGI application; a server brings it")
    from counterfoil.grounding.served.citation_layer import CitationLayer  # noqa: PLC0415

    monkeypatch.setattr(judge, "patience", 0.3)
    with stopped(judge):
        found = _streamed(CitationLayer(ScriptedChat([ANSWER]), judge))
    assert [each["status"] for each in found] == ["not_checked"] * 3
    assert {each["failure"] for each in found} == {"the judge gave no verdict within 0.3 seconds"}
    # What nobody waits for any more is out of the way.
    assert [verdict.status for verdict in verdicts(judge)][2] is Status.NOT_SUPPORTED


def test_what_nobody_waits_for_makes_room_and_is_not_sent(judge: JudgeProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "_limit", 2)
    with stopped(judge):
        first, _ = judge.check(CHECKS[0]), judge.check(CHECKS[1])
        with pytest.raises(NotJudgedError, match=r"the judge's queue is full \(2 sentences\)"):
            judge.check(CHECKS[2])
        first.cancel()
        again = judge.check(CHECKS[2])
    assert again.result(120).status is Status.NOT_SUPPORTED


def test_what_cannot_be_sent_fails_for_itself(judge: JudgeProcess) -> None:
    unsendable: Any = {"url": lambda: "https://example.org"}
    check = replace(CHECKS[0], documents=[replace(DOCUMENTS[0], metadata=unsendable)])
    with pytest.raises(NotJudgedError, match="pickle"):
        judge.check(check).result(120)
    assert judge.check(CHECKS[0]).result(120).status is Status.SUPPORTED


def test_a_process_that_ends_is_started_again(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    judge = JudgeProcess(JudgeSettings())
    monkeypatch.setattr(judge_process, "LEAST_LIFE", 0.0)
    first = judge.pid
    os.kill(first, signal.SIGSTOP)
    waiting = judge.check(CHECKS[0])
    os.kill(first, signal.SIGKILL)
    with pytest.raises(NotJudgedError, match="the judge's process ended with exit code -9"):
        waiting.result(60)
    until(lambda: judge.pid != first, "there is no other process")
    until(lambda: judge._missing is None, "it is not used")
    assert verdicts(judge)[0].status is Status.SUPPORTED
    assert "counterfoil: the judge's process ended with exit code -9" in capfd.readouterr().err

    # One that ends at once would end again.
    monkeypatch.setattr(judge_process, "LEAST_LIFE", 600.0)
    os.kill(judge.pid, signal.SIGKILL)
    until(lambda: "after it was started" in (judge._missing or ""), "it was started once more")
    with pytest.raises(NotJudgedError, match=r"ended with exit code -9, [0-9]+ seconds after it was started"):
        judge.check(CHECKS[0])
    judge.close()


def test_a_judge_that_cannot_be_loaded_says_why() -> None:
    with pytest.raises(RuntimeError, match="/no/such/folder"):
        JudgeProcess(JudgeSettings("nli:/no/such/folder"))


@on_linux
def test_it_ends_with_a_server_that_was_killed() -> None:
    code = (
        "from counterfoil.grounding.served.judge_process import JudgeProcess\n"
        "from counterfoil.grounding.served.judge_settings import JudgeSettings\n"
        "judge = JudgeProcess(JudgeSettings()); print(judge.pid, flush=True); input()"
    )
    server = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdout is not None
    pid = int(server.stdout.readline())
    server.kill()
    server.wait()
    until(lambda: not Path(f"/proc/{pid}").exists() or _is_dead(pid), "the judge goes on without its server")


def _is_dead(process: int) -> bool:
    """Whether a process has ended and nobody has asked for its exit code."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_closing_ends_what_is_under_way() -> None:
    judge = JudgeProcess(JudgeSettings())
    with stopped(judge):
        waiting = judge.check(CHECKS[0])
    judge.close()
    assert waiting.cancelled() or waiting.result().status is Status.SUPPORTED
    with pytest.raises(NotJudgedError, match="the judge has ended"):
        judge.check(CHECKS[0])


def test_settings_travel_through_the_environment() -> None:
    for settings in (JudgeSettings(), JudgeSettings("nli:some/model", 3, 0, 2.5)):
        assert JudgeSettings.told(settings.environment()) == settings
    assert JudgeSettings.told({}) == JudgeSettings()
    with pytest.raises(ValueError, match=f"`{JUDGE}_THREADS` has to be a number, but is 'many'"):
        JudgeSettings.told({f"{JUDGE}_THREADS": "many"})


def test_beside_an_engine_on_the_same_processors_it_has_one_thread() -> None:
    assert JudgeSettings().threads_beside(engine_on_cpu=True) == 1
    assert 1 <= JudgeSettings().threads_beside(engine_on_cpu=False) <= 8
    assert JudgeSettings(threads=3).threads_beside(engine_on_cpu=True) == 3
