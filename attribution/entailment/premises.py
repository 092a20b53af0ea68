"""What an entailment model is shown of documents and statements, and the way back from a premise to its document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..detail_check.findings import Detail, Finding, same_words
from ..documents import Document
from ..text.plain_text import plain_text


@dataclass(frozen=True)
class PremiseFormat:
    """How documents are put together.

    Args:
        heading: Pattern for the title, with `{title}` in it.
        always: Whether a document without a title is given a heading too, and one without text is kept.
        separator: Text between two documents.
        plain: Whether a statement is shown as its reader sees it, without Markdown and tags.
    """

    heading: str
    always: bool
    separator: str
    plain: bool

    def hypothesis(self, statement: str) -> str:
        """Return what is shown of a statement."""
        return plain_text(statement) if self.plain else statement

    def premise(self, documents: Sequence[Document]) -> str:
        """Return the documents as one premise, in the order given."""
        shown = [document for document in documents if self.always or document.text.strip()]
        return self.separator.join(self._text(document) for document in shown)

    def body(self, document: Document) -> int:
        """Return where the document's own text begins in the premise of this document alone."""
        return len(self._text(document)) - len(document.text)

    def place(self, documents: Sequence[Document], position: int) -> tuple[str, int] | None:
        """Return the id of the document and the place in its text of a character of :meth:`premise`.

        `None` if the character is one of a heading, or stands between two documents.
        """
        start = 0
        for document in documents:
            if not (self.always or document.text.strip()):
                continue
            end = start + len(self._text(document))
            if start + self.body(document) <= position < end:
                return document.id, position - start - self.body(document)
            start = end + len(self.separator)
        return None

    def details(
        self,
        findings: Sequence[Finding],
        documents: Sequence[Document],
        hypothesis: str,
        written: str,
        place: Callable[[int], int],
    ) -> tuple[Detail, ...]:
        """Return what the detail check found with its places in the answer and in the documents.

        Args:
            findings: Of the judgement on the premise of `documents`.
            documents: The documents, in the order of the premise.
            hypothesis: What was judged.
            written: The same words as the answer has them.
            place: Returns where a position of `written` is in the answer.
        """
        found = []
        for each in findings:
            first, last = same_words(each, hypothesis, written)
            there = self.place(documents, each.source_start) if each.source else None
            detail = Detail(each.kind, each.message, place(first), place(last - 1) + 1, source=each.source)
            if there is not None:
                id_, begins = there
                detail = replace(detail, document=id_, source_start=begins, source_end=begins + len(each.source))
            found.append(detail)
        return tuple(found)

    def _text(self, document: Document) -> str:
        heading = self.heading.format(title=document.title) if self.always or document.title.strip() else ""
        return heading + document.text


STRICT = PremiseFormat(heading="{title}\n\n", always=False, separator="\n\n", plain=True)
"""A title is a paragraph of its own, so that no window and no sentence runs from one text into another."""

ALCE = PremiseFormat(heading="Title: {title}\n", always=True, separator="\n", plain=False)
"""As the ALCE scorer writes passages and claims."""
