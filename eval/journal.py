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
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .requests import Choice, Request, Response, failed

FORMAT = "counterfoil.answer/2"


def digest(model: Mapping[str, Any], method: str, settings: Mapping[str, Any], request: Request) -> str:
    """Return what an answer is found by: the model, the method with all its parameters, and what was asked."""
    content = [dict(model), method, dict(settings), type(request).__name__, request.recorded()]
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=list)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Journal:
    """Answers by digest, kept in a file if one is named.

    Args:
        path: The file, made if there is none; `None` remembers nothing beyond this process.

    Raises:
        ValueError: The file holds something else, or answers that an older version kept; the line is named. A last line
            that was cut off by a kill is removed.
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
        """Return the answer to `request` that was kept under `key`."""
        found = self._responses[key]
        if isinstance(request, Choice):
            return tuple(-math.inf if value is None else float(value) for value in found)
        return found

    def add(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Keep answers, each with its `key` and its `response`, on disk before this returns.

        An answer on which an instrument failed is kept in memory alone, so that the next run asks for it again.
        """
        for line in lines:
            self._responses[line["key"]] = line["response"]
        kept = [line for line in lines if not failed(line["response"])]
        if self._file is not None and kept:
            self._file.writelines(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in kept)
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
                key, response, kind = record["key"], record["response"], record.get("format")
            except (AttributeError, ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"line {number} of {path} has to be an answer of an earlier run, but is not: {error!r}. Name "
                    "another file, or remove this one"
                ) from error
            if kind != FORMAT:
                raise ValueError(
                    f"line {number} of {path} has to be an answer in the format {FORMAT}, but is in "
                    f"{kind or 'that of an older version'}, whose answers are not found again. Name another file"
                )
            self._responses[key] = response
        if len(whole) < len(raw):
            with path.open("r+b") as file:
                file.truncate(len(whole))


def recorded(response: Response) -> Any:  # noqa: ANN401 (any JSON)
    """Return a response for JSON, which has no infinity: an option that a method rules out has no log-probability."""
    if isinstance(response, tuple):
        return [value if math.isfinite(value) else None for value in response]
    return response
