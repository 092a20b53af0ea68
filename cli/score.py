"""`counterfoil score`: does what the answers of a file cite support what they say?"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Annotated

import typer
from platformdirs import user_cache_path

from .failing import guarded
from .options import check_readable, model_options
from .settings import LOCATING
from .writable import check_writable

UNDER, UNCHECKED = 1, 3
ENGINES = ("local", "ray")
FIGURES = ("mean_f1", "f1_of_means", "recall", "precision")


def score(
    files: Annotated[
        list[Path], typer.Argument(help="JSON lines with RAGAS columns, or result files of ALCE.", metavar="FILE...")
    ],
    entailment: Annotated[
        str, typer.Option(help="Who judges: local, true, trueteacher, minicheck, hhem, nli:HUB_ID, llm:MODEL, ...")
    ] = "local",
    mode: Annotated[str, typer.Option(help="strict, or alce for ALCE's figures number for number.")] = "strict",
    fail_under: Annotated[
        float | None, typer.Option(help="Leave with code 1 where the figure is below this.", metavar="F")
    ] = None,
    figure: Annotated[str, typer.Option(help=f"Which figure --fail-under means: {', '.join(FIGURES)}.")] = "mean_f1",
    json: Annotated[Path | None, typer.Option(help="Write everything as JSON here.", metavar="FILE")] = None,
    report: Annotated[Path | None, typer.Option(help="Write a page for the browser here.", metavar="FILE")] = None,
    locate: Annotated[
        str,
        typer.Option(help="For --report: locate the words of each clause beforehand: alignment, hidden_states, none."),
    ] = "none",
    compare: Annotated[
        list[Path] | None, typer.Option(help="The same answers by another system, tested pair by pair.", metavar="FILE")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="From which probability on it counts as support. Default: the model's own.")
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="Take the threshold that `counterfoil calibrate` found.", metavar="FILE")
    ] = None,
    quotes: Annotated[bool, typer.Option("--quotes", help="Look for the supporting passage of each document.")] = False,
    sentences: Annotated[str, typer.Option(help="Who cuts sentences: sentencex, or nltk as in ALCE.")] = "sentencex",
    list_answer: Annotated[
        bool, typer.Option("--list-answer", help="With --mode alce: answers are lists, as in QAMPARI.")
    ] = False,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", help="For the entailment model: batch_size=8, ...", metavar="NAME=VALUE"),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where the entailment model runs, for example cuda.")] = None,
    engine: Annotated[str, typer.Option(help="local, or ray: workers on this machine or on a cluster.")] = "local",
    workers: Annotated[
        int | None, typer.Option(help="With --engine ray: how many workers, each with a copy of the model. Default: 2.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of the judgement cache. Default: in the user's cache folder.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Judge everything again, and keep nothing.")] = False,
    strict_input: Annotated[
        bool, typer.Option("--strict-input", help="Stop at the first record or pair that cannot be read or checked.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Score the citations of answers in FILEs.

    Leaves with code 0; 3 where something could not be read or checked; 1 where the figure is under --fail-under.
    """
    with guarded(debug=debug):
        if figure not in FIGURES:
            raise ValueError(f"--figure has to be one of {', '.join(FIGURES)}, but is {figure!r}")
        if fail_under is not None and not 0.0 <= fail_under <= 1.0:
            raise ValueError(f"--fail-under has to be in [0, 1], but is {fail_under}")
        if calibration is not None and threshold is not None:
            raise ValueError("--threshold and --calibration both set the threshold: leave one of them out")
        if locate not in LOCATING:
            raise ValueError(f"--locate has to be one of {', '.join(LOCATING)}, but is {locate!r}")
        if locate != "none" and report is None:
            raise ValueError("--locate is for the page: add --report FILE, or leave it out")
        if engine not in ENGINES:
            raise ValueError(f"--engine has to be one of {', '.join(ENGINES)}, but is {engine!r}")
        if engine == "local" and workers is not None:
            raise ValueError("--workers is for --engine ray: leave one of them out, or name both")
        for path in filter(None, (*files, *(compare or ()), calibration)):
            check_readable(path)
        for path in filter(None, (json, report)):
            check_writable(path)
        folder = None if no_cache else _cache_folder(cache)
        code = _run(
            files,
            scoring={
                "mode": mode,
                "threshold": threshold,
                "quotes": quotes or report is not None,
                "list_answer": list_answer,
            },
            run={
                "entailment": entailment,
                "model_options": model_options(option, device),
                "cache": folder,
                "strict_input": strict_input,
                "json": json,
                "report": report,
                "locate": locate,
                "other": compare or (),
                "sentences": sentences,
                "calibration": calibration,
                "workers": (2 if workers is None else workers) if engine == "ray" else None,
            },
            bar=None if fail_under is None else (figure, fail_under),
        )
    raise typer.Exit(code)


def _run(files: list[Path], scoring: dict, run: dict, bar: tuple[str, float] | None) -> int:
    """Imports what is heavy, scores, and says with which code to leave."""
    from counterfoil.attribution import Scoring  # noqa: PLC0415 (keeps --help light)
    from counterfoil.attribution.text.splitters import load_splitter  # noqa: PLC0415

    from .scoring import Run  # noqa: PLC0415
    from .scoring import run as score_all  # noqa: PLC0415

    settings = Scoring(sentences=load_splitter(run["sentences"]), **scoring)
    corpus, problems = score_all(Run(files, settings, **run))
    if problems.total:
        return UNCHECKED
    if bar is not None:
        name, least = bar
        value = getattr(corpus, name)
        if value is None or value < least:
            shown = "no figure" if value is None else f"{value:.3f}"
            print(f"{name} is {shown}, under {least:g}", file=sys.stderr)
            return UNDER
    return 0


def _cache_folder(asked: Path | None) -> Path | None:
    """The folder asked for; else the user's, where the extra for it is installed, which is no condition of scoring."""
    if asked is None and importlib.util.find_spec("diskcache") is None:
        print('without a cache: pip install "counterfoil[cache]" to judge each pair once', file=sys.stderr)
        return None
    return asked or user_cache_path("counterfoil") / "judgements"
