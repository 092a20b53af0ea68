"""Trains the local entailment model: `python -m training.entailment.train --data DIR --out DIR`.

`DIR/train.jsonl` holds the pairs. Some are held out by premise; the best averaged weights on them, with the temperature
and the threshold fitted on them, are written to `--out` whenever they get better. `dev.jsonl` is never opened here.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from counterfoil.attribution.entailment.local.encoding import Row
from counterfoil.attribution.entailment.local.network import PairNetwork, batch
from counterfoil.eval.labelled_pairs import LabelledPair, hold_out, read_pairs
from counterfoil.models import embedding_model_path
from torch import nn

from .checkpoint import Checkpoint
from .lora import build
from .optimisation import MovingAverage, micro_batches, negative_log_likelihood, schedule
from .recipe import Recipe
from .sampling import Sampler, rows_of

STEP_TOKENS = 1536


def train(
    pairs: Sequence[LabelledPair],
    recipe: Recipe,
    out: Path,
    *,
    base: str | None = None,
    minutes: float = math.inf,
    check_every: int = 400,
    device: str = "cpu",
) -> Path:
    """Train a network and write its adapter.

    Args:
        pairs: Labelled pairs; some are held out.
        recipe: Settings of the run.
        out: Folder for the adapter.
        base: The encoder, by hub id or path; `None` for all-MiniLM-L6-v2.
        minutes: End after this time, the learning rate falling to zero by then. Without it the same seed gives the
            same weights on the same machine.
        check_every: Steps between two looks at the held-out pairs.
        device: A torch device.

    Returns:
        The folder.

    Raises:
        ValueError: There are too few pairs to hold some out.
    """
    draw = random.Random(recipe.seed)
    tokenizer, network = build(embedding_model_path(base), recipe)
    network.to(device).train()
    kept, held = hold_out(pairs, recipe.held_out, recipe.seed)
    if not kept or not held:
        raise ValueError(f"`pairs` has to hold pairs on more than one premise, but holds {len(pairs)} in all")
    check = Checkpoint(out, held, rows_of(held, tokenizer, recipe), recipe, base, device)
    sampler = Sampler(kept, tokenizer, recipe, draw)
    print(f"{len(kept)} pairs to train on, {len(held)} held out", flush=True)
    average = MovingAverage(network, recipe.average)
    optimizer = torch.optim.AdamW(
        list(average.live.values()), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    started, step, total = time.monotonic(), 0, recipe.epochs * sampler.steps
    progress = 0.0
    while progress < 1:
        epoch_pairs, epoch_rows, weights = sampler.epoch()
        for low in range(0, len(epoch_pairs), recipe.pairs_per_step):
            elapsed = (time.monotonic() - started) / 60
            progress = max(step / total, elapsed / minutes)
            if progress >= 1:
                break
            optimizer.param_groups[0]["lr"] = recipe.learning_rate * schedule(progress, recipe.warm_up)
            now = slice(low, low + recipe.pairs_per_step)
            loss = accumulate(
                network, epoch_rows[now], [pair.label for pair in epoch_pairs[now]], weights[now],
                smoothing=recipe.smoothing, half=recipe.half,
            )  # fmt: skip
            nn.utils.clip_grad_norm_(average.live.values(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            average.update()
            step += 1
            if step % 50 == 0:
                print(f"step {step} of {total}, {elapsed:.1f} min, loss {loss:.3f}", flush=True)
            if step % check_every == 0:
                look(network, average, check, step, elapsed)
    look(network, average, check, step, (time.monotonic() - started) / 60)
    return out


def look(network: PairNetwork, average: MovingAverage, check: Checkpoint, step: int, minutes: float) -> None:
    """Measure, and maybe write, the averaged weights; the live ones go on."""
    average.swap()
    check(network, {"step": step, "minutes": round(minutes, 1)})
    average.swap()


def accumulate(
    network: PairNetwork,
    rows: Sequence[Row],
    labels: Sequence[str],
    weights: Sequence[float],
    smoothing: float,
    half: bool = False,
) -> float:
    """Add the gradients of one step, batch by batch of like length; return the mean loss.

    With `half` the products of matrices are taken in bfloat16; weights, gradients and the loss stay float32.
    """
    device = network.match.weight.device
    total = 0.0
    for group in micro_batches(rows, STEP_TOKENS):
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits = network(*batch([rows[i] for i in group], device)).float()
        losses = negative_log_likelihood(logits, [labels[i] for i in group], smoothing)
        loss = (losses * torch.tensor([weights[i] for i in group], device=device)).sum() / len(rows)
        loss.backward()
        total += loss.item()
    return total


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="folder for adapter.safetensors and adapter.json")
    parser.add_argument("--base", help="the encoder, by hub id or path (default: all-MiniLM-L6-v2)")
    parser.add_argument("--minutes", type=float, default=math.inf, help="end after this time (default: run all epochs)")
    parser.add_argument("--check-every", type=int, default=400, help="steps between two looks at the held-out pairs")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="threads of torch (default: its own choice)")
    parser.add_argument("--recipe", type=json.loads, default={}, help='changed settings, as JSON: {"epochs": 3}')
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    train(
        read_pairs(options.data / "train.jsonl"),
        replace(Recipe(), **options.recipe),
        options.out,
        base=options.base,
        minutes=options.minutes,
        check_every=options.check_every,
        device=options.device,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
