"""What an entailment model is shown of the documents: the premise, and the way back from it to the document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..documents import Document


@dataclass(frozen=True)
class Evidence:
    """How documents become a premise.

    Args:
        heading: Pattern for the title, with `{title}` in it.
        always: Whether a document without a title is given a heading too, and one without text is kept.
        separator: What stands between two documents.
    """

    heading: str
    always: bool
    separator: str

    def premise(self, documents: Sequence[Document]) -> str:
        """The documents as one premise, in the order given."""
        shown = [document for document in documents if self.always or document.text.strip()]
        return self.separator.join(self._text(document) for document in shown)

    def body(self, document: Document) -> int:
        """Where the document's own text begins in the premise of this document alone."""
        return len(self._text(document)) - len(document.text)

    def _text(self, document: Document) -> str:
        heading = self.heading.format(title=document.title) if self.always or document.title.strip() else ""
        return heading + document.text


STRICT = Evidence(heading="{title}\n\n", always=False, separator="\n\n")
"""A title is a paragraph of its own, so that no window and no sentence runs from one text into another."""

ALCE = Evidence(heading="Title: {title}\n", always=True, separator="\n")
"""As the ALCE scorer writes passages."""
