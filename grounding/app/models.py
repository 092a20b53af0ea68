"""The models of a session, each loaded when it is first needed and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from counterfoil.attribution import EntailmentModel, load_entailment
from counterfoil.attribution.locating import Locator
from counterfoil.attribution.locating.registry import load_model
from counterfoil.attribution.report import AnswerRecord, Report
from counterfoil.decoding.methods import Method
from counterfoil.models import load_embedding_model

from ..contrasts import document_methods
from ..engine import Engine
from ..question_answering import StepProgress, is_address, load_engine

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@dataclass
class Models:
    """What answers, checks and finds passages: models, or names as :func:`~counterfoil.grounding.answer` takes them.

    Args:
        engine: What writes.
        entailment: What checks.
        embedding_model: What finds the passages.
        detail_check: As in :func:`~counterfoil.grounding.answer`.
        drafts: Likewise.
    """

    engine: Engine | str | None = None
    entailment: EntailmentModel | str = "local"
    embedding_model: SentenceTransformer | str | None = None
    detail_check: bool = True
    drafts: bool = True
    _locating: dict[str, tuple[Any, dict[str, Any]]] = field(default_factory=dict)

    def load(self, step: StepProgress) -> tuple[Engine, EntailmentModel, SentenceTransformer]:
        """Return engine, judge and embedding model, loaded.

        Args:
            step: Shows what is being loaded.

        Raises:
            ValueError: There is no such model, or no such server.
            ModelLoadError: A model cannot be loaded.
        """
        if self.embedding_model is None or isinstance(self.embedding_model, str):
            with step("Loading the embedding model", None):
                self.embedding_model = load_embedding_model(self.embedding_model)
        if not isinstance(self.embedding_model, RememberedEmbeddings):
            self.embedding_model = cast("SentenceTransformer", RememberedEmbeddings(self.embedding_model))
        if self.engine is None or isinstance(self.engine, str):
            with step("Loading the language model", None):
                self.engine = load_engine(self.engine, self.drafts)
        if isinstance(self.entailment, str):
            with step("Loading the entailment model", None):
                self.entailment = load_entailment(self.entailment)
        return self.engine, self.entailment, self.embedding_model

    def methods(self) -> Sequence[type[Method]]:
        """Return the methods that the engine can decode by; a language model is not loaded to know them.

        Raises:
            ValueError: There is no such server, or it gives no answer.
            ImportError: The client of servers is not installed.
        """
        if isinstance(self.engine, str) and is_address(self.engine):
            self.engine = load_engine(self.engine)
        if self.engine is None or isinstance(self.engine, str):
            return tuple(document_methods().values())
        return self.engine.methods()

    def locator(self, report: Report, record: AnswerRecord, method: str) -> Locator:
        """Return what locates words of an answer.

        Args:
            report: The question and its documents.
            record: The answer.
            method: Name of the locating method.
        """
        if isinstance(self.entailment, str):
            self.entailment = load_entailment(self.entailment)
        if method not in self._locating:
            self._locating[method] = load_model(method)
        model, left = self._locating[method]
        return Locator(
            record.text,
            report.documents,
            method=method,
            model=model,
            question=report.question or None,
            entailment=self.entailment,
            detail_check=self.detail_check,
            **left,
        )


class RememberedEmbeddings:
    """An embedding model that embeds a passage once: documents stay while questions change.

    Args:
        model: A sentence-transformers model.
    """

    def __init__(self, model: SentenceTransformer) -> None:
        self._model = model
        self._known: dict[str, Any] = {}

    def encode_document(self, texts: Sequence[str], **options: Any) -> Any:  # noqa: ANN401 (sentence-transformers' own)
        """Return one embedding a text, `[texts, dimensions]`."""
        import numpy as np  # noqa: PLC0415 (slow to import)

        unknown = [text for text in dict.fromkeys(texts) if text not in self._known]
        if unknown:
            self._known.update(zip(unknown, self._model.encode_document(unknown, **options), strict=True))
        return np.stack([self._known[text] for text in texts])

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever the model has)
        return getattr(self._model, name)
