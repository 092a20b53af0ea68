"""ContextCite: which source sentences made the model write these words, from leaving sentences out at random.

Cohen-Wang et al., NeurIPS 2024 (arXiv 2409.00729). Sentences of the sources are left out at random, each with
probability one half; the answer is fixed, and its log-probability is taken each time. With p the probability of the
words, a sparse linear model is fitted to logit(p) = log p - log(1 - p) over the masks:

    w = argmin 1/(2n) |logit(p)/T - b - M w|^2 + lambda |w|_1,   T the number of tokens, M the standardised masks

and a sentence's effect is T w / (standard deviation of its mask): the change of the logit when it is there. As in the
released code n = 64 and lambda = 0.01; other than there, p = 1 gives no infinite target, titles are never left out, and
how well the linear model predicts masks that it has not seen (rank correlation) is told with every answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from ...documents import Document
from ..base import at_least
from ..context import Piece, joined
from .contributive import ContributiveMethod, ContributiveOptions, Source, answer_log_probabilities, by_sentence

if TYPE_CHECKING:
    from typing import Unpack

HELD_OUT = 0.2
"""Share of the ablations that the linear model is tried on instead of fitted to."""


class ContextCite(ContributiveMethod):
    """Runs the ablations once; every query afterwards is a regression.

    Args:
        answer: The answer.
        documents: The sources.
        n_ablations: How often sentences are left out at random, at least 4.
        penalty: The weight of the L1 norm (lambda), above 0.
        keep: Probability with which a sentence stays, in (0, 1).
        batch_size: Ablations in one forward.
        seed: Of the masks.
        **options: Of :class:`~counterfoil.attribution.locating.methods.contributive.ContributiveMethod`. Each window
            has ablations of its own.

    Raises:
        ValueError: For values out of range.
    """

    name = "contextcite"

    def __init__(
        self,
        answer: str,
        documents: Sequence[Document],
        *,
        n_ablations: int = 64,
        penalty: float = 0.01,
        keep: float = 0.5,
        batch_size: int = 4,
        seed: int = 0,
        **options: Unpack[ContributiveOptions],
    ) -> None:
        super().__init__(answer, documents, **options)
        at_least(4, n_ablations=n_ablations)
        at_least(1, batch_size=batch_size)
        if not 0.0 < keep < 1.0:
            raise ValueError(f"`keep` has to be in (0, 1), but is {keep}")
        if not penalty > 0.0:
            raise ValueError(f"`penalty` has to be above 0, but is {penalty}")
        self.n_ablations, self.penalty, self.keep = n_ablations, penalty, keep
        self.batch_size, self.seed = batch_size, seed

    def effects_on(self, tokens: Sequence[int]) -> tuple[list[Source], list[float], tuple[str, ...]]:
        """Return how much the presence of each sentence raises the logit of some tokens of the answer."""
        sources: list[Source] = []
        effects: list[float] = []
        agreements = []
        for own, masks, log_p in self._ablated:
            found, agreement = effects_of(masks, log_p[:, list(tokens)], self.penalty)
            effects += found
            sources += own
            agreements += [] if agreement is None else [agreement]
        fit = f"{min(agreements):.2f}" if agreements else "not defined"
        note = f"{self.n_ablations} ablations; rank correlation of the linear model on held-out ones: {fit}"
        return sources, effects, (note,)

    @cached_property
    def _ablated(self) -> list[tuple[list[Source], Tensor, Tensor]]:
        """Return for each window its sentences, masks `[n, sentences]` and log-probabilities `[n, answer tokens]`."""
        generator = torch.Generator().manual_seed(self.seed)
        windows = []
        for pieces in self.prompts.windows(self.window):
            cut, sources = by_sentence(pieces, self.prompts)
            masks = torch.rand(self.n_ablations, len(sources), generator=generator) < self.keep
            windows.append((sources, masks, self._log_probabilities(cut, sources, masks)))
        return windows

    def _log_probabilities(self, pieces: list[Piece], sources: list[Source], masks: Tensor) -> Tensor:
        number = {id(source.piece): n for n, source in enumerate(sources)}
        rows = [joined([p for p in pieces if id(p) not in number or mask[number[id(p)]]])[0] for mask in masks.tolist()]
        size, n_answer = self.batch_size, len(self.prompts.answer.ids)
        batches = [rows[first : first + size] for first in range(0, len(rows), size)]
        return torch.cat([answer_log_probabilities(self.language, batch, n_answer) for batch in batches])


def effects_of(masks: Tensor, log_p: Tensor, penalty: float) -> tuple[list[float], float | None]:
    """Return the effect of each sentence on the logit of the words, and how well held-out ablations are predicted.

    Args:
        masks: `[n, sentences]`, true if a sentence was there.
        log_p: `[n, tokens]`, log-probabilities of the words' tokens.
        penalty: Weight of the L1 norm.

    Returns:
        An effect a sentence, and the rank correlation of a fit to 80 % of the ablations on the others, `None` if
        nothing varies.

    Raises:
        ImportError: Without scikit-learn; the message has the `pip install` line.
    """
    total = log_p.double().sum(1)
    # log(1 - p), kept from minus infinity where p rounds to 1.
    target = (total - torch.log((-torch.expm1(total)).clamp_min(torch.finfo(torch.float32).eps))) / log_p.shape[1]
    effects = _fitted(masks, target, penalty)
    n_held = max(2, round(HELD_OUT * len(masks)))
    part = _fitted(masks[n_held:], target[n_held:], penalty)
    predicted = masks[:n_held].double() @ torch.tensor(part, dtype=torch.float64)
    return [effect * log_p.shape[1] for effect in effects], _rank_correlation(predicted, target[:n_held])


def _fitted(masks: Tensor, target: Tensor, penalty: float) -> list[float]:
    try:
        from sklearn.linear_model import Lasso  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise ImportError(
            f'the method contextcite needs scikit-learn ({error}): pip install "counterfoil[locate]"'
        ) from error
    there = masks.double()
    spread = there.std(0, correction=0)
    scaled = (there - there.mean(0)) / spread.clamp_min(1e-12)
    weights = torch.from_numpy(Lasso(alpha=penalty).fit(scaled.numpy(), target.numpy()).coef_)
    return (weights / spread.clamp_min(1e-12)).masked_fill(spread == 0, 0.0).tolist()


def _rank_correlation(one: Tensor, other: Tensor) -> float | None:
    """Return Spearman's coefficient, or `None` if either is constant."""
    from scipy.stats import spearmanr  # noqa: PLC0415 (comes with scikit-learn)

    if one.unique().numel() < 2 or other.unique().numel() < 2:
        return None
    return float(cast("Any", spearmanr(one.numpy(), other.numpy())).statistic)
