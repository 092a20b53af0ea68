"""`counterfoil eval chair`: do captions name objects that are not there?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import vision as options
from .decoding import one_each, takes_method_parameters
from .failing import guarded
from .options import check_readable
from .writable import check_writable

if TYPE_CHECKING:
    from counterfoil.eval.results import TaskResult


@takes_method_parameters(image=True)
def chair(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Captions, JSON with `image` or `image_id` and `caption`. Left out: the model describes drawn scenes.",
            metavar="[FILE]",
        ),
    ] = None,
    objects: Annotated[
        Path | None, typer.Option(help="What is in which picture, JSON; needed with FILE.", metavar="FILE")
    ] = None,
    vocabulary: Annotated[
        Path | None,
        typer.Option(help="Synonyms, JSON with `inverse_synonym_dict`; needed with FILE.", metavar="FILE"),
    ] = None,
    model: options.Model = "scenes",
    method: options.Method = "none,vcd,ritual,code,m3id",
    parameters: Mapping[str, Any] = MappingProxyType({}),
    max_new_tokens: Annotated[int, typer.Option(help="The longest caption in tokens.")] = 64,
    sight: options.Sight = "unclear",
    pictures: options.Pictures = 200,
    seed: options.Seed = 0,
    batch_size: options.BatchSize = 32,
    json: options.Json = None,
    samples: options.Samples = None,
    debug: options.Debug = False,
) -> None:
    """Captions: the share of named objects that are not there, and of captions that name one; recall beside."""
    with guarded(debug=debug):
        for path in filter(None, (file, objects, vocabulary)):
            check_readable(path)
        for path in filter(None, (json, samples)):
            check_writable(path)
        if file is not None:
            result = _scored(file, objects, vocabulary, seed)
        else:
            result = _written(
                model,
                method,
                one_each(parameters),
                sight,
                pictures,
                max_new_tokens=max_new_tokens,
                seed=seed,
                batch_size=batch_size,
            )
        options.shown(result, json, samples)


def _scored(file: Path, objects: Path | None, vocabulary: Path | None, seed: int) -> TaskResult:
    from counterfoil.eval.dataset import Source
    from counterfoil.eval.hallucination.captioning import evaluate_captions
    from counterfoil.eval.hallucination.captions import read_captions, read_vocabulary
    from counterfoil.eval.hallucination.table import read_table

    if objects is None or vocabulary is None:
        raise ValueError("--objects and --vocabulary have to be given with captions, but one of them is missing")
    source = Source.read(file)
    return evaluate_captions(
        source,
        read_captions(source),
        read_table(Source.read(objects)),
        read_vocabulary(Source.read(vocabulary)),
        name=file.name,
        seed=seed,
    )


def _written(
    model: str,
    method: str,
    given: dict[str, Any],
    sight: str,
    pictures: int,
    *,
    max_new_tokens: int,
    seed: int,
    batch_size: int,
) -> TaskResult:
    from counterfoil.eval.hallucination.captioning import evaluate
    from counterfoil.eval.hallucination.methods import methods
    from counterfoil.eval.scenes.exams import VOCABULARY, as_source, as_table
    from counterfoil.eval.scenes.testing import draw_exam
    from counterfoil.models import load_vision_model

    from .answering import quieten
    from .progress import Steps

    asked = methods(method, given)
    quieten()
    with Steps() as steps:
        with steps.step("Drawing scenes"):
            exam = draw_exam("test", options.checked_sight(sight), pictures, seed=seed)
        with steps.step("Loading the model"):
            vision = load_vision_model(model)
        with steps.step("chair") as advance:
            return evaluate(
                as_source(exam),
                {name: scene.image for name, scene in exam.scenes.items()},
                as_table(exam),
                VOCABULARY,
                vision,
                asked,
                max_new_tokens=max_new_tokens,
                seed=seed,
                batch_size=batch_size,
                progress=advance,
            )
