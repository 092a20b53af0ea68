"""Citations as Cohere's Chat API (v2) writes them: places of the answer, each with its sources.

`start` and `end` count the characters of the answer, the end excluded, and `text` is what stands there. A source's
`document` is an object of free fields, so the passage is written there: `snippet`, `start` and `end`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from ...documents import Document, SourceSpan
from .cited import CitedText, Link, by_id, located


def to_cohere(cited: CitedText, documents: Sequence[Document]) -> dict[str, Any]:
    """An assistant's `message`.

    Raises:
        ValueError: Where a link names a document that is not among `documents`.
    """
    known = by_id(documents)
    citations = []
    for (start, end), links in itertools.groupby(cited.links, key=lambda link: (link.answer_start, link.answer_end)):
        citations.append(
            {
                "start": start,
                "end": end,
                "text": cited.text[start:end],
                "sources": [_source(link, known) for link in links],
                "content_index": 0,
                "type": "TEXT_CONTENT",
            }
        )
    return {"role": "assistant", "content": [{"type": "text", "text": cited.text}], "citations": citations}


def from_cohere(message: dict[str, Any], documents: Sequence[Document] = ()) -> CitedText:
    """The answer that a message holds.

    Args:
        message: Its `content` may be several blocks, of which `content_index` counts, or a plain string.
        documents: Those that are cited, to find the passage where a source gives only its words (`snippet` or `text`).

    Raises:
        ValueError: Where a citation's `text` is not what stands at its place.
    """
    content = message.get("content") or []
    blocks = [content] if isinstance(content, str) else [block.get("text") or "" for block in content]
    begins = [0, *itertools.accumulate(map(len, blocks))]
    known = by_id(documents)
    text = "".join(blocks)
    links = []
    for citation in message.get("citations") or ():
        offset = begins[citation.get("content_index") or 0]
        start, end = offset + citation["start"], offset + citation["end"]
        if citation.get("text") is not None and text[start:end] != citation["text"]:
            raise ValueError(
                f"a citation has to be of {text[start:end]!r}, which stands there, but is of {citation['text']!r}"
            )
        sources = citation.get("sources") or ()
        links += [Link(start, end, source["id"], _passage(source, known)) for source in sources]
    return CitedText(text, tuple(links))


def _source(link: Link, known: dict[str, Document]) -> dict[str, Any]:
    if link.document not in known:
        raise ValueError(f"`documents` have to hold what is cited, but {link.document!r} is not among them")
    document = known[link.document]
    fields: dict[str, Any] = {"id": document.id}
    if document.title:
        fields["title"] = document.title
    if link.source is not None:
        fields |= {"snippet": link.source.quote, "start": link.source.start, "end": link.source.end}
    return {"type": "document", "id": document.id, "document": fields}


def _passage(source: dict[str, Any], known: dict[str, Document]) -> SourceSpan | None:
    """The place that a source names; else where its words stand in the document, if they do."""
    fields = source.get("document") or {}
    quote = fields.get("snippet", fields.get("text"))
    if not isinstance(quote, str):
        return None
    if isinstance(fields.get("start"), int) and fields.get("end") == fields["start"] + len(quote):
        return SourceSpan(source["id"], fields["start"], fields["end"], quote)
    return located(known[source["id"]], quote) if source["id"] in known else None
