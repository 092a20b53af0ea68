"""AttributionBench: is a claim attributable to its references? See `counterfoil.eval.attributionbench`."""

from __future__ import annotations

from ..judged import JudgeTask

TASK = JudgeTask(
    name="attributionbench",
    version=1,
    summary="an entailment model on claims and references: macro-F1 by subset",
    data="attributionbench/*.jsonl",
    function="attributionbench:evaluate_file",
)
