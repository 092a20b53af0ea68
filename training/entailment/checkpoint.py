"""Keeping the best weights: figures, temperature and threshold on pairs that are not trained on."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from counterfoil.attribution.entailment import Pair
from counterfoil.attribution.entailment.local import LocalEntailment
from counterfoil.attribution.entailment.local.adapter import (
    SETTINGS,
    WEIGHTS,
    AdapterSettings,
    save_adapter,
    word_norm,
    write_settings,
)
from counterfoil.attribution.entailment.local.encoding import Row
from counterfoil.attribution.entailment.local.network import CLASSES, PairNetwork, batch
from counterfoil.eval.labelled_pairs import LabelledPair, balanced_accuracy, by_source, threshold
from numpy.typing import NDArray
from torch import Tensor

from .calibration import temperature
from .lora import adapter_weights
from .optimisation import micro_batches
from .recipe import Recipe

BASE = "sentence-transformers/all-MiniLM-L6-v2"
CHECK_TOKENS = 4096


@torch.inference_mode()
def logits_of(network: PairNetwork, rows: Sequence[Row]) -> Tensor:
    """Return logits [rows, 3] in the order given."""
    network.eval()
    device = network.match.weight.device
    logits = torch.empty(len(rows), len(CLASSES))
    for group in micro_batches(rows, CHECK_TOKENS):
        logits[group] = network(*batch([rows[i] for i in group], device)).cpu()
    network.train()
    return logits


class Checkpoint:
    """Measure the network on the held-out pairs and keep its adapter if it is the best so far.

    It is measured as the finished model reads, which costs a minute a look: what tells weights apart when every premise
    is cut to the window of training told them apart wrongly, above all on long premises.

    Args:
        out: Folder for the best adapter; the one being measured is in a folder of it meanwhile.
        held: Pairs that are not trained on.
        rows: What training would read of them; the temperature is fitted on these.
        recipe: Settings of the run.
        base: The encoder, by hub id or path; `None` for all-MiniLM-L6-v2.
        device: A torch device.
    """

    def __init__(
        self, out: Path, held: list[LabelledPair], rows: list[Row], recipe: Recipe, base: str | None, device: str
    ) -> None:
        self.out, self.held, self.rows, self.recipe = out, held, rows, recipe
        self.base, self.device = base, device
        self.best = -math.inf

    def __call__(self, network: PairNetwork, notes: dict[str, Any]) -> None:
        """Print the figures; `notes` go into the settings file."""
        truth, sources = [pair.supported for pair in self.held], [pair.source for pair in self.held]
        degrees = temperature(logits_of(network, self.rows).numpy(), truth, sources)
        settings = AdapterSettings(
            base=BASE, base_norm=word_norm(network.encoder), scale=self.recipe.alpha / self.recipe.rank,
            hidden=self.recipe.hidden, window=self.recipe.reading_window, least=self.recipe.least,
            temperature=degrees, threshold=0.5,
        )  # fmt: skip
        candidate = self.out / "candidate"
        save_adapter(candidate, settings, adapter_weights(network), {**notes, "recipe": asdict(self.recipe)})
        figures = fit_threshold(candidate, self.held, self.base, self.device)
        shown = " ".join(f"{name} {figure:.3f}" for name, figure in figures.items())
        print(f"step {notes['step']}: held out {shown}", flush=True)
        if figures["mean"] > self.best:
            self.best = figures["mean"]
            for name in (WEIGHTS, SETTINGS):
                (candidate / name).replace(self.out / name)
        shutil.rmtree(candidate)


def source_figures(pairs: Sequence[LabelledPair], verdict: NDArray[np.bool_]) -> dict[str, float]:
    """Return the balanced accuracy of each source, and their mean under the name `mean`."""
    figures = {}
    for name in by_source(pairs):
        at = [i for i, pair in enumerate(pairs) if pair.source == name]
        figures[name] = balanced_accuracy([pairs[i].supported for i in at], verdict[at])
    return {"mean": sum(figures.values()) / len(figures), **figures}


def fit_threshold(folder: Path, held: Sequence[LabelledPair], base: str | None, device: str) -> dict[str, float]:
    """Set an adapter's threshold on the held-out pairs as the finished model judges them; returns the figures.

    Training reads one selection of a long premise, the model at work every window of it: the largest of several
    probabilities is larger, and the threshold has to know.

    Args:
        folder: The adapter's.
        held: Pairs that are not trained on.
        base: The encoder, by hub id or path; `None` for all-MiniLM-L6-v2.
        device: A torch device.
    """
    model = LocalEntailment(model=folder, base=base, device=device)
    judged = model.judge([Pair(pair.premise, pair.hypothesis) for pair in held])
    kept = [(pair, j.supported) for pair, j in zip(held, judged, strict=True) if j.supported is not None]
    pairs, probability = [pair for pair, _ in kept], np.array([p for _, p in kept])
    least = threshold(probability, [pair.supported for pair in pairs], [pair.source for pair in pairs])
    figures = source_figures(pairs, probability >= least)
    notes = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["notes"]
    write_settings(folder, replace(model.settings, threshold=least), {**notes, "held_out": figures})
    return figures
