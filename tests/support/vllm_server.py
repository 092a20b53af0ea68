"""`counterfoil serve` as a process of its own, for tests and benchmarks that talk to it over HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SMALL = {
    "dtype": "float32",
    "max-model-len": "512",
    "max-num-seqs": "16",
    "max-num-batched-tokens": "128",
    "max-logprobs": "5",
    "enable-auto-tool-choice": "",
    "tool-call-parser": "hermes",
    "enforce-eager": "",
}
"""Options for SmolLM2 on two cores, with long prompts read in chunks."""

STARTS_WITHIN = 280.0


@dataclass(frozen=True)
class ServerProcess:
    """A server that answers.

    Args:
        url: Where, without `/v1`.
        model: What it calls its model.
        log: What it wrote, where this process started it.
    """

    url: str
    model: str = "smollm2"
    log: Path | None = None

    def metrics(self) -> dict[str, float]:
        """The numbers of `/metrics`, by name, summed over labels."""
        found: dict[str, float] = {}
        text = fetched(f"{self.url}/metrics")
        for name, value in re.findall(r"^([a-zA-Z_:]+)(?:\{.*\})? (\S+)$", text, flags=re.MULTILINE):
            found[name] = found.get(name, 0.0) + float(value)
        return found

    def unfinished(self) -> float:
        """Requests that are running or waiting."""
        numbers = self.metrics()
        return numbers["vllm:num_requests_running"] + numbers["vllm:num_requests_waiting"]

    def settle(self, within: float = 30.0) -> None:
        """Wait until nothing is running or waiting; raises `AssertionError` where that does not happen."""
        until = time.monotonic() + within
        while self.unfinished():
            assert time.monotonic() < until, f"{self.unfinished()} requests are left in the engine"
            time.sleep(0.2)


def fetched(url: str) -> str:
    """What a GET returns."""
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()


@contextmanager
def served(
    options: Mapping[str, str] = SMALL,
    *,
    model: str = "smollm2",
    environment: Mapping[str, str] | None = None,
    rules: Sequence[str] = (),
) -> Iterator[ServerProcess]:
    """A server with these options of `vllm serve`; `COUNTERFOIL_SERVER` names one that runs already instead.

    Raises:
        RuntimeError: It ended, or did not answer in time; with the end of its log.
    """
    running = os.environ.get("COUNTERFOIL_SERVER")
    if running and environment is None:
        yield ServerProcess(running)
        return
    port = _free_port()
    flags = [part for name, value in options.items() for part in (f"--{name}", value) if part]
    flags += [part for place in rules for part in ("--rule", place)]
    quiet = {"VLLM_LOGGING_LEVEL": "WARNING"}
    command = [str(Path(sys.executable).with_name("counterfoil")), "serve", model, *flags]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--port", str(port)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **quiet, **(environment or {})},
                start_new_session=True,
            )
        try:
            server = ServerProcess(f"http://127.0.0.1:{port}", model, log)
            _await(server, process)
            yield server
        finally:
            _end(process)


def _await(server: ServerProcess, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while process.poll() is None and time.monotonic() < until:
        try:
            fetched(f"{server.url}/health")
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
        else:
            return
    assert server.log is not None
    raise RuntimeError(f"the server did not start (exit code {process.poll()}):\n{server.log.read_text()[-4000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def posted(url: str, body: object, encoding: str = "utf-8") -> tuple[int, str]:
    """Status and text of the answer to a POST of JSON."""
    request = urllib.request.Request(
        url, json.dumps(body).encode(encoding), {"Content-Type": "application/json", "Authorization": "Bearer none"}
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
