"""The options that name a decoding method and its parameters, shared by the commands that decode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

import typer

Number = TypeVar("Number", int, float)

Model = Annotated[
    str | None, typer.Option(help="Language model: hub id or folder. Default: SmolLM2-135M-Instruct.", metavar="MODEL")
]
Alpha = Annotated[
    str | None,
    typer.Option(
        help="cad, ritual, vcd: strength. cid, contrastive_decoding, dola: plausibility cut in [0, 1].",
        metavar="NUMBER",
    ),
]
Strength = Annotated[str | None, typer.Option(help="cid: strength.", metavar="NUMBER")]
Rule = Annotated[str | None, typer.Option(help="cid: probability or log_ratio.", metavar="RULE")]
Beta = Annotated[
    str | None,
    typer.Option(
        help="contrastive_decoding: strength. ritual, vcd, m3id: plausibility cut in [0, 1].", metavar="NUMBER"
    ),
]
Formulation = Annotated[str | None, typer.Option(help="contrastive_decoding: obrien or li.", metavar="NAME")]
AmateurTemperature = Annotated[
    float | None, typer.Option(help="contrastive_decoding, li: the amateur's temperature.", metavar="NUMBER")
]
Amateur = Annotated[
    str | None, typer.Option(help="contrastive_decoding: a smaller model of the same vocabulary.", metavar="MODEL")
]
EarlyExit = Annotated[
    int | None, typer.Option(help="contrastive_decoding: the amateur is the model up to this layer.", metavar="LAYER")
]
CutContext = Annotated[
    int | None,
    typer.Option(
        help="contrastive_decoding: the amateur reads the last so many tokens of the prompt.", metavar="TOKENS"
    ),
]
Layers = Annotated[str | None, typer.Option(help="dola: low, high, a layer or several with commas.", metavar="LAYERS")]
Norm = Annotated[
    bool | None,
    typer.Option("--norm/--no-norm", help="dola: early layers pass the final norm. The released code: --no-norm."),
]
PenaltyAlpha = Annotated[
    float | None, typer.Option(help="contrastive_search: weight of the penalty, 0 to 1.", metavar="NUMBER")
]
TopK = Annotated[int | None, typer.Option(help="contrastive_search: how many candidates.", metavar="COUNT")]

K = Annotated[
    float | None,
    typer.Option("--k", help="code: power in the divergence. The released command: 0.7.", metavar="NUMBER"),
]
Description = Annotated[
    str | None, typer.Option(help="code: what stands for the image. Default: the model describes it.", metavar="TEXT")
]
Transform = Annotated[
    str | None,
    typer.Option(
        help="ritual: a transformation by name, or model to let the model choose. Default: drawn.", metavar="NAME"
    ),
]
Normalize = Annotated[
    bool | None, typer.Option("--normalize/--no-normalize", help="ritual: the weighted mean of the views, not the sum.")
]
NoiseStep = Annotated[int | None, typer.Option(help="vcd: steps of noise, 0 to 999.", metavar="COUNT")]
Decay = Annotated[float | None, typer.Option(help="m3id: how fast the image is forgotten.", metavar="NUMBER")]
Gate = Annotated[
    float | None, typer.Option(help="m3id: tokens of this probability or more are left alone.", metavar="NUMBER")
]
MaxWeight = Annotated[float | None, typer.Option(help="m3id: the most that the contrast may weigh.", metavar="NUMBER")]
Offset = Annotated[int | None, typer.Option(help="m3id: tokens that count as written at the start.", metavar="COUNT")]


def number(option: str, text: str | None) -> float | None:
    """One number.

    Raises:
        ValueError: It is none.
    """
    return None if text is None else _parsed(option, text, float)


def numbers(option: str, text: str | None) -> list[float] | None:
    """Numbers with commas between them.

    Raises:
        ValueError: One of them is none.
    """
    return None if text is None else [_parsed(option, part, float) for part in text.split(",")]


def layers(text: str | None) -> str | tuple[int, ...] | None:
    """`low`, `high` or layers with commas between them.

    Raises:
        ValueError: Something else.
    """
    if text is None or text in ("low", "high"):
        return text
    return tuple(_parsed("layers", part, int) for part in text.split(","))


def _parsed(option: str, text: str, kind: Callable[[str], Number]) -> Number:
    try:
        return kind(text)
    except ValueError as error:
        raise ValueError(f"--{option} has to be a number, but is {text!r}") from error
