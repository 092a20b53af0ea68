"""Keeping the best weights: figures, temperature and threshold on pairs that are not trained on."""

from __future__ import annotations

import json
import math
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
    AdapterSettings,
    save_adapter,
    word_norm,
    write_settings,
)
from counterfoil.attribution.entailment.local.encoding import Row
from counterfoil.attribution.entailment.local.network import CLASSES, PairNetwork, batch
from numpy.typing import NDArray
from torch import Tensor

from .calibration import supported_probability, temperature, threshold
from .data import LabelledPair, by_source
from .lora import adapter_weights
from .measures import balanced_accuracy
from .optimisation import micro_batches
from .recipe import Recipe

BASE = "sentence-transformers/all-MiniLM-L6-v2"
CHECK_TOKENS = 4096


@torch.inference_mode()
def logits_of(network: PairNetwork, rows: Sequence[Row]) -> Tensor:
    """Logits [rows, 3] in the order given."""
    network.eval()
    device = network.match.weight.device
    logits = torch.empty(len(rows), len(CLASSES))
    for group in micro_batches(rows, CHECK_TOKENS):
        logits[group] = network(*batch([rows[i] for i in group], device)).cpu()
    network.train()
    return logits


class Checkpoint:
    """Measures the network on the held-out pairs and writes the adapter when it is the best so far."""

    def __init__(self, out: Path, held: list[LabelledPair], rows: list[Row], recipe: Recipe) -> None:
        self.out, self.held, self.rows, self.recipe = out, held, rows, recipe
        self.best = -math.inf

    def __call__(self, network: PairNetwork, notes: dict[str, Any]) -> None:
        """Prints the figures; `notes` go into the settings file."""
        truth = [pair.supported for pair in self.held]
        sources = [pair.source for pair in self.held]
        logits = logits_of(network, self.rows).numpy()
        degrees = temperature(logits, truth, sources)
        probability = supported_probability(logits, degrees)
        least = threshold(probability, truth, sources)
        figures = source_figures(self.held, probability >= least)
        shown = " ".join(f"{name} {figure:.3f}" for name, figure in figures.items())
        print(f"step {notes['step']}: held out {shown}", flush=True)
        if figures["mean"] <= self.best:
            return
        self.best = figures["mean"]
        settings = AdapterSettings(
            base=BASE, base_norm=word_norm(network.encoder), scale=self.recipe.alpha / self.recipe.rank,
            hidden=self.recipe.hidden, window=self.recipe.reading_window, least=self.recipe.least,
            temperature=degrees, threshold=least,
        )  # fmt: skip
        notes = {**notes, "recipe": asdict(self.recipe)}
        save_adapter(self.out, settings, adapter_weights(network), notes)


def source_figures(pairs: Sequence[LabelledPair], verdict: NDArray[np.bool_]) -> dict[str, float]:
    """Balanced accuracy a source, and their mean under the name `mean`."""
    figures = {}
    for name in by_source(pairs):
        at = [i for i, pair in enumerate(pairs) if pair.source == name]
        figures[name] = balanced_accuracy([pairs[i].supported for i in at], verdict[at])
    return {"mean": sum(figures.values()) / len(figures), **figures}


def fit_threshold(folder: Path, held: Sequence[LabelledPair], base: str | None, device: str) -> dict[str, float]:
    """Sets an adapter's threshold on the held-out pairs as the finished model judges them; returns the figures.

    Training reads one selection of a long premise, the model at work every window of it: the largest of several
    probabilities is larger, and the threshold has to know.
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
