"""Answers to be scored, read from files: JSON lines with RAGAS columns, and result files of ALCE.

The format of a record follows from its fields. JSON lines are read one at a time and once only, so a file may be larger
than memory, or a pipe; a record that cannot be used is returned with its number and its problem, and never stops the
reading.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader, TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import IO, Any, TypeVar

from ..documents import Document
from ..scoring.score import Answer

T = TypeVar("T")
Parser = Callable[[], Any]
_NAMES = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
_FORMS = (
    ("user_input", "response", "retrieved_contexts"),
    ("question", "output", "docs"),
    ("question", "answer", "contexts"),
    ("input", "answer", "context"),
    ("query", "result", "source_documents"),
)
"""Fields of question, answer and documents: of RAGAS, ALCE, RAGAS before 0.2, and two chains of LangChain."""

_ANSWER_FIELDS = {field for form in _FORMS for field in form[1:]}
_TEXTS = ("sent", "text", "page_content", "content", "contents", "snippet")
_IDS = ("id", "id_", "docid", "doc_id")
_WRAPPERS = ("kwargs", "node", "document")
"""Under these, a passage of LangChain's or LlamaIndex's own JSON stands."""

_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"PAR1": "Parquet"}


@dataclass(frozen=True)
class Record:
    """One record of a file.

    Args:
        path: The file.
        number: The line, from 1, or the position in a file that is one JSON value; 0 for the file as a whole.
        answer: The answer; `None` if it could not be used.
        problem: What is wrong with it; `None` if nothing is.
    """

    path: Path
    number: int
    answer: Answer | None
    problem: str | None = None


class UnusableError(ValueError):
    """What is wrong with a record, in words for its author."""


def read(path: str | Path) -> Iterator[Record]:
    """Yield the records of a file, in order; a file without any yields one record that says so.

    Raises:
        OSError: If the file cannot be read.
    """
    path = Path(path)
    empty = True
    with path.open("rb") as file:
        begin = file.peek(4)[:4]
        packed = next((name for mark, name in _PACKED.items() if begin.startswith(mark)), None)
        if packed is not None:
            yield Record(path, 0, None, f"the file is {packed}; unpack it to JSON lines first")
            return
        for number, parse in _values(file, lines_only=path.suffix == ".jsonl"):
            empty = False
            try:
                yield Record(path, number, read_answer(parse()))
            except UnusableError as error:
                yield Record(path, number, None, str(error))
    if empty:
        yield Record(path, 0, None, "the file holds no record")


def _values(file: IO[bytes], *, lines_only: bool) -> Iterator[tuple[int, Parser]]:
    """Yield numbered functions that return a JSON value or raise :class:`UnusableError`; the file is read once."""
    lines = ((number, line) for number, line in enumerate(_utf8_lines(file), start=1) if line.strip())
    number, first = next(lines, (0, b""))
    if not first:
        return
    value = _loaded(first)
    opens = first.lstrip(b"\xef\xbb\xbf \t")[:1] in {b"{", b"["}
    alone = first.strip(b"\xef\xbb\xbf \t\r\n") in {b"{", b"["}
    if value is None and opens and (alone or not lines_only):
        # A file that is one indented JSON value; or else lines of which the first is broken.
        kept = list(lines)
        whole = _loaded(b"\n".join([first, *(line for _, line in kept)]))
        if whole is not None:
            yield from _numbered(_records(whole))
            return
        lines = iter(kept)
    elif isinstance(value, list) or _records(value) is not value:
        second = next(lines, None)
        if second is None:
            yield from _numbered(_records(value))
            return
        lines = chain([second], lines)
    yield number, _parser(first)
    for number, line in lines:
        yield number, _parser(line)


def _utf8_lines(file: IO[bytes]) -> Iterable[bytes]:
    """Return the lines of a file; of one in UTF-16, as PowerShell writes it, or UTF-32, in UTF-8."""
    encoding = json.detect_encoding(file.peek(4)[:4]) if isinstance(file, BufferedReader) else "utf-8"
    if encoding.startswith("utf-8"):
        return file
    return (line.encode("utf-8", "surrogatepass") for line in TextIOWrapper(file, encoding, errors="replace"))


def _records(value: Any) -> Any:  # noqa: ANN401 (any JSON value)
    """Return the records of a file that is one JSON value: ALCE's `{"data": [...]}`, a list, or a single record."""
    if isinstance(value, dict) and not _ANSWER_FIELDS & set(value) and isinstance(value.get("data"), list):
        return value["data"]
    return value


def _numbered(found: Any) -> Iterator[tuple[int, Parser]]:  # noqa: ANN401 (any JSON value)
    for number, value in enumerate(found if isinstance(found, list) else [found], start=1):
        yield number, lambda value=value: value


def _loaded(raw: bytes) -> Any:  # noqa: ANN401 (any JSON value)
    try:
        return _parser(raw)()
    except UnusableError:
        return None


def _parser(raw: bytes) -> Parser:
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
    """Return the answer that one JSON value holds, in either format.

    Raises:
        UnusableError: If it holds none, with the reason.
    """
    if not isinstance(raw, dict):
        raise UnusableError(f"has to be an object, but is {_kind(raw)}")
    names = next((form for form in _FORMS if form[1] in raw and form[2] in raw), None)
    names = names or next((form for form in _FORMS[:2] if form[1] in raw or form[2] in raw), None)
    if names is None:
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
    """Return passages as documents; a missing id is the passage's number, ids that repeat get it attached."""
    passages = [_unwrapped(passage) for passage in passages]
    given = [_first(passage, _IDS) if isinstance(passage, dict) else None for passage in passages]
    read_ids = [str(n if identity is None else identity) for n, identity in enumerate(given, start=1)]
    repeated = {identity for identity, times in Counter(read_ids).items() if times > 1}
    taken = set(read_ids) - repeated
    documents = []
    for number, (passage, identity) in enumerate(zip(passages, read_ids, strict=True), start=1):
        text = _first(passage, _TEXTS) if isinstance(passage, dict) else passage
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


def _unwrapped(passage: Any) -> Any:  # noqa: ANN401 (any JSON value)
    """Return a passage without what LangChain or LlamaIndex wrap it in."""
    if isinstance(passage, dict) and _first(passage, _TEXTS) is None:
        return next((passage[name] for name in _WRAPPERS if isinstance(passage.get(name), dict)), passage)
    return passage


def _first(passage: dict[str, Any], names: Iterable[str]) -> Any:  # noqa: ANN401 (any JSON value)
    return next((passage[name] for name in names if passage.get(name) is not None), None)


def _kind(value: Any) -> str:  # noqa: ANN401 (any JSON value)
    return _NAMES.get(type(value), "a number")
