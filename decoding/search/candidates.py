"""The interface between contrastive search and a model: read a prompt, then try k candidate tokens per step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor
from transformers import DynamicCache, GenerationConfig, PreTrainedModel

from ..methods.contrastive_search import ContrastiveSearch
from .hidden_states import HiddenStateBuffer


def check_scores(scores: Tensor, ended: Tensor) -> None:
    """Reject scores `[rows, vocab]` that cannot be ranked, but for rows that have ended (`[rows]`).

    Raises:
        ValueError: They hold NaN or +inf, or a row has no allowed token.
    """
    if bool((scores.amax(-1).isfinite() | ended).all()):  # one question to the device, at every step
        return
    if bool(scores.isnan().any()):
        raise ValueError("the scores have to be numbers, but hold NaN")
    if bool((scores == torch.inf).any()):
        raise ValueError("the scores have to be below +inf, but hold +inf: force a token by -inf for the others")
    raise ValueError("the scores have to allow at least one token a row, but a whole row is -inf")


class Candidates(ABC):
    """Base class: tries k candidate tokens for each row and keeps the one that contrastive search selects.

    Args:
        model: A decoder-only model.
        method: The method with its parameters.
        budget: Number of tokens to reserve room for beyond the prompt.
    """

    def __init__(self, model: PreTrainedModel, method: ContrastiveSearch, budget: int) -> None:
        self.model: Any = model
        self.method = method
        self.top_k = method.top_k
        self.budget = budget
        self.history = HiddenStateBuffer(None, budget)

    @abstractmethod
    def prefill(self, input_ids: Tensor, generation_config: GenerationConfig, model_kwargs: dict[str, Any]) -> Tensor:
        """Read the prompts `[batch, length]` and return the next token's logits `[batch, vocab]`."""

    @abstractmethod
    def advance(self, probabilities: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """Run the candidates, keep the best one of each row and discard the others.

        Args:
            probabilities: `[batch, k]` probabilities of the candidates.
            candidates: `[batch, k]` token ids.

        Returns:
            The index of the selected candidate of each row, `[batch]`, and the logits `[batch, vocab]` that follow it.
        """

    @abstractmethod
    def filled_cache(self, given: object) -> DynamicCache | Any:  # noqa: ANN401
        """Return a cache of all tokens but the last.

        Args:
            given: The caller's own cache, which is filled and returned if it can hold these tokens.
        """

    def select(self, probabilities: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Select a candidate for each row and append its hidden state to the history.

        Args:
            probabilities: `[batch, k]`.
            hidden: `[batch, k, hidden_size]` hidden states of the candidates.

        Returns:
            Index `[batch]` and hidden state `[batch, 1, hidden_size]` of the selected candidates.
        """
        history = self.history
        scores = self.method.scores(
            probabilities.to(hidden.device), hidden, history=history.states, history_mask=history.mask
        )
        selected = scores.argmax(dim=-1)
        rows = torch.arange(hidden.shape[0], device=hidden.device)
        state = hidden[rows, selected].unsqueeze(1)
        history.append(state)
        return selected, state

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Restore the model."""
        del kind, error, trace
