"""The default entailment model: all-MiniLM-L6-v2 with the adapter of this package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ...statistics import Reliability
from ..base import Judgement, Pair, best
from .adapter import adapter_revision, load_network, read_settings
from .encoding import Row, Sentence, foreign_script, row, selection, split, tokens, windows
from .network import batch

SCRIPTS = ("Latin",)
"""What the encoder and its training data are written in; every other script is a string of unknown tokens to it."""

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}

FACTS = "the 123 facts of the examples (refuses {} of changed details, {} of reworded ones: docs/scoring.md)"

MEASURED = {
    False: Reliability(82, 96, 14, 27, FACTS.format("0.38", "0.25")),
    True: Reliability(80, 96, 19, 27, FACTS.format("0.77", "0.52")),
}
"""How far the packaged adapter was found to be right, without the detail check and with it."""

CHECKED_BY = 3
"""Version of the detail check that stood beside it then: with another one it has to be measured again."""


class LocalEntailment:
    """Judges pairs with a six-layer cross-encoder that needs no hub and no GPU.

    A premise that does not fit beside the hypothesis is read in windows of whole sentences, and once more as the
    sentences that together cover most of the hypothesis; support and contradiction are the largest over these. The
    hypothesis is never cut: one that leaves no room for a premise is a failure. An empty premise supports nothing.
    A pair whose premise or hypothesis is written in a script that is not among :data:`SCRIPTS` is a failure.
    Probabilities are calibrated for data in which half of the statements are supported.

    Args:
        name: First part of the model's name; the revision of the adapter is added.
        model: Folder of an adapter made by the training command; `None` for the one of this package.
        base: The encoder under the adapter, by path or hub id; `None` for all-MiniLM-L6-v2.
        device: A torch device; `None` for a GPU where there is one.
        batch_size: Rows in one forward pass. The scores do not depend on it.
        threshold: Least probability of a supported pair; `None` for the adapter's own.
        precision: `"float32"`, or `"bfloat16"` for the encoder's matrix products: twice as fast on processors that
            have them (AVX-512 BF16, AMX, GPUs), with probabilities that differ by less than 0.01.

    Attributes:
        name: `name@revision`, the revision a hash of the adapter's files, and the precision if it is not float32.
        threshold: Least probability of a supported pair.
        measured: How far it was found to be right, without the detail check and with it; empty for another adapter.

    Raises:
        ValueError: `batch_size`, `threshold` or `precision` is out of range, or `model` holds no adapter.
    """

    def __init__(
        self,
        name: str = "local",
        *,
        model: str | Path | None = None,
        base: str | None = None,
        device: str | None = None,
        batch_size: int = 64,
        threshold: float | None = None,
        precision: str = "float32",
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"`batch_size` has to be at least 1, but is {batch_size}")
        if threshold is not None and not 0 <= threshold <= 1:
            raise ValueError(f"`threshold` has to be in [0, 1], but is {threshold}")
        if precision not in PRECISIONS:
            raise ValueError(f"`precision` has to be one of {', '.join(PRECISIONS)}, but is {precision!r}")
        folder = Path(__file__).parent if model is None else Path(model)
        self.settings = read_settings(folder)
        self.name = f"{name}@{adapter_revision(folder)}"
        if precision != "float32":  # judgements are remembered by name, and these differ in the third digit
            self.name += f"+{precision}"
        self.precision = PRECISIONS[precision]
        self.threshold = self.settings.threshold if threshold is None else threshold
        self.measured = MEASURED if model is None and threshold is None else {}
        self.batch_size = batch_size
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.tokenizer, network = load_network(folder, base)
        self.network = network.to(self.device)
        self.longest_hypothesis = network.encoder.config.max_position_embeddings - 3 - self.settings.least

    def judge(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Return one judgement a pair, in order; equal pairs are judged once."""
        premises: dict[str, list[Sentence]] = {}
        hypotheses: dict[str, list[int]] = {}
        foreign = {text: foreign_script(text, SCRIPTS) for pair in set(pairs) for text in pair}
        judged: dict[Pair, Judgement] = {}
        rows: list[Row] = []
        rows_of: dict[Pair, range] = {}
        for pair in dict.fromkeys(pairs):
            if pair.premise not in premises:
                premises[pair.premise] = split(self.tokenizer, pair.premise, self.settings.least)
            if pair.hypothesis not in hypotheses:
                hypotheses[pair.hypothesis] = tokens(self.tokenizer, pair.hypothesis)[0]
            premise, hypothesis = premises[pair.premise], hypotheses[pair.hypothesis]
            script = foreign[pair.hypothesis] or foreign[pair.premise]
            settled = _unread(script) if script else self._settled(premise, hypothesis)
            if settled is not None:
                judged[pair] = settled
                continue
            first = len(rows)
            rows += self._rows(premise, hypothesis)
            rows_of[pair] = range(first, len(rows))
        probabilities = self._probabilities(rows)
        for pair, positions in rows_of.items():
            judged[pair] = _read(pair.premise, [rows[i] for i in positions], [probabilities[i] for i in positions])
        return [judged[pair] for pair in pairs]

    def _settled(self, premise: list[Sentence], hypothesis: list[int]) -> Judgement | None:
        """Return the judgement that needs no model, `None` if there is none."""
        if not hypothesis:
            return Judgement(None, failure="the hypothesis is empty")
        if len(hypothesis) > self.longest_hypothesis:
            return Judgement(
                None,
                failure=f"the hypothesis has {len(hypothesis)} tokens, more than the {self.longest_hypothesis} that "
                "leave room for a premise, and is never cut",
            )
        if not premise:
            return Judgement(supported=0.0, contradicted=0.0)
        return None

    def _rows(self, premise: list[Sentence], hypothesis: list[int]) -> list[Row]:
        budget = max(self.settings.least, self.settings.window - len(hypothesis))
        parts = windows(premise, budget)
        if len(parts) > 1:
            parts.append(selection(premise, hypothesis, budget))
        return [row(self.tokenizer, part, hypothesis) for part in parts]

    @torch.inference_mode()
    def _probabilities(self, rows: list[Row]) -> list[tuple[float, float]]:
        """Return probabilities of entailment and contradiction a row; rows of like length share a batch."""
        order = sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
        result: list[tuple[float, float]] = [(0.0, 0.0)] * len(rows)
        for low in range(0, len(order), self.batch_size):
            chosen = order[low : low + self.batch_size]
            tensors = batch([rows[i] for i in chosen], self.device)
            with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
                logits = self.network(*tensors)
            p = (logits.float() / self.settings.temperature).softmax(-1).tolist()
            for i, (entailment, _, contradiction) in zip(chosen, p, strict=True):
                result[i] = (entailment, contradiction)
        return result


def _unread(script: str) -> Judgement:
    where = f"the judge reads {', '.join(SCRIPTS)} script only, and this pair is in {script}"
    return Judgement(None, failure=f"{where}: choose a multilingual one with --entailment")


def _read(premise: str, rows: list[Row], probabilities: list[tuple[float, float]]) -> Judgement:
    ranges = [(0, len(premise))] if len(rows) == 1 else [(row.start, row.end) for row in rows]
    return best(ranges, [Judgement(s, c) for s, c in probabilities], premise)
