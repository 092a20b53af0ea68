"""POPE (Li et al., EMNLP 2023, arXiv 2305.10355) on drawn scenes: does a model see objects that are not there?

The questions about photographs are asked with `counterfoil eval pope FILE --images DIR`.
"""

from __future__ import annotations

from ..results import TaskResult
from ..whole import Asked, WholeTask


def evaluate(asked: Asked) -> TaskResult:
    """Asks about scenes that no training saw."""
    from counterfoil.models import load_vision_model  # noqa: PLC0415

    from ..hallucination.methods import methods  # noqa: PLC0415
    from ..hallucination.polling import evaluate as poll  # noqa: PLC0415
    from ..scenes.exams import as_poll  # noqa: PLC0415
    from ..scenes.testing import draw_exam  # noqa: PLC0415

    chosen = methods(asked.methods, asked.parameters, controls=True)
    exam = draw_exam("test", "unclear", asked.limit or TASK.limit or 2, seed=asked.seed)
    vision = load_vision_model(asked.model or "scenes")
    return poll(as_poll(exam), vision, chosen, seed=asked.seed, batch_size=asked.batch_size, progress=asked.progress)


TASK = WholeTask(
    name="pope",
    version=1,
    summary="yes or no about objects in pictures: accuracy, F1, share of yes",
    data="",
    methods="none,vcd,ritual,code,m3id",
    evaluate=evaluate,
    limit=200,
)
