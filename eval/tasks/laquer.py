"""LAQuer (Hirsch et al. 2025): from words of the answer to words of the source. See `counterfoil.eval.laquer`.

`counterfoil eval laquer FILE` has more options: claims, splits, single methods and their parameters.
"""

from __future__ import annotations

from ..results import TaskResult
from ..whole import Asked, WholeTask


def evaluate(asked: Asked) -> TaskResult:
    """Locates every fact of the file by every method."""
    from counterfoil.attribution.entailment import load_entailment  # noqa: PLC0415
    from counterfoil.attribution.entailment.cached import CachedEntailment  # noqa: PLC0415  (torch)
    from counterfoil.attribution.locating import METHODS  # noqa: PLC0415
    from counterfoil.attribution.locating.registry import load_model  # noqa: PLC0415

    from ..dataset import Source, limited  # noqa: PLC0415
    from ..laquer import Setting  # noqa: PLC0415
    from ..laquer import evaluate as locate  # noqa: PLC0415
    from ..laquer_items import read_items  # noqa: PLC0415

    names = [name.strip() for name in asked.methods.split(",")]
    for name in names:
        if name not in METHODS:
            raise ValueError(f"`method` has to be one of {', '.join(METHODS)} for laquer, but is {name!r}")
    if asked.file is None:
        raise ValueError("laquer has to be given a file of answers with facts, but has none")
    source = Source.read(asked.file)
    items = limited(read_items(source), asked.limit, asked.seed)
    model = asked.model if len(names) == 1 else None
    settings = [Setting(name, load_model(name, model)) for name in names]
    judge = CachedEntailment(load_entailment(asked.entailment))
    return locate(source, items, settings, judge, seed=asked.seed, progress=asked.progress)


TASK = WholeTask(
    name="laquer",
    version=1,
    summary="from words of the answer to words of the source: AutoAIS, length, F1 with gold spans",
    data="laquer/*.jsonl",
    methods="alignment,hidden_states",
    evaluate=evaluate,
)
