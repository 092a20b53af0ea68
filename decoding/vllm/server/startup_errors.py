# pyright: reportMissingImports=false
"""Find out why an engine did not start.

vLLM's engine and workers are processes of their own. If one of them fails, it logs its exception, among a hundred lines
of others, and the server's process learns only that there was one ("See root cause above"). Here each process also
writes its first exceptions to a file that the server's process can read.
"""

from __future__ import annotations

import copy
import json
import logging
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

FIRST = 20
"""How many exceptions a process writes: a server that runs for months must not fill the disk."""


class CauseHandler(logging.Handler):
    """Appends the first exceptions that a process logs to a file, one line of JSON each.

    Args:
        filename: The file; several processes may share it.
    """

    def __init__(self, filename: str) -> None:
        super().__init__(logging.ERROR)
        self._file, self._left = Path(filename), FIRST

    def emit(self, record: logging.LogRecord) -> None:
        """Append the exception of a record, if it has one."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None or not self._left:
            return
        self._left -= 1
        try:
            with self._file.open("a") as file:
                file.write(json.dumps(f"{type(error).__name__}: {error}") + "\n")
        except OSError:
            self.handleError(record)


@contextmanager
def first_cause(arguments: Namespace) -> Iterator[Callable[[], str | None]]:
    """Have vLLM's processes write their exceptions while the block runs.

    Args:
        arguments: Of `vllm serve`, logging configured; their logging configuration changes. With one that the user has
            made, nothing changes and no cause is found.

    Yields:
        A function that returns the first exception that a process wrote, or `None`.
    """
    with tempfile.TemporaryDirectory(prefix="counterfoil-errors-", ignore_cleanup_errors=True) as folder:
        causes, config = Path(folder) / "causes.jsonl", Path(folder) / "logging.json"
        chosen = arguments.logging_config
        usual = chosen.pylogging_config_file is None and chosen.formatter == "text" and chosen.configure_logging
        if usual and not arguments.disable_access_log_for_endpoints:
            config.write_text(json.dumps(_logging_with(causes, chosen.log_level)))
            arguments.log_config_file = str(config)
            arguments.logging_config = replace(chosen, pylogging_config_file=str(config))
        yield lambda: _first_of(causes)


def _logging_with(causes: Path, level: str) -> dict[str, Any]:
    """Return vLLM's usual logging configuration and uvicorn's, which takes the same one, with the handler added."""
    from uvicorn.config import LOGGING_CONFIG  # noqa: PLC0415
    from vllm.logger import DEFAULT_LOGGING_CONFIG  # noqa: PLC0415

    config: dict[str, Any] = copy.deepcopy(DEFAULT_LOGGING_CONFIG)
    for formatter in config["formatters"].values():
        formatter["log_level"] = level
    config["handlers"]["vllm"]["level"] = config["loggers"]["vllm"]["level"] = level
    for part in ("formatters", "handlers", "loggers"):
        config[part] |= LOGGING_CONFIG[part]
    config["handlers"]["counterfoil"] = {"()": f"{__name__}.{CauseHandler.__name__}", "filename": str(causes)}
    config["loggers"]["vllm"]["handlers"].append("counterfoil")
    return config


def _first_of(causes: Path) -> str | None:
    if not causes.exists():
        return None
    lines = causes.read_text().splitlines()
    return json.loads(lines[0]) if lines else None
