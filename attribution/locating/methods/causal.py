"""What the methods share that run a causal language model over the sources, the question and the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict

from ...documents import Document
from ..base import BaseMethod, Proposal, Query, at_least
from ..context import Prompts, TooLongError

if TYPE_CHECKING:
    from counterfoil.models import LanguageModel


class CausalOptions(TypedDict, total=False):
    """Arguments of :class:`CausalMethod` beside the answer and the documents."""

    question: str | None
    model: LanguageModel | str | None
    window: int


class CausalMethod(BaseMethod):
    """Base of these methods: loads the model when it is first needed, and says so if the answer does not fit.

    Args:
        answer: The answer.
        documents: The sources.
        question: What was asked; read between the documents and the answer.
        model: A causal model, or its name; `None` for SmolLM2-135M-Instruct. For a contributive method best the one
            that wrote the answer.
        window: Tokens of one forward; longer sources are read in several windows, with the answer in each of them.

    Raises:
        ValueError: For values out of range.
    """

    def __init__(
        self,
        answer: str,
        documents: Sequence[Document],
        *,
        question: str | None = None,
        model: LanguageModel | str | None = None,
        window: int = 2048,
    ) -> None:
        super().__init__(answer, documents, question)
        at_least(1, window=window)
        self.window = window
        self._model = model

    def propose(self, query: Query) -> Proposal:
        """Return where to look; a failure if the answer leaves no room for a document in the model's context."""
        try:
            return super().propose(query)
        except TooLongError as error:
            return Proposal((), (), failure=str(error))

    @cached_property
    def language(self) -> LanguageModel:
        """Return the model, loaded when it is first needed."""
        if self._model is None or isinstance(self._model, str):
            from counterfoil.models import load_language_model  # noqa: PLC0415 (seconds to import)

            return load_language_model(self._model)
        return self._model

    @cached_property
    def prompts(self) -> Prompts:
        """Return what the model reads."""
        return Prompts(self.answer, self.documents, self.question, self.language)

    @classmethod
    def load_model(cls, model: str | None, options: Mapping[str, object]) -> tuple[object, dict[str, Any]]:
        """Load the causal model of that name; see :meth:`BaseMethod.load_model`."""
        from counterfoil.models import load_language_model  # noqa: PLC0415 (seconds to import)

        return load_language_model(model), dict(options)
