"""Citations as Anthropic's Messages API writes them: blocks of text, each with places in the source documents.

The offsets of `char_location` count the characters of the document, from 0, the end excluded. The answer has none:
which words are cited is said by where a block begins and ends.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from ...documents import Document, SourceSpan
from .cited import CitedText, Link, as_mapping, by_id, check_vendor, cited_document, fields_of, located

_QUOTED = {
    "page_location": "document_index",
    "content_block_location": "document_index",
    "search_result_location": "search_result_index",
}


def to_anthropic(cited: CitedText, documents: Sequence[Document]) -> list[dict[str, Any]]:
    """Return the `content` of a message.

    The text is cut wherever a link begins or ends. A link without a passage cites its whole document, and comes back as
    a link to all of it; a link of a point is put on the words before it.

    Args:
        cited: The answer.
        documents: The documents of the request, in its order; `document_index` counts them from 0.

    Raises:
        ValueError: If a link names a document that is not among them, or a passage that it does not hold.
    """
    places = {document.id: n for n, document in enumerate(documents)}
    known = by_id(documents)
    links = [(link, _location(link, places, known)) for link in cited.links]
    ends = {0, len(cited.text), *(place for link in cited.links for place in (link.answer_start, link.answer_end))}
    blocks = []
    for start, end in itertools.pairwise(sorted(ends)):
        found = [location for link, location in links if _covers(link, start, end)]
        block: dict[str, Any] = {"type": "text", "text": cited.text[start:end]}
        blocks.append(block | {"citations": found} if found else block)
    return blocks


def from_anthropic(content: Any, documents: Sequence[Document]) -> CitedText:  # noqa: ANN401 (JSON, or a vendor's object)
    """Return the answer that a message holds; blocks that are no text are passed over.

    `page_location`, `content_block_location` and `search_result_location` say what is cited but not at which character:
    their text is looked for in the document, and if it does not stand there word for word, only the document is known.
    `web_search_result_location` names a document by its URL.

    Args:
        content: The blocks of the message, or the whole message.
        documents: The documents of the request, in its order.

    Raises:
        ValueError: If a citation names a document that is not among them, or words that do not stand there, or if the
            message is another vendor's.
    """
    text, links = "", []
    message = {"content": list(content)} if isinstance(content, list | tuple) else as_mapping(content)
    check_vendor(message, "anthropic")
    blocks = as_mapping(message, "content")["content"]
    if isinstance(blocks, str):
        blocks = [{"type": "text", "text": blocks}]
    typed = [as_mapping(each, "type") for each in blocks]
    if not isinstance(content, list | tuple) and not any(block.get("type") == "text" for block in typed):
        raise ValueError(
            f"the message has no text, but only {', '.join(str(b.get('type')) for b in typed) or 'nothing'}"
        )
    for block in typed:
        if block.get("type") != "text":
            continue
        (words,) = fields_of(block, "text")
        end = len(text) + len(words)
        for citation in block.get("citations") or ():
            document, source = _read(citation, documents)
            links.append(Link(len(text), end, document, source))
        text += words
    return CitedText(text, tuple(links)).joined()


def _location(link: Link, places: dict[str, int], known: dict[str, Document]) -> dict[str, Any]:
    document = cited_document(link, known)
    source = link.source or SourceSpan.of(document, 0, len(document.text))
    if document.text[source.start : source.end] != source.quote:
        raise ValueError(f"document {document.id!r} has to hold the quote at {source.start}, but says something else")
    return {
        "type": "char_location",
        "cited_text": source.quote,
        "document_index": places[document.id],
        "document_title": document.title or None,
        "start_char_index": source.start,
        "end_char_index": source.end,
    }


def _covers(link: Link, start: int, end: int) -> bool:
    if link.answer_start == link.answer_end:
        return end == link.answer_end or start == link.answer_start == 0
    return link.answer_start <= start and end <= link.answer_end


def _read(citation: dict[str, Any], documents: Sequence[Document]) -> tuple[str, SourceSpan | None]:
    kind, quote = citation.get("type"), citation.get("cited_text") or ""
    if kind == "char_location":
        document = _numbered(citation, "document_index", documents)
        source = SourceSpan.of(document, *fields_of(citation, "start_char_index", "end_char_index"))
        if source.quote != quote:
            raise ValueError(
                f"document {document.id!r} has to say {quote!r} at {source.start}, but says {source.quote!r}. "
                "Give the documents exactly as they were sent."
            )
        return document.id, source
    if kind in _QUOTED:
        document = _numbered(citation, _QUOTED[kind], documents)
        return document.id, located(document, quote)
    if kind == "web_search_result_location":
        url = str(fields_of(citation, "url")[0])
        found = next((each for each in documents if url in (each.id, each.metadata.get("url"))), None)
        return (found.id, located(found, quote)) if found else (url, None)
    raise ValueError(f"a citation's `type` has to be one that is documented, but is {kind!r}")


def _numbered(citation: dict[str, Any], name: str, documents: Sequence[Document]) -> Document:
    (number,) = fields_of(citation, name)
    if not 0 <= number < len(documents):
        raise ValueError(f"`{name}` has to be one of the {len(documents)} documents, but is {number}")
    return documents[number]
