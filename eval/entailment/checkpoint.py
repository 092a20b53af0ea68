"""Keeping the best weights: figures, temperature and threshold on pairs that are not trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from counterfoil.attribution.entailment.local.adapter import AdapterSettings, save_adapter, word_norm
from counterfoil.attribution.entailment.local.encoding import Row
from counterfoil.attribution.entailment.local.network import CLASSES, PairNetwork, batch
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
        figures = {}
        for name in by_source(self.held):
            at = [i for i, source in enumerate(sources) if source == name]
            figures[name] = balanced_accuracy([truth[i] for i in at], probability[at] >= least)
        mean = sum(figures.values()) / len(figures)
        shown = " ".join(f"{name} {figure:.3f}" for name, figure in figures.items())
        print(f"step {notes['step']}: held out {mean:.4f}, {shown}", flush=True)
        if mean <= self.best:
            return
        self.best = mean
        settings = AdapterSettings(
            base=BASE, base_norm=word_norm(network.encoder), scale=self.recipe.alpha / self.recipe.rank,
            hidden=self.recipe.hidden, window=self.recipe.window, least=self.recipe.least,
            temperature=degrees, threshold=least,
        )  # fmt: skip
        held_out = {"mean": mean, **figures}
        notes = {**notes, "held_out": held_out, "recipe": asdict(self.recipe)}
        save_adapter(self.out, settings, adapter_weights(network), notes)
