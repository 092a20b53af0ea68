"""How documents become the premise of an entailment model, and the way back from it to the document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..documents import Document


@dataclass(frozen=True)
class PremiseFormat:
    """How documents are put together.

    Args:
        heading: Pattern for the title, with `{title}` in it.
        always: Whether a document without a title is given a heading too, and one without text is kept.
        separator: Text between two documents.
    """

    heading: str
    always: bool
    separator: str

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


STRICT = PremiseFormat(heading="{title}\n\n", always=False, separator="\n\n")
"""A title is a paragraph of its own, so that no window and no sentence runs from one text into another."""

ALCE = PremiseFormat(heading="Title: {title}\n", always=True, separator="\n")
"""As the ALCE scorer writes passages."""
