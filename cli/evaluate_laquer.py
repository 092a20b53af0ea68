"""`counterfoil eval laquer`: methods of localisation on facts whose support is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import judging
from .failing import guarded
from .options import check_readable, model_options
from .writable import check_writable

if TYPE_CHECKING:
    from counterfoil.attribution import EntailmentModel
    from counterfoil.eval.dataset import Source
    from counterfoil.eval.laquer import Setting
    from counterfoil.eval.laquer_items import Item

    from .progress import Steps


def laquer(
    file: Annotated[
        Path, typer.Argument(help="Answers with facts and gold spans, JSON lines; docs/locate.md.", metavar="FILE")
    ],
    method: Annotated[str, typer.Option(help="Names with commas between them.")] = "alignment,hidden_states",
    model: Annotated[str | None, typer.Option(help="What a single method runs on. Default: the method's own.")] = None,
    base_url: Annotated[str | None, typer.Option(help="For prompting: an OpenAI-compatible endpoint.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", help="Of a single method: layer=9, n_ablations=32, ...", metavar="NAME=VALUE"),
    ] = None,
    claims: Annotated[str, typer.Option(help="rules, none, or given: the claims of the file.")] = "rules",
    split: Annotated[str | None, typer.Option(help="Only the answers of this split.")] = None,
    tune: Annotated[
        bool, typer.Option("--tune", help="Try the parameters of a single method; best with --split dev.")
    ] = False,
    judge: judging.Judge = "local",
    scorer: Annotated[
        str | None, typer.Option(help="Another entailment model for AutoAIS. Default: who checks the spans.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="From which probability on it counts as support. Default: the model's own.")
    ] = None,
    detail_check: Annotated[
        bool, typer.Option(help="Whether details that a source gives otherwise count against support.")
    ] = True,
    limit: Annotated[int | None, typer.Option(help="How many answers, drawn by --seed.")] = None,
    seed: judging.Seed = 0,
    option: judging.Options = None,
    device: judging.Device = None,
    json: judging.Json = None,
    samples: Annotated[
        Path | None, typer.Option(help="Write what each fact got here, JSON lines.", metavar="FILE")
    ] = None,
    debug: judging.Debug = False,
) -> None:
    """From words of answers to words of sources: AutoAIS, length, F1 with gold spans, spans for the unsupported."""
    with guarded(debug=debug):
        check_readable(file)
        for path in filter(None, (json, samples)):
            check_writable(path)
        names = [name.strip() for name in method.split(",") if name.strip()]
        if len(names) != 1 and (model or base_url or setting or tune):
            raise ValueError("--model, --base-url, --set and --tune are for a single --method")
        from counterfoil.eval.dataset import Source, limited
        from counterfoil.eval.laquer_items import read_items

        source = Source.read(file)
        items = limited(read_items(source, split), limit, seed)
        chosen = model_options(setting)
        if tune:
            _tune(items, names[0], model)
            return
        asked = [(name, model, base_url, chosen) for name in names]
        locator = {"threshold": threshold, "detail_check": detail_check}
        judges = (judge, scorer, model_options(option, device))
        _evaluate(source, items, asked, locator, judges, {"claims": claims, "seed": seed}, json, samples)


def _tune(items: list[Item], method: str, model: str | None) -> None:
    from counterfoil.attribution.locating.registry import load_model
    from counterfoil.eval.laquer_tuning import TUNED, choices
    from counterfoil.eval.results import markdown

    from .answering import quieten
    from .progress import Steps

    if method not in TUNED:
        raise ValueError(f"--tune is for {' and '.join(TUNED)}, but --method is {method!r}")
    quieten()
    with Steps() as steps, steps.step("Trying parameters") as advance:
        found = choices(items, method, load_model(method, model)[0], progress=advance)
    head = ["layer", "match", "gap", "least", "score", "F1", "first sentence right"]
    rows = [
        [
            "–" if choice.layer is None else str(choice.layer),
            f"{choice.match:g}",
            str(choice.gap),
            f"{choice.least:g}",
            f"{choice.score:.3f}",
            f"{choice.f1:.3f}",
            f"{choice.first:.3f}",
        ]
        for choice in found
    ]
    print(markdown([head, *rows]))


def _evaluate(
    source: Source,
    items: list[Item],
    asked: list[tuple[str, str | None, str | None, dict[str, object]]],
    locator: dict[str, Any],
    judges: tuple[str, str | None, dict[str, object]],
    settings: dict[str, Any],
    json: Path | None,
    samples: Path | None,
) -> None:
    from counterfoil.attribution.io.atomic import write_text
    from counterfoil.eval.laquer import evaluate

    from .progress import Steps
    from .tables import print_result

    with Steps() as steps:
        loaded = [_loaded(*each, locator, steps) for each in asked]
        check, score = _judges(*judges)
        with steps.step("Locating") as advance:
            result = evaluate(source, items, loaded, check, scorer=score, progress=advance, **settings)
    print_result(result)
    if json is not None:
        write_text(json, result.as_json())
    if samples is not None:
        write_text(samples, result.samples_as_jsonl())


def _loaded(
    name: str,
    model: str | None,
    base_url: str | None,
    options: dict[str, object],
    locator: dict[str, Any],
    steps: Steps,
) -> Setting:
    from counterfoil.attribution.locating import METHODS
    from counterfoil.attribution.locating.registry import load_model
    from counterfoil.eval.laquer import Setting

    from .answering import quieten

    if name not in METHODS:
        raise ValueError(f"--method has to be one of {', '.join(METHODS)}, but is {name!r}")
    quieten()
    with steps.step(f"Loading the model of {name}"):
        loaded, left = load_model(name, model, {**options, **({"base_url": base_url} if base_url else {})})
    return Setting(name, loaded, left, locator)


def _judges(
    name: str, scorer: str | None, options: dict[str, object]
) -> tuple[EntailmentModel, EntailmentModel | None]:
    from counterfoil.attribution.entailment.cached import CachedEntailment

    from .loading import load_judge

    judge = CachedEntailment(load_judge(name, options))
    return judge, None if scorer is None else CachedEntailment(load_judge(scorer, {}))
