"""Contrastive search in one forward a token, against plain greedy search and the classic algorithm.

    python benchmarks/contrastive_search.py --json docs/contrastive_search.json --plot docs/contrastive_search.svg

Everything runs in one process, method after method within each repetition, with the same allocator settings. A step is
what lies between two tokens, so reading the prompt is reported apart. Peak memory is measured in fresh processes, above
what the process holds before the call. On a CUDA device the clock is CUDA events.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from classic_contrastive_search import classic_contrastive_search
from counterfoil.decoding import contrastive_search
from counterfoil.models import LanguageModel, load_language_model
from measuring import StepClock, machine, with_fixed_allocator
from resources import PeakMemory, clock_for
from rich import box
from rich.console import Console
from rich.table import Table
from torch import Tensor

METHODS = ("greedy", "classic", "ours")
CALLABLES = {"classic": classic_contrastive_search, "ours": contrastive_search}
ALPHA = 0.6
IDENTITY_PROMPTS, IDENTITY_LONGEST, IDENTITY_TOKENS = 24, 1000, 16
MEMORY_TOKENS = 8
WIDTH = 130
TEXT = (
    "The tide gauge at the pier was read twice a day for sixty years, first by the harbour master and later by his "
    "daughter, who also wrote down the wind. When the paper rolls were found in an attic, nobody could say which clock "
    "had been used, and the first decade had to be shifted by eleven minutes. The corrected series shows two things: a "
    "slow rise of the sea, and a small jump in the year in which the breakwater was built. Engineers had long denied "
    "the jump, because their own gauge, on the lee side, had been replaced in the same winter. "
)


@dataclass
class Cell:
    """One combination of sizes, and what each method took for it."""

    batch: int
    prompt: int
    k: int
    prefill_ms: dict[str, float] = field(default_factory=dict)
    step_ms: dict[str, float] = field(default_factory=dict)
    quartiles_ms: dict[str, tuple[float, float]] = field(default_factory=dict)
    same_tokens: bool = False

    @property
    def ours_over_classic(self) -> float:
        return self.step_ms["classic"] / self.step_ms["ours"]

    @property
    def ours_over_greedy(self) -> float:
        return self.step_ms["greedy"] / self.step_ms["ours"]


def inputs_of(lm: LanguageModel, text: str, lengths: list[int]) -> dict[str, Tensor]:
    """Return a left-padded batch of stretches of the text, each from another place."""
    ids = lm.tokenizer(text)["input_ids"]
    while len(ids) < max(lengths) + 97 * len(lengths):
        ids = ids + ids
    rows = [ids[97 * row : 97 * row + length] for row, length in enumerate(lengths)]
    batch = lm.tokenizer.pad({"input_ids": rows}, return_tensors="pt", padding_side="left")
    return {name: batch[name].to(lm.model.device) for name in ("input_ids", "attention_mask")}


def generate(
    lm: LanguageModel, method: str, inputs: dict[str, Tensor], k: int, new: int, clock: StepClock | None
) -> Tensor:
    options: dict[str, Any] = {"do_sample": False, "max_new_tokens": new, "pad_token_id": lm.tokenizer.pad_token_id}
    if method != "greedy":
        options |= {"custom_generate": CALLABLES[method], "penalty_alpha": ALPHA, "top_k": k}
    if clock is not None:
        options["stopping_criteria"] = [clock]
    return lm.model.generate(**inputs, **options)


def measure(lm: LanguageModel, text: str, cell: Cell, new: int, repetitions: int) -> None:
    # Rows of a batch differ a little in length, so that a batch has padding as real ones do.
    inputs = inputs_of(lm, text, [max(1, cell.prompt - 3 * row) for row in range(cell.batch)])
    first: dict[str, list[float]] = {method: [] for method in METHODS}
    steps: dict[str, list[float]] = {method: [] for method in METHODS}
    tokens: dict[str, Tensor] = {}
    for method in METHODS:
        generate(lm, method, inputs, cell.k, 3, None)
    for repetition in range(repetitions):
        for turn in range(len(METHODS)):
            method = METHODS[(turn + repetition) % len(METHODS)]
            clock = clock_for(lm.model.device)
            clock.tick()
            tokens[method] = generate(lm, method, inputs, cell.k, new, clock)
            clock.read()
            prefill, *rest = (1e3 * (after - before) for before, after in itertools.pairwise(clock.times))
            first[method].append(prefill)
            steps[method] += rest
    cell.same_tokens = torch.equal(tokens["ours"], tokens["classic"])
    for method in METHODS:
        low, middle, high = statistics.quantiles(steps[method], n=4)
        cell.prefill_ms[method] = statistics.median(first[method])
        cell.step_ms[method], cell.quartiles_ms[method] = middle, (low, high)


def matrices(lm: LanguageModel, rows: list[int], repetitions: int) -> dict[int, float]:
    """Return the milliseconds that a model's linear layers take for so many tokens: the bound of any step."""
    head = lm.model.get_output_embeddings()
    layers = [layer for layer in lm.model.modules() if isinstance(layer, torch.nn.Linear) and layer is not head]
    times: dict[int, list[float]] = {count: [] for count in rows}
    with torch.inference_mode():
        for _ in range(repetitions + 1):
            for count in rows:
                inputs = {
                    width: layers[0].weight.new_ones(1, count, width)
                    for width in {layer.in_features for layer in layers}
                }
                clock = clock_for(lm.model.device)
                clock.tick()
                for layer in layers:
                    layer(inputs[layer.in_features])
                clock.tick()
                clock.read()
                times[count].append(1e3 * (clock.times[1] - clock.times[0]))
    return {count: statistics.median(spans[1:]) for count, spans in times.items()}


