"""The first exception of vLLM's processes reaches the process that started them."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("vllm", reason="the processes are vLLM's")

from counterfoil.decoding.vllm.server.startup_errors import FIRST, CauseHandler

CHILD = """
import logging, sys
from vllm.config.logging import LoggingConfig
from vllm.logger import configure_logging
configure_logging(LoggingConfig(pylogging_config_file=sys.argv[1]))
logging.getLogger("uvicorn.error").info("a line of uvicorn's")
logger = logging.getLogger("vllm.v1.worker")
logger.error("an error without an exception")
try:
    raise ValueError("there is\\ntoo little memory")
except ValueError:
    logger.exception("the worker failed to start")
"""

PARENT = """
import subprocess, sys
from argparse import Namespace
from vllm.config.logging import LoggingConfig
from counterfoil.decoding.vllm.server.startup_errors import first_cause
given = {"pylogging_config_file": sys.argv[2]} if len(sys.argv) > 2 else {}
arguments = Namespace(logging_config=LoggingConfig(**given), disable_access_log_for_endpoints=None)
with first_cause(arguments) as cause:
    print("before", repr(cause()), flush=True)
    file = arguments.logging_config.pylogging_config_file
    if not given:
        subprocess.run([sys.executable, "-c", sys.argv[1], file], check=True)
    print("after", repr(cause()))
    print("file", file)
"""


def run(*arguments: str) -> tuple[dict[str, str], subprocess.CompletedProcess[str]]:
    command = [sys.executable, "-c", PARENT, CHILD, *arguments]
    outcome = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(line.split(" ", 1) for line in outcome.stdout.splitlines() if " " in line), outcome


@pytest.mark.engine
def test_the_first_exception_of_another_process_is_read() -> None:
    found, outcome = run()
    assert (found["before"], found["after"]) == ("None", repr("ValueError: there is\ntoo little memory"))
    assert not Path(found["file"]).exists()
    # What these processes log otherwise, they still log.
    assert "the worker failed to start" in outcome.stdout
    assert "a line of uvicorn's" in outcome.stderr


@pytest.mark.engine
def test_a_logging_configuration_of_the_users_stays() -> None:
    found, _ = run("mine.json")
    assert (found["before"], found["after"], found["file"]) == ("None", "None", "mine.json")


def test_a_process_writes_its_first_exceptions_alone(tmp_path: Path) -> None:
    handler = CauseHandler(str(tmp_path / "causes"))
    for i in range(FIRST + 5):
        try:
            raise RuntimeError(i)
        except RuntimeError:
            handler.handle(logging.LogRecord("vllm", logging.ERROR, "", 0, "", None, sys.exc_info()))
    lines = (tmp_path / "causes").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [f"RuntimeError: {i}" for i in range(FIRST)]
