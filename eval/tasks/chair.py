"""CHAIR (Rohrbach et al., EMNLP 2018, arXiv 1809.02156) on drawn scenes: do captions name objects that are not there?

Captions of photographs are scored with `counterfoil eval chair FILE --objects FILE --vocabulary FILE`.
"""

from __future__ import annotations

from ..results import TaskResult
from ..whole import Asked, WholeTask


def evaluate(asked: Asked) -> TaskResult:
    """Has scenes described that no training saw."""
    from counterfoil.models import load_vision_model  # noqa: PLC0415

    from ..hallucination.captioning import evaluate as describe  # noqa: PLC0415
    from ..hallucination.methods import methods  # noqa: PLC0415
    from ..scenes.exams import VOCABULARY, as_source, as_table  # noqa: PLC0415
    from ..scenes.testing import draw_exam  # noqa: PLC0415

    chosen = methods(asked.methods, asked.parameters)
    exam = draw_exam("test", "unclear", asked.limit or TASK.limit or 2, seed=asked.seed)
    return describe(
        as_source(exam),
        {name: scene.image for name, scene in exam.scenes.items()},
        as_table(exam),
        VOCABULARY,
        load_vision_model(asked.model or "scenes"),
        chosen,
        seed=asked.seed,
        batch_size=asked.batch_size,
        progress=asked.progress,
    )


TASK = WholeTask(
    name="chair",
    version=1,
    summary="captions of pictures: the share of named objects that are not there",
    data="",
    methods="none,vcd,ritual,code,m3id",
    evaluate=evaluate,
    limit=200,
)
