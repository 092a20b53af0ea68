"""TrueTeacher (Gekhman et al., EMNLP 2023): the judge of LAQuer."""

from __future__ import annotations

from typing import Any

from .t5 import T5Entailment

MODEL = "google/t5_11b_trueteacher_and_anli"


class TrueTeacherEntailment(T5Entailment):
    """`google/t5_11b_trueteacher_and_anli` (CC-BY-NC-4.0: not for commercial use), in the form its card gives.

    Args:
        model: Another checkpoint of the same form.
        **settings: See :class:`~counterfoil.attribution.entailment.t5.T5Entailment`.
    """

    def __init__(self, model: str = MODEL, **settings: Any) -> None:  # noqa: ANN401 (checked by the base class)
        super().__init__("trueteacher", model, template="premise: {premise} hypothesis: {hypothesis}", **settings)
