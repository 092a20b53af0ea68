"""ALCE (Gao et al., EMNLP 2023, arXiv 2305.14627): citation recall and precision. See `counterfoil.eval.alce`."""

from __future__ import annotations

from ..judged import JudgeTask

TASK = JudgeTask(
    name="alce",
    version=1,
    summary="an entailment model on answers with citations: recall and precision as ALCE computes them",
    data="alce/*.json",
    function="alce:evaluate_file",
)
