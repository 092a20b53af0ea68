"""Ablation: which source sentences made the model write these words (ContextCite).

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
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...documents import Document
from ..attributions import Kind
from ..base import Proposal, Query
from ..context import Piece, Prompts, TooLongError, joined
from .contributive import Source, answer_log_probabilities, by_sentence, chosen, load, ranked

if TYPE_CHECKING:
    from counterfoil.models import LanguageModel

HELD_OUT = 0.2
"""Share of the ablations that the linear model is tried on instead of fitted to."""


class Ablation:
    """Runs the ablations once; every query afterwards is a regression.

    Args:
        answer: The answer.
        documents: The sources.
        question: What was asked; read between the documents and the answer.
        model: A causal model, best the one that wrote the answer, or its name; `None` for SmolLM2-135M-Instruct.
        n_ablations: How often sentences are left out at random.
        penalty: The weight of the L1 norm, above 0.
        keep: Probability with which a sentence stays, in (0, 1).
        window: Tokens of one forward; longer sources are read in several windows, each with ablations of its own.
        top_k: How many sentences are proposed.
        batch_size: Ablations in one forward.
        seed: Of the masks.

    Raises:
        ValueError: For values out of range.
    """

    name = "ablation"
    kind = Kind.CONTRIBUTIVE

    def __init__(
        self,
        answer: str,
        documents: Sequence[Document],
        *,
        question: str | None = None,
        model: LanguageModel | str | None = None,
        n_ablations: int = 64,
        penalty: float = 0.01,
        keep: float = 0.5,
        window: int = 2048,
        top_k: int = 6,
        batch_size: int = 4,
        seed: int = 0,
    ) -> None:
        for name, value, least in (
            ("n_ablations", n_ablations, 4), ("window", window, 1), ("top_k", top_k, 1), ("batch_size", batch_size, 1),
        ):  # fmt: skip
            if value < least:
                raise ValueError(f"`{name}` has to be at least {least}, but is {value}")
        if not 0.0 < keep < 1.0:
            raise ValueError(f"`keep` has to be in (0, 1), but is {keep}")
        if not penalty > 0.0:
            raise ValueError(f"`penalty` has to be above 0, but is {penalty}")
        self.answer, self.documents, self.question = answer, documents, question
        self.n_ablations, self.penalty, self.keep, self.window = n_ablations, penalty, keep, window
        self.top_k, self.batch_size, self.seed = top_k, batch_size, seed
        self._model = model
        self._windows: list[tuple[list[Source], Tensor, Tensor]] | None = None
        self._prompts: Prompts | None = None

    def propose(self, query: Query) -> Proposal:
        """The sentences whose presence makes the words most likely."""
        if not any(document.text.strip() for document in self.documents):
            return Proposal((), ())
        try:
            windows = self._ablated()
        except TooLongError as error:
            return Proposal((), (), failure=str(error))
        assert self._prompts is not None
        tokens = chosen(self._prompts, query, self.answer)
        if not tokens:
            return Proposal((), (), failure="the words hold no token of the answer")
        effects: list[float] = []
        sources: list[Source] = []
        agreements = []
        for own, masks, log_p in windows:
            found, agreement = effects_of(masks, log_p[:, tokens], self.penalty)
            effects += found
            sources += own
            agreements += [] if agreement is None else [agreement]
        fit = f"{min(agreements):.2f}" if agreements else "not defined"
        note = f"{self.n_ablations} ablations; rank correlation of the linear model on held-out ones: {fit}"
        return ranked(effects, sources, self.documents, self.top_k, (note,))

    def _ablated(self) -> list[tuple[list[Source], Tensor, Tensor]]:
        """Of each window its sentences, the masks `[n, sentences]` and the log-probabilities `[n, answer tokens]`."""
        if self._windows is None:
            self._model = language = load(self._model)
            self._prompts = prompts = Prompts(self.answer, self.documents, self.question, language)
            generator = torch.Generator().manual_seed(self.seed)
            self._windows = []
            for pieces in prompts.windows(self.window):
                cut, sources = by_sentence(pieces, prompts)
                masks = torch.rand(self.n_ablations, len(sources), generator=generator) < self.keep
                self._windows.append((sources, masks, self._scores(language, prompts, cut, sources, masks)))
        return self._windows

    def _scores(
        self, language: LanguageModel, prompts: Prompts, pieces: list[Piece], sources: list[Source], masks: Tensor
    ) -> Tensor:
        number = {id(source.piece): n for n, source in enumerate(sources)}
        rows = [joined([p for p in pieces if id(p) not in number or mask[number[id(p)]]])[0] for mask in masks.tolist()]
        size, n_answer = self.batch_size, len(prompts.answer.ids)
        batches = [rows[first : first + size] for first in range(0, len(rows), size)]
        return torch.cat([answer_log_probabilities(language, batch, n_answer) for batch in batches])


def effects_of(masks: Tensor, log_p: Tensor, penalty: float) -> tuple[list[float], float | None]:
    """The effect of each sentence on the logit of the words, and how well held-out ablations are predicted.

    Args:
        masks: `[n, sentences]`, true where a sentence was there.
        log_p: `[n, tokens]`, log-probabilities of the words' tokens.
        penalty: Weight of the L1 norm.

    Returns:
        An effect a sentence, and the rank correlation of a fit to 80 % of the ablations on the others, `None` where
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
        raise ImportError('the method ablation needs scikit-learn: pip install "counterfoil[locate]"') from error
    there = masks.double()
    spread = there.std(0, correction=0)
    scaled = (there - there.mean(0)) / spread.clamp_min(1e-12)
    weights = torch.from_numpy(Lasso(alpha=penalty).fit(scaled.numpy(), target.numpy()).coef_)
    return (weights / spread.clamp_min(1e-12)).masked_fill(spread == 0, 0.0).tolist()


def _rank_correlation(one: Tensor, other: Tensor) -> float | None:
    """Spearman's; `None` where either is constant."""

    def ranks(values: Tensor) -> Tensor:
        smaller = (values[None, :] < values[:, None]).sum(1)
        return smaller + ((values[None, :] == values[:, None]).sum(1) - 1) / 2

    a, b = ranks(one), ranks(other)
    a, b = a - a.mean(), b - b.mean()
    norm = float(a.norm() * b.norm())
    return float(a @ b) / norm if norm > 0 else None
