"""Citations as Cohere's Chat API (v2) writes them: places of the answer, each with its sources.

`start` and `end` count the characters of the answer, the end excluded, and `text` is what stands there. A source's
`document` is an object of free fields, so the passage is written there: `snippet`, `start` and `end`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from ...documents import Document, SourceSpan
from .cited import CitedText, Link, as_mapping, by_id, check_vendor, cited_document, fields_of, located


def to_cohere(cited: CitedText, documents: Sequence[Document]) -> dict[str, Any]:
    """Return an assistant's `message`.

    Raises:
        ValueError: If a link names a document that is not among `documents`.
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


def from_cohere(message: Any, documents: Sequence[Document] = ()) -> CitedText:  # noqa: ANN401 (JSON, or a vendor's object)
    """Return the answer that a message holds.

    Args:
        message: A message, or the whole response, of version 1 of the API as well. Its `content` may be a string or
            several blocks, of which those of text are read and `content_index` counts all; citations of a plan or of
            thinking are of no words of the answer, and are left out.
        documents: Those that are cited, to find the passage if a source gives only its words (`snippet` or `text`).

    Raises:
        ValueError: If a citation's `text` is not what stands at its place, if a source has no name, or if there is
            neither a message nor content.
    """
    given = as_mapping(message, "content", "message", "text")
    check_vendor(given, "cohere")
    if "content" not in given and "text" not in given:
        if not isinstance(given["message"], dict):
            raise ValueError(f"a message has to be an object, but is {str(given['message'])[:200]!r}")
        given = as_mapping(given["message"])
    content = given.get("content") or given.get("text") or []
    if not content:
        raise ValueError(f"the message has no text, but only {', '.join(given) or 'nothing'}")
    blocks = [content] if isinstance(content, str) else [_text_of(as_mapping(block)) for block in content]
    begins = [0, *itertools.accumulate(map(len, blocks))]
    known = by_id(documents)
    text = "".join(blocks)
    links = []
    for citation in given.get("citations") or ():
        if citation.get("type") not in {None, "TEXT_CONTENT"}:
            continue
        index = citation.get("content_index") or 0
        if not 0 <= index < len(blocks):
            raise ValueError(f"`content_index` has to be one of the {len(blocks)} blocks, but is {index}")
        start, end = (begins[index] + place for place in fields_of(citation, "start", "end"))
        if citation.get("text") is not None and text[start:end] != citation["text"]:
            raise ValueError(
                f"a citation has to be of {text[start:end]!r}, which stands there, but is of {citation['text']!r}"
            )
        if "sources" not in citation and "document_ids" not in citation:
            fields_of(citation, "sources")
        sources = citation.get("sources") or [{"id": each} for each in citation.get("document_ids") or ()]
        for source in sources:
            name = _name(source)
            links.append(Link(start, end, name, _passage(name, source, known)))
    return CitedText(text, tuple(links))


def _text_of(block: dict[str, Any]) -> str:
    return block.get("text") or "" if block.get("type", "text") == "text" else ""


def _name(source: dict[str, Any]) -> str:
    """Return the id of a source; if it has none, that of its document, or its address or title."""
    fields = source.get("document") or source.get("tool_output") or {}
    found = source.get("id") or next((fields[name] for name in ("id", "url", "title") if fields.get(name)), None)
    if found is None:
        raise ValueError(f"a source has to have an id, a url or a title, but has {', '.join(source) or 'nothing'}")
    return str(found)


def _source(link: Link, known: dict[str, Document]) -> dict[str, Any]:
    document = cited_document(link, known)
    fields: dict[str, Any] = {"id": document.id}
    if document.title:
        fields["title"] = document.title
    if link.source is not None:
        fields |= {"snippet": link.source.quote, "start": link.source.start, "end": link.source.end}
    return {"type": "document", "id": document.id, "document": fields}


def _passage(name: str, source: dict[str, Any], known: dict[str, Document]) -> SourceSpan | None:
    """Return the place that a source gives; else where its words stand in the document, if they do."""
    fields = source.get("document") or {}
    quote = fields.get("snippet", fields.get("text"))
    if not isinstance(quote, str):
        return None
    if isinstance(fields.get("start"), int) and fields.get("end") == fields["start"] + len(quote):
        return SourceSpan(name, fields["start"], fields["end"], quote)
    return located(known[name], quote) if name in known else None
