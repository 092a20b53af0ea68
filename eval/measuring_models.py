"""The models that measure texts, beside the model whose texts they are; each is loaded when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from counterfoil.models import LanguageModel
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class MeasuringModels:
    """What tasks read and measure with.

    Args:
        load_tokenizer: Gives the tokenizer of the model that is measured.
        language_name: The language model that measures; `None` for SmolLM2-135M-Instruct.
        embedding_name: The embedding model; `None` for all-MiniLM-L6-v2.
    """

    load_tokenizer: Callable[[], PreTrainedTokenizerBase]
    language_name: str | None = None
    embedding_name: str | None = None

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Return the tokenizer of the model that is measured."""
        return self.load_tokenizer()

    @cached_property
    def language(self) -> LanguageModel:
        """Return the language model that measures."""
        from counterfoil.models import load_language_model  # noqa: PLC0415

        return load_language_model(self.language_name)

    @cached_property
    def embedding(self) -> SentenceTransformer:
        """Return the sentence embeddings."""
        from counterfoil.models import load_embedding_model  # noqa: PLC0415

        return load_embedding_model(self.embedding_name)

    @property
    def settings(self) -> dict[str, Any]:
        """Return their names, as results record them."""
        return {"measuring_model": self.language_name, "embedding_model": self.embedding_name}
