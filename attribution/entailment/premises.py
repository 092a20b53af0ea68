"""What an entailment model is shown of documents and statements, and the way back from a premise to its document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

    def _text(self, document: Document) -> str:
        heading = self.heading.format(title=document.title) if self.always or document.title.strip() else ""
        return heading + document.text


STRICT = PremiseFormat(heading="{title}\n\n", always=False, separator="\n\n", plain=True)
"""A title is a paragraph of its own, so that no window and no sentence runs from one text into another."""

ALCE = PremiseFormat(heading="Title: {title}\n", always=True, separator="\n", plain=False)
"""As the ALCE scorer writes passages and claims."""
