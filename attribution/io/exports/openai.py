"""Citations as OpenAI's APIs write them: annotations at places of the answer.

`start_index` and `end_index` of a `url_citation` and the `index` of a `file_citation` count the characters of the
answer, the end excluded (as in recorded responses; the description leaves it open). The format has no place for the
words of the source, which are lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ...documents import Document
from ...text.markers import markers
from .cited import CitedText, Link, as_mapping, by_id, check_vendor, cited_document, fields_of


def to_openai(cited: CitedText, documents: Sequence[Document]) -> dict[str, Any]:
    """Return an `output_text` of the Responses API.

    A document with a URL (`metadata["url"]`, or its id if that is one) becomes a `url_citation` of the words; any
    other a `file_citation`, which names only the place where the words end. `metadata` may hold its `file_id` and
    `filename`; else both are its id.

    Raises:
        ValueError: If a link names a document that is not among `documents`.
    """
    known = by_id(documents)
    annotations = []
    for link in _once(cited.links):
        document = cited_document(link, known)
        url = url_of(document)
        if url is None:
            annotations.append({"type": "file_citation", **_file_citation(link, document)})
        else:
            annotations.append({"type": "url_citation", **_url_citation(link, document, url)})
    return {"type": "output_text", "text": cited.text, "annotations": annotations}


def to_openai_chat(cited: CitedText, documents: Sequence[Document]) -> dict[str, Any]:
    """Return a message of the Chat Completions API, which knows URLs only.

    Raises:
        ValueError: If a link names a document that is not among `documents`, or one without a URL.
    """
    known = by_id(documents)
    annotations = []
    for link in _once(cited.links):
        document = cited_document(link, known)
        url = url_of(document)
        if url is None:
            raise ValueError(
                f"a chat message can cite URLs only, but document {document.id!r} has none: "
                'set its metadata["url"], or write an output_text with to_openai'
            )
        annotations.append(chat_annotation(link, document))
    return {"role": "assistant", "content": cited.text, "annotations": annotations}


def chat_annotation(link: Link, document: Document) -> dict[str, Any]:
    """Return an annotation of a chat message: a `url_citation`, or a `file_citation` for a document without a URL.

    OpenAI's chat messages cite URLs only. The `file_citation` is that of its Responses API, with the two indices of the
    `url_citation` beside its own.
    """
    url = url_of(document)
    if url is not None:
        return {"type": "url_citation", "url_citation": _url_citation(link, document, url)}
    range_ = {"start_index": link.answer_start, "end_index": link.answer_end}
    return {"type": "file_citation", **_file_citation(link, document), **range_}


def from_openai(message: Any, documents: Sequence[Document] = ()) -> CitedText:  # noqa: ANN401 (JSON, or a vendor's object)
    """Return the answer that OpenAI's JSON holds; `file_path` annotations cite nothing.

    Args:
        message: An `output_text`, a chat message, a text of the Assistants API (`{"value", "annotations"}`), a message
            of several such parts, or a whole response, of which the first choice is read.
        documents: Those that are cited, to find them by URL, `file_id` or id; a citation of another one keeps its URL
            or file id as the document's name. If several have the URL, the first is meant. A response that lists its
            pages (`citations`, as Perplexity's) cites them by markers in its text.

    Raises:
        ValueError: For JSON that is none of these or another vendor's, a response without text, an annotation of a type
            that is not documented, or one outside the text.
    """
    names: dict[str, str] = {}
    for document in documents:
        for known in (url_of(document), document.metadata.get("file_id"), document.id):
            if known is not None:
                names.setdefault(_address(known), document.id)
    given = as_mapping(message, *_FIELDS)
    check_vendor(given, "openai")
    text, links = "", []
    parts = list(_parts(given))
    if not parts:
        raise ValueError(f"the response has no text: its status is {given.get('status')!r}")
    for part, notes in parts:
        for annotation in notes:
            found = _place(annotation)
            if found is not None:
                start, end, name = found
                links.append(Link(len(text) + start, len(text) + end, names.get(_address(name), name)))
        text += part
    pages = given.get("citations")
    if isinstance(pages, list) and not links:
        links = [
            Link(marker.start, marker.start, names.get(_address(str(pages[number - 1])), str(pages[number - 1])))
            for marker in markers(text, len(pages))
            for number in marker.ids
            if 1 <= number <= len(pages)
        ]
    return CitedText(text, tuple(links))


def _address(name: str) -> str:
    """Return an address without what is added for counting and for finding words: `utm_source`, `#:~:text=`."""
    return re.sub(r"#:~:text=.*|[?&]utm_\w+=[^&#]*", "", name).rstrip("/")


_FIELDS = ("text", "content", "value", "output", "choices", "message", "refusal")


def _parts(message: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the texts of a message, each with its annotations."""
    if "choices" in message:
        if not message["choices"]:
            raise ValueError("a response has to have a choice, but has none")
        yield from _parts(as_mapping(as_mapping(message["choices"][0], "message")["message"], *_FIELDS))
    elif isinstance(message.get("output"), list):
        for item in message["output"]:
            if as_mapping(item).get("type") == "message":
                yield from _parts(as_mapping(item, "content"))
    elif isinstance(message.get("content"), list):
        for part in message["content"]:
            if "refusal" in as_mapping(part) and "text" not in part:
                raise ValueError(f"a message has to have text, but has only a refusal: {str(part['refusal'])[:200]!r}")
            if "text" in as_mapping(part):
                yield from _parts(as_mapping(part, "text"))
    elif isinstance(message.get("text"), dict):
        yield from _parts(as_mapping(message["text"], "value"))
    else:
        text = next(
            (message[name] for name in ("text", "value", "content") if isinstance(message.get(name), str)), None
        )
        if text is None:
            held = ", ".join(name for name, value in message.items() if value) or "nothing"
            raise ValueError(f"a message has to have text, but has only {held}")
        yield text, list(message.get("annotations") or ())


def _place(annotation: dict[str, Any]) -> tuple[int, int, str] | None:
    """Return start, end and name of what an annotation cites; `None` if it cites nothing."""
    kind = annotation.get("type")
    if kind == "file_path":
        return None
    if kind == "url_citation":
        place = annotation.get("url_citation", annotation)
        start, end, url = fields_of(place, "start_index", "end_index", "url")
        return start, end, url
    if kind == "container_file_citation":
        return annotation["start_index"], annotation["end_index"], annotation["file_id"]
    if kind == "file_citation" and "file_citation" in annotation:
        # Of the Assistants API: the range is that of the marker, which stands behind the words.
        return annotation["start_index"], annotation["start_index"], annotation["file_citation"]["file_id"]
    if kind == "file_citation":
        return annotation.get("start_index", annotation["index"]), annotation["index"], annotation["file_id"]
    raise ValueError(f"an annotation's `type` has to be one that is documented, but is {kind!r}")


def url_of(document: Document) -> str | None:
    """Return the address of a document; `None` if it has none."""
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


def _file_citation(link: Link, document: Document) -> dict[str, Any]:
    return {
        "file_id": document.metadata.get("file_id", document.id),
        "filename": document.metadata.get("filename", document.id),
        "index": link.answer_end,
    }


def _once(links: Sequence[Link]) -> list[Link]:
    """Return one link for each pair of words and document: two passages of a document are one citation here."""
    return list(dict.fromkeys(Link(link.answer_start, link.answer_end, link.document) for link in links))
