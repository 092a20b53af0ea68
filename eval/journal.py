"""The journal of a run: one JSON line an answer, written as soon as it is there.

A run that was killed finds its answers here and asks only for the rest. An answer is found by a digest of all that
makes it what it is, so one file may serve several runs, and one of another model or setting is never taken.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .requests import Choice, Request, Response

KEY = "key"


def digest(model: Mapping[str, Any], method: str, settings: Mapping[str, Any], request: Request) -> str:
    """What an answer is found by: the model, the method with all its parameters, and what was asked."""
    content = [dict(model), method, dict(settings), type(request).__name__, asdict(request)]
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Journal:
    """Answers by digest, kept in a file where there is one.

    Args:
        path: The file, made where there is none; `None` remembers nothing beyond this process.

    Raises:
        ValueError: The file holds something else; the line is named. A last line that was cut off by a kill is removed.
        OSError: It cannot be read or written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._responses: dict[str, Any] = {}
        self._file: Any = None
        if path is not None and path.exists():
            self._read(path)

    def __enter__(self) -> Self:
        if self._path is not None:
            self._file = self._path.open("a", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def __contains__(self, key: str) -> bool:
        return key in self._responses

    def response(self, key: str, request: Request) -> Response:
        """The answer to `request` that was kept under `key`."""
        found = self._responses[key]
        if isinstance(request, Choice):
            return tuple(-math.inf if value is None else float(value) for value in found)
        return found

    def add(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Keeps answers, each with its `key` and its `response`, on disk before this returns."""
        for line in lines:
            self._responses[line[KEY]] = line["response"]
        if self._file is not None:
            self._file.writelines(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
            self._file.flush()
            os.fsync(self._file.fileno())

    def _read(self, path: Path) -> None:
        raw = path.read_bytes()
        whole = raw[: raw.rfind(b"\n") + 1]
        for number, line in enumerate(whole.split(b"\n"), start=1):
            if not line:
                continue
            try:
                record = json.loads(line)
                self._responses[record[KEY]] = record["response"]
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"line {number} of {path} has to be an answer of an earlier run, but is not: {error!r}. Name "
                    "another file, or remove this one"
                ) from error
        if len(whole) < len(raw):
            with path.open("r+b") as file:
                file.truncate(len(whole))


def recorded(response: Response) -> str | list[float | None]:
    """A response for JSON, which has no infinity: an option that a method rules out has no log-probability."""
    if isinstance(response, str):
        return response
    return [value if math.isfinite(value) else None for value in response]
