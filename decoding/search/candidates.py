"""What a loop of contrastive search asks of a model: the candidates' hidden states, and one of them kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor
from transformers import DynamicCache, GenerationConfig, PreTrainedModel

from ..methods.contrastive_search import contrastive_search
from .hidden_history import HiddenHistory


class Lookahead(ABC):
    """Reads a prompt, then looks one token ahead for k candidates at a time.

    Args:
        model: A decoder-only model.
        penalty_alpha: Weight of the penalty.
        top_k: Candidates a row.
        budget: Tokens to reserve room for beyond the prompt.
    """

    def __init__(self, model: PreTrainedModel, penalty_alpha: float, top_k: int, budget: int) -> None:
        self.model: Any = model
        self.penalty_alpha = penalty_alpha
        self.top_k = top_k
        self.budget = budget
        self.history = HiddenHistory(None, budget)

    @abstractmethod
    def prefill(self, input_ids: Tensor, generation_config: GenerationConfig, model_kwargs: dict[str, Any]) -> Tensor:
        """Reads the prompt and returns the next token's logits `[batch, vocab]`."""

    @abstractmethod
    def advance(self, probabilities: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """Looks ahead for the candidates, keeps the best one of each row and forgets the rest.

        Args:
            probabilities: `[batch, k]`.
            candidates: `[batch, k]` token ids.

        Returns:
            The index of the winner in each row, `[batch]`, and the logits `[batch, vocab]` that follow it.
        """

    @abstractmethod
    def past_key_values(self, given: object) -> DynamicCache | Any:  # noqa: ANN401
        """The cache of all tokens but the last; `given`, the caller's own, where it can hold them."""

    def rank(self, probabilities: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """The winner of each row and its hidden state, which joins the history.

        Args:
            probabilities: `[batch, k]`.
            hidden: `[batch, k, hidden_size]` hidden states of the candidates.

        Returns:
            Index `[batch]` and hidden state `[batch, 1, hidden_size]`.
        """
        history = self.history
        scores = contrastive_search(
            probabilities.to(hidden.device),
            hidden,
            history.states,
            self.penalty_alpha,
            history_mask=history.mask,
        )
        winner = scores.argmax(dim=-1)
        rows = torch.arange(hidden.shape[0], device=hidden.device)
        chosen = hidden[rows, winner].unsqueeze(1)
        history.extend(chosen)
        return winner, chosen

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves the model as it was."""
        del kind, error, trace
