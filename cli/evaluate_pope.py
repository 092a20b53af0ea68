"""`counterfoil eval pope`: does a vision-language model see objects that are not there?"""

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
    from counterfoil.eval.hallucination.methods import Method
    from counterfoil.eval.results import TaskResult

    from .progress import Steps


@takes_method_parameters(image=True)
def pope(
    file: Annotated[
        Path | None,
        typer.Argument(help="POPE's questions, JSON lines. Left out: questions about drawn scenes.", metavar="[FILE]"),
    ] = None,
    answers: Annotated[
        Path | None, typer.Option(help="Score these answers to FILE, JSON lines, and ask no model.", metavar="FILE")
    ] = None,
    images: options.Images = None,
    model: options.Model = "scenes",
    method: options.Method = "none,vcd,ritual,code,m3id",
    parameters: Mapping[str, Any] = MappingProxyType({}),
    chosen: Annotated[
        bool, typer.Option("--choose", help="Scenes: choose settings on other pictures first, not on those tested.")
    ] = False,
    sight: options.Sight = "unclear",
    pictures: options.Pictures = 200,
    seed: options.Seed = 0,
    batch_size: options.BatchSize = 32,
    json: options.Json = None,
    samples: options.Samples = None,
    debug: options.Debug = False,
) -> None:
    """Yes or no about objects: accuracy, precision, recall, F1, share of yes and AUC, in POPE's three splits.

    The answer is read off its first token. Prompt the model so that it answers in one word, or collect answers with
    your own program and give them as --answers.
    """
    with guarded(debug=debug):
        for path in filter(None, (file, answers)):
            check_readable(path)
        for path in filter(None, (json, samples)):
            check_writable(path)
        if answers is not None:
            result = _scored(file, answers, seed)
        else:
            result = _asked(
                file,
                images,
                model,
                method,
                one_each(parameters),
                sight,
                pictures,
                chosen=chosen,
                seed=seed,
                batch_size=batch_size,
            )
        options.shown(result, json, samples)


def _scored(file: Path | None, answers: Path, seed: int) -> TaskResult:
    from counterfoil.eval.dataset import Source
    from counterfoil.eval.hallucination.polling import evaluate_answers

    if file is None:
        raise ValueError("FILE has to be the questions that --answers belong to, but is missing")
    return evaluate_answers(Source.read(file), Source.read(answers), name=answers.name, seed=seed)


def _asked(
    file: Path | None,
    images: Path | None,
    model: str,
    method: str,
    given: dict[str, Any],
    sight: str,
    pictures: int,
    *,
    chosen: bool,
    seed: int,
    batch_size: int,
) -> TaskResult:
    from counterfoil.eval.hallucination.methods import methods
    from counterfoil.eval.hallucination.polling import evaluate
    from counterfoil.models import load_vision_model

    from .answering import quieten
    from .progress import Steps

    asked = methods(method, given, controls=True)
    if file is not None and chosen:
        raise ValueError(
            "--choose has to go with drawn scenes, of which there are others to choose on, but FILE is given"
        )
    quieten()
    with Steps() as steps:
        with steps.step("Preparing the questions"):
            poll = options.drawn_poll(sight, pictures, seed) if file is None else options.poll_of(file, images)
        with steps.step("Loading the model"):
            vision = load_vision_model(model)
        if chosen:
            asked = _chosen(asked, vision, sight, seed, steps)
        with steps.step("pope") as advance:
            return evaluate(poll, vision, asked, seed=seed, batch_size=batch_size, progress=advance)


def _chosen(asked: list[Method], vision: Any, sight: str, seed: int, steps: Steps) -> list[Method]:  # noqa: ANN401
    from counterfoil.eval.scenes.exams import choose

    if given := [method.name for method in asked if method.decoding.parameters.keys() - {"transform"}]:
        raise ValueError(f"--choose has to be left out where settings are given, but {', '.join(given)} has some")
    with steps.step("Choosing settings") as advance:
        return choose(
            [method.name for method in asked], vision, sight=options.checked_sight(sight), seed=seed, progress=advance
        )
