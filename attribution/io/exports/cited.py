"""A text whose words are linked to passages: every format of citations is written from it and read into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...documents import Document, SourceSpan
from ...locating.results import Attribution
from ...scoring.results import StatementVerdict
from ...text.statements import Status


@dataclass(frozen=True)
class Link:
    """Words of an answer, and one place in the sources that they rest on.

    Args:
        answer_start: First code point of the words in the answer.
        answer_end: One past the last; equal to `answer_start` if only a point of the answer is known.
        document: Id of the document.
        source: The passage; `None` if only the document is known.
    """

    answer_start: int
    answer_end: int
    document: str
    source: SourceSpan | None = None


@dataclass(frozen=True)
class CitedText:
    """An answer with its links, in the order of their place in it.

    Args:
        text: The answer.
        links: The links; the same words may have several.

    Raises:
        ValueError: For a link that reaches outside the text, or whose source is in another document.
    """

    text: str
    links: tuple[Link, ...] = ()

    def __post_init__(self) -> None:
        for link in self.links:
            if not 0 <= link.answer_start <= link.answer_end <= len(self.text):
                raise ValueError(
                    f"`links` have to lie within the {len(self.text)} characters of the text, but one is "
                    f"({link.answer_start}, {link.answer_end})"
                )
            if link.source is not None and link.source.document != link.document:
                raise ValueError(
                    f"a link to {link.document!r} has to have its source there, but it is in {link.source.document!r}"
                )
        ordered = sorted(self.links, key=lambda link: (link.answer_start, link.answer_end))
        object.__setattr__(self, "links", tuple(ordered))

    @classmethod
    def of_verdicts(
        cls, text: str, statements: Iterable[StatementVerdict], *, supported_only: bool = False
    ) -> CitedText:
        """Return the citations of scored sentences; those that name no document are left out.

        Args:
            text: The answer.
            statements: Its sentences.
            supported_only: Whether to leave out citations that do not support their sentence.
        """
        links = [
            Link(verdict.start, verdict.end, citation.document, _source(citation.document, citation))
            for verdict in statements
            for citation in verdict.citations
            if citation.document is not None and not (supported_only and citation.status != Status.SUPPORTED)
        ]
        return cls(text, tuple(links))

    @classmethod
    def of_attributions(cls, text: str, attributions: Iterable[Attribution]) -> CitedText:
        """Return located words with their spans."""
        links = [
            Link(start, end, span.document, replace(span, score=None))
            for found in attributions
            for start, end in found.ranges
            for span in found.spans
        ]
        return cls(text, tuple(links))

    def joined(self) -> CitedText:
        """Return the same text with neighbouring words that rest on the same place as one link, and no link twice."""
        found: list[Link] = []
        for link in self.links:
            before = next((n for n, kept in enumerate(found) if _continues(kept, link)), None)
            if before is None:
                found.append(link)
            else:
                end = max(found[before].answer_end, link.answer_end)
                found[before] = replace(found[before], answer_end=end)
        return CitedText(self.text, tuple(found))


def by_id(documents: Sequence[Document]) -> dict[str, Document]:
    """Return the documents by their ids."""
    return {document.id: document for document in documents}


def cited_document(link: Link, known: Mapping[str, Document]) -> Document:
    """Return the document of a link.

    Raises:
        ValueError: If it is not among the known ones.
    """
    if link.document not in known:
        raise ValueError(f"`documents` have to hold what is cited, but {link.document!r} is not among them")
    return known[link.document]


def as_mapping(value: Any, *fields: str) -> dict[str, Any]:  # noqa: ANN401 (JSON values, or an object of a vendor's package)
    """Return JSON that a vendor's API sent as a dict, whether it is one or an object with `model_dump`.

    Args:
        value: The message or response.
        fields: Of which it has to have one.

    Raises:
        ValueError: If it has none of them.
        TypeError: If it is no mapping.
    """
    dumped = value.model_dump(mode="json") if hasattr(value, "model_dump") else value
    if not isinstance(dumped, dict):
        raise TypeError(f"a message has to be a dict, but is a {type(value).__name__}")
    if fields and not any(field in dumped for field in fields):
        raise ValueError(
            f"a message has to have one of the fields {', '.join(fields)}, but has {', '.join(dumped) or 'none'}"
        )
    return dumped


def check_vendor(message: Mapping[str, Any], expected: str) -> None:
    """Reject a message that is clearly another vendor's: read as this one's it would lose its citations.

    Raises:
        ValueError: Naming the function that reads it.
    """
    found = _vendor_of(message)
    if found not in {None, expected}:
        raise ValueError(f"the message is in the format of {found}; read it with from_{found}")


def _vendor_of(message: Mapping[str, Any]) -> str | None:
    if "choices" in message or isinstance(message.get("output"), list) or "annotations" in message:
        return "openai"
    inner = message["message"] if isinstance(message.get("message"), dict) else message
    content = inner.get("content")
    blocks = [each for each in content if isinstance(each, dict)] if isinstance(content, list) else []
    if any("annotations" in block or block.get("type") == "output_text" for block in blocks):
        return "openai"
    if any("citations" in block for block in blocks) or "stop_reason" in message:
        return "anthropic"
    cited = inner.get("citations")
    own = isinstance(cited, list) and any(isinstance(c, dict) and ("sources" in c or "start" in c) for c in cited)
    return "cohere" if own or inner is not message else None


def fields_of(citation: Any, *names: str) -> list[Any]:  # noqa: ANN401 (any JSON value)
    """Return the values of fields that a citation or block has to have.

    Raises:
        ValueError: If it lacks one.
    """
    missing = [name for name in names if not isinstance(citation, dict) or citation.get(name) is None]
    if missing:
        raise ValueError(f"a part of a message has to have `{missing[0]}`, but is {str(citation)[:200]}")
    return [citation[name] for name in names]


def located(document: Document, quote: str) -> SourceSpan | None:
    """Return where the document says `quote`, word for word: the first place, `None` if it does not."""
    start = document.text.find(quote) if quote else -1
    return None if start < 0 else SourceSpan.of(document, start, start + len(quote))


def _source(document: str, citation: object) -> SourceSpan | None:
    start, end, quote = (getattr(citation, name) for name in ("start", "end", "quote"))
    return SourceSpan(document, start, end, quote) if quote else None


def _continues(kept: Link, link: Link) -> bool:
    return (kept.document, kept.source) == (link.document, link.source) and link.answer_start <= kept.answer_end