def identity(lm: LanguageModel, text: str) -> dict[str, int]:
    """Return how many of the rows get the classic algorithm's tokens, alone and in batches of four."""
    lengths = [round(1 + i * (IDENTITY_LONGEST - 1) / (IDENTITY_PROMPTS - 1)) for i in range(IDENTITY_PROMPTS)]
    equal = {}
    for batch in (1, 4):
        rows = 0
        for start in range(0, len(lengths), batch):
            inputs = inputs_of(lm, text, lengths[start : start + batch])
            ours, classic = (generate(lm, m, inputs, 4, IDENTITY_TOKENS, None) for m in ("ours", "classic"))
            rows += int((ours == classic).all(dim=1).sum())
        equal[f"batch {batch}"] = rows
    return equal


def memory_of_process(lm: LanguageModel, text: str, method: str, cell: Cell) -> float:
    """Return the peak of this process in MiB above what it holds with the model loaded and used once."""
    generate(lm, method, inputs_of(lm, text, [8]), cell.k, 3, None)
    inputs = inputs_of(lm, text, [cell.prompt] * cell.batch)
    peak = PeakMemory(lm.model.device)
    generate(lm, method, inputs, cell.k, MEMORY_TOKENS, None)
    return peak.mebibytes()


def memory(arguments: argparse.Namespace, method: str, cell: Cell) -> float:
    command = [
        sys.executable, __file__, "--memory-of", method, "--model", arguments.model,
        "--threads", str(arguments.threads), "--prompt", str(cell.prompt), "--candidates", str(cell.k),
        "--batch", str(cell.batch),
    ]  # fmt: skip
    if arguments.text:
        command += ["--text", str(arguments.text)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(output.splitlines()[-1])


def speed_table(cells: list[Cell]) -> Table:
    table = Table(
        box=box.MARKDOWN,
        title="milliseconds a step (median), prompt apart; ratios of tokens per second",
        title_justify="left",
        min_width=WIDTH,
    )
    for name in ("batch", "prompt", "k", *METHODS, "ours/classic", "ours/greedy", "first token", "same tokens"):
        table.add_column(name, justify="right")
    for cell in cells:
        table.add_row(
            str(cell.batch), str(cell.prompt), str(cell.k), *(f"{cell.step_ms[m]:.1f}" for m in METHODS),
            f"{cell.ours_over_classic:.2f}", f"{cell.ours_over_greedy:.2f}",
            "/".join(f"{cell.prefill_ms[m]:.0f}" for m in METHODS), "yes" if cell.same_tokens else "NO",
        )  # fmt: skip
    return table


def matrices_table(times: dict[int, float]) -> Table:
    title = "linear layers alone, without the head: milliseconds for so many tokens in a forward"
    table = Table(box=box.MARKDOWN, title=title, title_justify="left", min_width=WIDTH)
    for count in times:
        table.add_column(str(count), justify="right")
    table.add_row(*(f"{time:.1f}" for time in times.values()))
    return table


def memory_table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=box.MARKDOWN, title="peak memory above the model, MiB", title_justify="left", min_width=WIDTH)
    for name in ("batch", "prompt", "k", *METHODS, "ours/greedy", "classic/greedy"):
        table.add_column(name, justify="right")
    for row in rows:
        peaks = row["peak_mib"]
        table.add_row(
            str(row["batch"]), str(row["prompt"]), str(row["k"]), *(f"{peaks[m]:.0f}" for m in METHODS),
            f"{peaks['ours'] / peaks['greedy']:.2f}", f"{peaks['classic'] / peaks['greedy']:.2f}",
        )  # fmt: skip
    return table


