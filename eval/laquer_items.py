"""Answers with facts whose support is known: the file of `counterfoil eval laquer`.

A line is one answer: `id`, `answer`, `documents` (`id`, `title`, `text`), `facts`, and where they are known `question`
and `split`. A fact has `start` and `end` in the answer, and where they are known `claim` (the words, understandable
alone), `kind` (free; figures are given for each), `cited` (ids of the documents that the answer's sentence cites; all
of them where it is missing) and `gold`: `document`, `start`, `end` and `quote` of each span of its shortest support,
empty for a fact that the documents do not support.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from counterfoil.attribution import Document, SourceSpan

from .dataset import Source


@dataclass(frozen=True)
class Fact:
    """Some words of an answer.

    Args:
        id: Name of the fact.
        start: First code point in the answer.
        end: One past the last.
        gold: The words of the documents that support them, none where nothing does; `None` where nobody has looked.
        claim: The words, understandable alone, where somebody wrote that down.
        kind: Free.
        cited: Ids of the documents that are cited for them.
    """

    id: str
    start: int
    end: int
    gold: tuple[SourceSpan, ...] | None
    claim: str | None
    kind: str
    cited: tuple[str, ...]


@dataclass(frozen=True)
class Item:
    """One answer with its documents and facts."""

    id: str
    answer: str
    question: str | None
    documents: tuple[Document, ...]
    facts: tuple[Fact, ...]
    split: str


def read_items(source: Source, split: str | None = None) -> list[Item]:
    """The answers of a file, or those of one split.

    Raises:
        ValueError: Where a line cannot be used, with its number; or where there is no such split.
    """
    items = []
    for number, line in source.lines():
        try:
            items.append(_item(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"{source.name}, line {number}: {what}") from error
    splits = sorted({item.split for item in items})
    chosen = [item for item in items if split is None or item.split == split]
    if not chosen:
        raise ValueError(f"--split has to be one of {', '.join(splits) or 'none'}, but is {split!r}")
    return chosen


def _item(record: dict[str, Any]) -> Item:
    documents = tuple(Document(d["id"], d["text"], d.get("title", "")) for d in record["documents"])
    by_id = {document.id: document for document in documents}
    answer = record["answer"]
    facts = tuple(_fact(n, fact, answer, by_id) for n, fact in enumerate(record["facts"], start=1))
    return Item(record["id"], answer, record.get("question"), documents, facts, record.get("split", ""))


def _fact(number: int, record: dict[str, Any], answer: str, documents: dict[str, Document]) -> Fact:
    name = record.get("id", str(number))
    start, end = record["start"], record["end"]
    if not 0 <= start < end <= len(answer):
        raise ValueError(
            f"fact {name} has to lie within the {len(answer)} characters of the answer, but is {start, end}"
        )
    if record.get("text", answer[start:end]) != answer[start:end]:
        raise ValueError(f"fact {name} has to be {answer[start:end]!r}, but is {record['text']!r}")
    cited = tuple(record.get("cited", documents))
    for id_ in cited:
        if id_ not in documents:
            raise ValueError(f"fact {name} has to cite documents of the answer, but cites {id_!r}")
    gold = None if record.get("gold") is None else tuple(_gold(name, span, documents) for span in record["gold"])
    return Fact(name, start, end, gold, record.get("claim"), record.get("kind", ""), cited)


def _gold(name: str, record: dict[str, Any], documents: dict[str, Document]) -> SourceSpan:
    if record["document"] not in documents:
        raise ValueError(
            f"the gold of fact {name} has to be in a document of the answer, but is in {record['document']!r}"
        )
    span = SourceSpan.of(documents[record["document"]], record["start"], record["end"])
    if record.get("quote", span.quote) != span.quote:
        raise ValueError(f"the gold of fact {name} has to be {span.quote!r}, but is {record['quote']!r}")
    return span
