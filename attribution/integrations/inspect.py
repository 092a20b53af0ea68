"""A scorer for Inspect (`inspect_ai`): `Task(..., scorer=citation_support())`.

From the command line: `inspect score LOG --scorer counterfoil/citation_support`.

A sample of which nothing could be checked is `Score.unscored`: it is kept, with the reason, and is in no metric.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ..entailment import EntailmentModel
from ..scoring.score import Scoring
from .rows import Rows, explanation

try:
    from anyio.to_thread import run_sync
    from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr  # pyright: ignore[reportMissingImports]
except ImportError as error:
    raise ImportError(f'the Inspect scorer needs inspect_ai ({error}): pip install "counterfoil[inspect]"') from error

if TYPE_CHECKING:
    from inspect_ai.solver import TaskState  # pyright: ignore[reportMissingImports]


@scorer(metrics=[mean(), stderr()])
def citation_support(
    documents: str = "documents",
    figure: str = "f1",
    entailment: EntailmentModel | str = "local",
    mode: str = "strict",
    threshold: float | None = None,
) -> Scorer:
    """Return a scorer that checks whether the documents a completion cites support what it says.

    Args:
        documents: Key of the sample's metadata that holds the documents of `[1]`, `[2]`, ...: strings, or objects with
            id, title and text.
        figure: `"f1"`, `"recall"` or `"precision"` of the citations; the others are in the score's metadata.
        entailment: The model that judges, or its name as for `counterfoil score --entailment`.
        mode: `"strict"` or `"alce"`.
        threshold: From which probability on it counts as support; `None` for the model's own.

    Raises:
        ValueError: For a figure, a mode or a threshold that does not exist.
    """
    rows = Rows(figure, entailment=entailment, scoring=Scoring(mode, threshold))

    async def score(state: TaskState, target: Target) -> Score:
        del target  # citations are checked against the documents, not against an answer that is known to be right
        if documents not in state.metadata:
            raise ValueError(f"`documents` has to name a key of the sample's metadata, but {documents!r} is none")
        answer = state.output.completion
        row = {
            "user_input": state.input_text,
            "response": answer,
            "retrieved_contexts": state.metadata[documents],
        }
        scored = await run_sync(rows.score, row)
        value, report = rows.value(scored), scored.report
        if value is None or report is None:
            return Score.unscored(reason="grader_failed", answer=answer, explanation=explanation(scored))
        found = {
            "recall": report.recall,
            "precision": report.precision,
            "f1": report.f1,
            "counts": report.counts,
            "entailment": report.entailment,
            "threshold": report.threshold,
            "mode": report.mode,
            "statements": [asdict(verdict) for verdict in report.statements],
        }
        return Score(value=value, answer=answer, explanation=explanation(scored), metadata=found)

    return score