def plot(cells: list[Cell], path: Path, title: str) -> None:
    import matplotlib  # noqa: PLC0415

    matplotlib.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    batches = sorted({cell.batch for cell in cells})
    figure, axes = pyplot.subplots(1, len(batches), figsize=(5 * len(batches), 3.6), squeeze=False)
    colours = {"greedy": "#777777", "classic": "#c1663b", "ours": "#2a6f97"}
    for axis, batch in zip(axes[0], batches, strict=True):
        for k, style in zip(sorted({cell.k for cell in cells}), ("-", "--", ":", "-."), strict=False):
            chosen = sorted((c for c in cells if (c.batch, c.k) == (batch, k)), key=lambda cell: cell.prompt)
            for method in METHODS:
                rates = [1e3 * batch / cell.step_ms[method] for cell in chosen]
                axis.plot([c.prompt for c in chosen], rates, style, marker="o", ms=3, color=colours[method],
                          label=f"{method}, k={k}")  # fmt: skip
        axis.set(title=f"batch {batch}", xlabel="prompt, tokens", ylabel="tokens per second", ylim=(0, None))
    axes[0][0].legend(fontsize=7)
    figure.suptitle(title, fontsize=8)
    figure.tight_layout()
    figure.savefig(path)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompt", type=int, nargs="+", default=[32, 512, 1024], help="prompt lengths")
    parser.add_argument("--candidates", type=int, nargs="+", default=[4, 8], help="values of k")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--new-tokens", type=int, default=16)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", default="smollm2", help="a hub id, a folder, or the copy in the wheel")
    parser.add_argument("--text", type=Path, help="a text file to take the prompts from")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--no-identity", action="store_true")
    parser.add_argument("--memory-of", choices=METHODS, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    with_fixed_allocator()
    arguments = parsed()
    warnings.filterwarnings("ignore", message=".*generation flags are not valid.*")
    torch.set_num_threads(arguments.threads)
    lm = load_language_model(arguments.model)
    lm.model.generation_config.eos_token_id = None
    text = arguments.text.read_text() if arguments.text else TEXT
    sizes = [Cell(b, p, k) for b in arguments.batch for p in arguments.prompt for k in arguments.candidates]
    if arguments.memory_of:
        print(memory_of_process(lm, text, arguments.memory_of, sizes[0]))
        return
    console = Console(width=WIDTH)
    clock = "CUDA events" if lm.model.device.type == "cuda" else "wall"
    about = {"model": lm.name, "dtype": str(lm.model.dtype), **machine(), "clock": clock}
    for name, value in about.items():
        console.print(f"{name}: {value}", highlight=False)
    for cell in sizes:
        measure(lm, text, cell, arguments.new_tokens, arguments.repetitions)
        ratios = f"{cell.ours_over_classic:.2f} of classic, {cell.ours_over_greedy:.2f} of greedy"
        console.print(f"batch {cell.batch}, prompt {cell.prompt}, k {cell.k}: {ratios}")
    console.print(speed_table(sizes))
    result: dict[str, Any] = {"environment": about, "cells": [asdict(cell) for cell in sizes]}
    tokens = sorted({cell.batch * each for cell in sizes for each in (1, cell.k)})
    result["matrices_ms"] = matrices(lm, tokens, 15)
    console.print(matrices_table(result["matrices_ms"]))
    if not arguments.no_identity:
        result["identity"] = identity(lm, text)
        console.print(f"rows with the classic algorithm's tokens, of {IDENTITY_PROMPTS}: {result['identity']}")
    if not arguments.no_memory:
        largest = [
            cell for cell in sizes if cell.prompt == max(arguments.prompt) and cell.k == max(arguments.candidates)
        ]
        result["memory"] = [
            {"batch": c.batch, "prompt": c.prompt, "k": c.k,
             "peak_mib": {method: memory(arguments, method, c) for method in METHODS}}
            for c in largest
        ]  # fmt: skip
        console.print(memory_table(result["memory"]))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    if arguments.plot:
        plot(sizes, arguments.plot, f"{lm.name}; {about['processor']}, {about['threads']} threads")


if __name__ == "__main__":
    main()
