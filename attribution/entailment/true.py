"""TRUE (Honovich et al., NAACL 2022): the 11-billion-parameter judge of ALCE and Attributed QA."""

from __future__ import annotations

from typing import Any

from .t5 import T5Entailment

MODEL = "google/t5_xxl_true_nli_mixture"


class TrueEntailment(T5Entailment):
    """`google/t5_xxl_true_nli_mixture` (Apache-2.0): binary, so it does not tell contradiction from silence.

    Args:
        model: Another checkpoint of the same form.
        **settings: See :class:`~counterfoil.attribution.entailment.t5.T5Entailment`. ALCE's own scorer has no window:
            `window=None`.
    """

    def __init__(self, model: str = MODEL, **settings: Any) -> None:  # noqa: ANN401 (checked by the base class)
        super().__init__("true", model, template="premise: {premise} hypothesis: {hypothesis}", **settings)
