"""A metric for RAGAS (0.4): `CitationSupport().score(user_input=..., response=..., retrieved_contexts=[...])`.

No language model and no embeddings are asked for. A row of which nothing could be checked has the value NaN, which is
how RAGAS marks what it could not score, and its reason says why.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence

from ..entailment import EntailmentModel
from ..scoring.score import Scoring
from .rows import Rows, explanation

try:
    from ragas.metrics.collections.base import BaseMetric  # pyright: ignore[reportMissingImports]
    from ragas.metrics.result import MetricResult  # pyright: ignore[reportMissingImports]
except ImportError as error:
    raise ImportError(f'the RAGAS metric needs ragas ({error}): pip install "counterfoil[ragas]"') from error


class CitationSupport(BaseMetric):
    """Checks whether the documents that a response cites support what it says.

    Args:
        figure: `"f1"`, `"recall"` or `"precision"` of the citations.
        entailment: The model that judges, or its name as for `counterfoil score --entailment`.
        mode: `"strict"` or `"alce"`.
        threshold: From which probability on it counts as support; `None` for the model's own.
        name: The metric's name in the results.

    Raises:
        ValueError: For a figure, a mode or a threshold that does not exist.
    """

    def __init__(
        self,
        figure: str = "f1",
        *,
        entailment: EntailmentModel | str = "local",
        mode: str = "strict",
        threshold: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name or f"citation_{figure}", allowed_values=(0.0, 1.0))
        self._rows = Rows(figure, entailment=entailment, scoring=Scoring(mode, threshold))

    async def ascore(
        self,
        response: str,
        retrieved_contexts: Sequence[str | Mapping[str, str]],
        user_input: str | None = None,
    ) -> MetricResult:
        """Return the figure of one response, with the verdict on each of its statements as the reason.

        Args:
            response: The response with markers such as `[1]`, which count `retrieved_contexts` from 1.
            retrieved_contexts: Strings, or objects with id, title and text.
            user_input: The question.
        """
        row = {"user_input": user_input, "response": response, "retrieved_contexts": list(retrieved_contexts)}
        scored = await asyncio.to_thread(self._rows.score, row)
        value = self._rows.value(scored)
        return MetricResult(value=math.nan if value is None else value, reason=explanation(scored))
