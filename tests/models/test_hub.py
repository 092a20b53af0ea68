"""A hub that cannot be reached is asked once; one that answers anything is used."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from counterfoil.models import ModelLoadError, hub, load_embedding_model, load_language_model
from huggingface_hub import constants


@pytest.fixture(autouse=True)
def never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_unreachable", None)
    monkeypatch.setattr(hub, "_reached", False)


@contextmanager
def hanging_up() -> Iterator[tuple[str, list[int]]]:
    """A server that closes each connection without a word; gives its address and the ports that called."""
    callers: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, (_, port) = listening.accept()
                except OSError:
                    return
                callers.append(port)
                connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", callers
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@contextmanager
def answering(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_hub_that_does_not_answer_is_asked_once_for_all_models(monkeypatch: pytest.MonkeyPatch) -> None:
    with hanging_up() as (address, callers):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        for load in (load_language_model, load_embedding_model):
            with pytest.raises(ModelLoadError, match=f"the hub cannot be reached .{address}"):
                load("nobody/no-such-model")
    assert len(callers) == 1
    assert constants.HF_HUB_OFFLINE is False, "the process is not left offline"


def test_it_is_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    with hanging_up() as (address, callers):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        assert hub.hub_failure() is not None
        monkeypatch.setattr(hub, "ASK_AGAIN", 0.0)
        assert hub.hub_failure() is not None
    assert len(callers) == 2


@pytest.mark.parametrize("status", [200, 403, 404, 503])
def test_any_answer_is_an_answer(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(status) as address:
        monkeypatch.setattr(constants, "ENDPOINT", address)
        assert hub.hub_failure() is None
    assert hub.hub_failure() is None, "a hub that was reached is not asked again"


def test_a_process_that_is_told_to_stay_offline_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with hanging_up() as (address, callers):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        assert hub.hub_failure() is None
    assert callers == []


def test_a_folder_needs_no_hub(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hanging_up() as (address, callers):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        with pytest.raises(ModelLoadError, match=r"the folder .* could not be read"):
            load_language_model(str(tmp_path))
    assert callers == []


def test_the_command_says_so_in_one_line_and_at_once() -> None:
    with hanging_up() as (address, callers):
        environment = {name: value for name, value in os.environ.items() if not name.endswith("_OFFLINE")}
        command = [sys.executable, "-c", "from counterfoil.cli import main; main()", "generate", "--method", "dola"]
        run = subprocess.run(
            [*command, "--prompt", "x", "--model", "nobody/no-such-model"],
            env={**environment, "HF_ENDPOINT": address},
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1, run.stderr
    assert f"the hub cannot be reached ({address}" in run.stderr
    assert len(callers) == 1
