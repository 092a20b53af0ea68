"""Answers to be scored, read from files: JSON lines with RAGAS columns, and result files of ALCE.

Which of the two a record is follows from its fields. JSON lines are read one at a time, so a file may be larger than
memory; a record that cannot be used is returned with its number and what is wrong, and never stops the reading.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..documents import Document
from ..scoring.score import Answer

T = TypeVar("T")
_NAMES = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}


@dataclass(frozen=True)
class Record:
    """One record of a file.

    Args:
        path: The file.
        number: The line, from 1, or the position in `data` of an ALCE file, from 1.
        answer: What was read; `None` where it could not be used.
        problem: What is wrong with it; `None` where nothing is.
    """

    path: Path
    number: int
    answer: Answer | None
    problem: str | None = None


class UnusableError(ValueError):
    """What is wrong with a record, in words for its author."""


def read(path: str | Path) -> Iterator[Record]:
    """The records of a file, in order.

    Raises:
        OSError: Where the file cannot be opened.
    """
    path = Path(path)
    for number, raw in _raw_records(path):
        try:
            yield Record(path, number, read_answer(raw() if callable(raw) else raw))
        except UnusableError as error:
            yield Record(path, number, None, str(error))


def _raw_records(path: Path) -> Iterator[tuple[int, Any]]:
    """Numbered JSON values, or functions that return one or raise :class:`UnusableError`."""
    whole = _whole_file(path)
    if whole is not None:
        yield from enumerate(whole, start=1)
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, _parser(line)


def _whole_file(path: Path) -> list[Any] | None:
    """The records of a file that is one JSON value (ALCE's `{"data": [...]}`, or a list), `None` for JSON lines."""
    with path.open("rb") as file:
        first = next((line for line in file if line.strip()), b"")
        more = any(line.strip() for line in file)
    value = _loaded(first)
    if value is None and first.lstrip(b"\xef\xbb\xbf \t")[:1] in {b"{", b"["} and path.suffix != ".jsonl":
        value, more = _loaded(path.read_bytes()), False
    if more:
        return None
    records = value.get("data") if isinstance(value, dict) else value
    return records if isinstance(records, list) else None


def _loaded(raw: bytes) -> Any:  # noqa: ANN401 (any JSON value)
    try:
        return _parser(raw)()
    except UnusableError:
        return None


def _parser(raw: bytes) -> Callable[[], Any]:
    def parse() -> Any:  # noqa: ANN401 (any JSON value)
        try:
            return json.loads(raw.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise UnusableError(f"is not UTF-8: byte {error.start} is 0x{raw[error.start]:02x}") from error
        except RecursionError as error:
            raise UnusableError("is not JSON that can be read: it is nested too deeply") from error
        except ValueError as error:
            raise UnusableError(f"is not JSON: {error}") from error

    return parse


def read_answer(raw: Any) -> Answer:  # noqa: ANN401 (any JSON value)
    """The answer that one JSON value holds, in either format.

    Raises:
        UnusableError: Saying what is wrong with it.
    """
    if not isinstance(raw, dict):
        raise UnusableError(f"has to be an object, but is {_kind(raw)}")
    if "response" in raw or "retrieved_contexts" in raw:
        names = ("user_input", "response", "retrieved_contexts")
    elif "output" in raw or "docs" in raw:
        names = ("question", "output", "docs")
    else:
        raise UnusableError(
            "has to have the fields `response` and `retrieved_contexts`, or `output` and `docs`, "
            f"but has {', '.join(map(repr, raw)) or 'none'}"
        )
    question = raw.get(names[0])
    if question is not None and not isinstance(question, str):
        raise UnusableError(f"`{names[0]}` has to be a string, but is {_kind(question)}")
    text, passages = _field(raw, names[1], str), _field(raw, names[2], list)
    identity = next((raw[name] for name in ("id", "sample_id") if raw.get(name) is not None), "")
    return Answer(text, _documents(passages, names[2]), question, str(identity))


def _field(raw: dict[str, Any], name: str, kind: type[T]) -> T:
    if name not in raw:
        raise UnusableError(f"has no field `{name}`")
    value = raw[name]
    if not isinstance(value, kind):
        raise UnusableError(f"`{name}` has to be {_NAMES[kind]}, but is {_kind(value)}")
    return value


def _documents(passages: list[Any], field: str) -> list[Document]:
    """Passages as documents; ids that are missing are the passage's number, ids that repeat get it attached."""
    given = [passage.get("id") if isinstance(passage, dict) else None for passage in passages]
    read_ids = [str(n if identity is None else identity) for n, identity in enumerate(given, start=1)]
    repeated = {identity for identity, times in Counter(read_ids).items() if times > 1}
    taken = set(read_ids) - repeated
    documents = []
    for number, (passage, identity) in enumerate(zip(passages, read_ids, strict=True), start=1):
        text = passage.get("sent", passage.get("text")) if isinstance(passage, dict) else passage
        title = passage.get("title", "") if isinstance(passage, dict) else ""
        if not isinstance(text, str):
            raise UnusableError(
                f"`{field}` has to hold strings or objects with `text`, but its element {number} is {_kind(passage)}"
            )
        unique = f"{identity}#{number}" if identity in repeated else identity
        while identity in repeated and unique in taken:
            unique += "#"
        taken.add(unique)
        documents.append(Document(unique, text, "" if title is None else str(title)))
    return documents


def _kind(value: Any) -> str:  # noqa: ANN401 (any JSON value)
    return _NAMES.get(type(value), "a number")
