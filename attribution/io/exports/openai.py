"""Citations as OpenAI's APIs write them: annotations at places of the answer.

`start_index` and `end_index` of a `url_citation` and the `index` of a `file_citation` count the characters of the
answer, the end excluded (so say recorded responses, where the description leaves it open). Which words of the source
are meant has no place in this format and is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...documents import Document
from .cited import CitedText, Link, by_id


def to_openai(cited: CitedText, documents: Sequence[Document]) -> dict[str, Any]:
    """An `output_text` of the Responses API.

    A document with a URL (`metadata["url"]`, or its id where that is one) becomes a `url_citation` of the words; any
    other a `file_citation`, which names only the place where the words end. `metadata` may hold its `file_id` and
    `filename`; else both are its id.

    Raises:
        ValueError: Where a link names a document that is not among `documents`.
    """
    known = by_id(documents)
    annotations = []
    for link in _once(cited.links):
        document = _cited(link, known)
        url = url_of(document)
        if url is None:
            annotations.append(
                {
                    "type": "file_citation",
                    "file_id": document.metadata.get("file_id", document.id),
                    "filename": document.metadata.get("filename", document.id),
                    "index": link.answer_end,
                }
            )
        else:
            annotations.append({"type": "url_citation", **_url_citation(link, document, url)})
    return {"type": "output_text", "text": cited.text, "annotations": annotations}


def to_openai_chat(cited: CitedText, documents: Sequence[Document]) -> dict[str, Any]:
    """A message of the Chat Completions API, which knows URLs only.

    Raises:
        ValueError: Where a link names a document that is not among `documents`, or one without a URL.
    """
    known = by_id(documents)
    annotations = []
    for link in _once(cited.links):
        document = _cited(link, known)
        url = url_of(document)
        if url is None:
            raise ValueError(
                f"a chat message can cite URLs only, but document {document.id!r} has none: "
                'set its metadata["url"], or write an output_text with to_openai'
            )
        annotations.append({"type": "url_citation", "url_citation": _url_citation(link, document, url)})
    return {"role": "assistant", "content": cited.text, "annotations": annotations}


def from_openai(message: dict[str, Any], documents: Sequence[Document] = ()) -> CitedText:
    """The answer that an `output_text` or a chat message holds; `file_path` annotations cite nothing.

    Args:
        message: Either of them.
        documents: Those that are cited, to find them by URL, `file_id` or id; what is cited but not among them keeps
            its URL or file id as its name. Where several have the URL, the first is meant.

    Raises:
        ValueError: For an annotation of a type that is not documented, or one outside the text.
    """
    text = message["text"] if "text" in message else message.get("content") or ""
    names: dict[str, str] = {}
    for document in documents:
        for known in (url_of(document), document.metadata.get("file_id"), document.id):
            if known is not None:
                names.setdefault(known, document.id)
    links = []
    start: int
    end: int
    name: str
    for annotation in message.get("annotations") or ():
        kind = annotation.get("type")
        if kind == "file_path":
            continue
        if kind == "url_citation":
            place = annotation.get("url_citation", annotation)
            start, end, name = place["start_index"], place["end_index"], place["url"]
        elif kind == "container_file_citation":
            start, end, name = annotation["start_index"], annotation["end_index"], annotation["file_id"]
        elif kind == "file_citation":
            start, end, name = annotation["index"], annotation["index"], annotation["file_id"]
        else:
            raise ValueError(f"an annotation's `type` has to be one that is documented, but is {kind!r}")
        links.append(Link(start, end, names.get(name, name)))
    return CitedText(text, tuple(links))


def url_of(document: Document) -> str | None:
    """The address of a document; `None` where it has none."""
    if "url" in document.metadata:
        return document.metadata["url"]
    return document.id if document.id.startswith(("https://", "http://")) else None


def _url_citation(link: Link, document: Document, url: str) -> dict[str, Any]:
    return {
        "start_index": link.answer_start,
        "end_index": link.answer_end,
        "url": url,
        "title": document.title or document.id,
    }


def _cited(link: Link, known: dict[str, Document]) -> Document:
    if link.document not in known:
        raise ValueError(f"`documents` have to hold what is cited, but {link.document!r} is not among them")
    return known[link.document]


def _once(links: Sequence[Link]) -> list[Link]:
    """One link for each pair of words and document: two passages of a document are one citation here."""
    return list(dict.fromkeys(Link(link.answer_start, link.answer_end, link.document) for link in links))
