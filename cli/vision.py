"""Options and steps that the commands about pictures share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from counterfoil.eval.hallucination.polling import Poll
    from counterfoil.eval.results import TaskResult
    from counterfoil.eval.scenes.testing import Sight as Kind

Model = Annotated[
    str,
    typer.Option(help="Vision-language model: hub id or folder; `scenes` is shipped and knows drawn scenes alone."),
]
Images = Annotated[Path | None, typer.Option(help="Folder with the pictures that FILE names.", metavar="DIR")]
Method = Annotated[
    str,
    typer.Option(
        help="Of none, vcd, ritual, code, m3id, with commas; the others are compared with the first. The controls "
        "temperature and transformed come with ritual where answers are asked for."
    ),
]
Sight = Annotated[str, typer.Option(help="Drawn scenes: clear or unclear.", metavar="KIND")]
Pictures = Annotated[int, typer.Option(help="Drawn scenes: how many.", metavar="COUNT", min=2)]
Seed = Annotated[int, typer.Option(help="Of drawn scenes, of the methods' choices and of the bootstrap.", min=0)]
BatchSize = Annotated[int, typer.Option(help="How many questions the model reads at once.", min=1)]
Json = Annotated[Path | None, typer.Option(help="Write figures, settings and versions here.", metavar="FILE")]
Samples = Annotated[Path | None, typer.Option(help="Write what each item gave here, JSON lines.", metavar="FILE")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def checked_sight(sight: str) -> Kind:
    """The kind of picture.

    Raises:
        ValueError: There is no such kind.
    """
    from counterfoil.eval.scenes.testing import SIGHTS

    for known in SIGHTS:
        if sight == known:
            return known
    raise ValueError(f"--sight has to be one of {', '.join(SIGHTS)}, but is {sight!r}")


def drawn_poll(sight: str, pictures: int, seed: int) -> Poll:
    """Questions about drawn scenes that no training saw."""
    from counterfoil.eval.scenes.exams import as_poll
    from counterfoil.eval.scenes.testing import draw_exam

    return as_poll(draw_exam("test", checked_sight(sight), pictures, seed=seed))


def poll_of(file: Path, images: Path | None) -> Poll:
    """The questions of a file, with the pictures of a folder.

    Raises:
        ValueError: The file holds something else, or the folder has not all of the pictures.
    """
    from counterfoil.eval.dataset import Source
    from counterfoil.eval.hallucination.polling import Poll
    from counterfoil.eval.hallucination.probes import read_probes

    if images is None:
        raise ValueError("--images has to be the folder with the pictures that FILE names, but is missing")
    source = Source.read(file)
    probes = read_probes(source)
    files = {probe.picture: images / probe.picture for probe in probes}
    if missing := [name for name, path in files.items() if not path.is_file()]:
        raise ValueError(f"--images has to hold the {len(files)} pictures of FILE, but {missing[0]} is not there")
    return Poll(source, {source.name.removesuffix(".json"): probes}, files)


def shown(result: TaskResult, json: Path | None, samples: Path | None) -> None:
    """Prints a result and writes the files that were asked for."""
    from counterfoil.attribution.io.atomic import write_text

    from .tables import print_result

    print_result(result)
    if json is not None:
        write_text(json, result.as_json())
    if samples is not None:
        write_text(samples, result.samples_as_jsonl())
