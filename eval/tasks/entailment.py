"""Labelled pairs of premise and hypothesis: does a model see support? See `counterfoil.eval.entailment`."""

from __future__ import annotations

from ..judged import JudgeTask

TASK = JudgeTask(
    name="entailment",
    version=1,
    summary="an entailment model on labelled pairs: balanced accuracy, AUROC, calibration",
    data="entailment/dev.jsonl",
    function="entailment.evaluate:evaluate_file",
)
