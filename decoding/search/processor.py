"""Contrastive search as a logits processor, where a loop of its own cannot be used."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, PreTrainedModel

from ..methods.contrastive_search import ContrastiveSearch
from ..views.cached_sequences import prefill_state
from ..views.generate_call import ServedCall, calling_generation, refuse_unfollowable
from ..views.layer_view import ignored_by_hooks
from ..views.prompt_view import main_prompt, told_mask
from ..views.unwrap_model import unwrap_model
from .candidates import Candidates
from .support import supported_candidates

BEAMS = {"_beam_search": "contrastive search keeps one sequence a row; generate with num_beams=1"}


class ContrastiveSearchLogitsProcessor(LogitsProcessor):
    r"""Contrastive search: probable, and unlike what was already said.

        scores(v) = (1 - penalty_alpha) * p(v) - penalty_alpha * max_j cos(h_v, h_j)      for the top_k most probable v

    Su et al. 2022, [A Contrastive Framework for Neural Text Generation](https://arxiv.org/abs/2202.06417), equation 5.
    The winner gets score 0 and all other tokens -inf, so sampling options change nothing. Prompt tokens count in the
    penalty, padding never does; the cosine is taken in float32.

    A processor cannot hand the candidates' forward on to `generate()`, so a token costs two forwards. Prefer
    `generate(custom_generate=contrastive_search)`, which needs one and gives the same tokens.

    Args:
        model: The model that generates, decoder-only.
        penalty_alpha: In [0, 1]: the weight of the penalty, 0.6 in most of the paper's settings; 0 is greedy search.
        top_k: At least 1: how many candidates are tried, 4 to 8 in the paper's settings; 1 is greedy search.
        attention_mask: `[prompts, length]` of the prompts. Without it padding is told as in
            :class:`counterfoil.decoding.SamePrompt`.
    """

    supports_continuous_batching = False

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        penalty_alpha: float = ContrastiveSearch.penalty_alpha,
        top_k: int = ContrastiveSearch.top_k,
        attention_mask: Tensor | None = None,
    ) -> None:
        method = ContrastiveSearch(penalty_alpha=penalty_alpha, top_k=top_k)
        model = unwrap_model(model, "model")
        if model.config.is_encoder_decoder:
            raise ValueError(f"`model` has to be decoder-only for contrastive search, but is a {type(model).__name__}")
        self.model, self.method = model, method
        self._attention_mask = attention_mask
        self._call = ServedCall(self.reset)
        self._candidates: Candidates | None = None
        self._prompt_mask: Tensor | None = None
        self._expected: Tensor | None = None  # the ids that the next call should bring

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """`[rows, vocab]`: 0 for the winner of each row and -inf for the rest.

        Raises:
            ValueError: More candidates than tokens, a row without an allowed token, or a loop that cannot be followed.
        """
        generation = calling_generation()
        begins = self._call.begins(generation) and not (generation is None and self._follows(input_ids))
        if begins:
            refuse_unfollowable(type(self).__name__, BEAMS)
            _check(scores, self.method.top_k)
        with torch.no_grad(), ignored_by_hooks():
            if begins or not self._follows(input_ids):
                self._begin(input_ids.to(self.model.device), anew=begins)
            assert self._candidates is not None
            probabilities, candidates = scores.float().softmax(-1).topk(self.method.top_k, dim=-1)
            with self._candidates as running:
                winner, _ = running.advance(probabilities, candidates)
        tokens = candidates.gather(-1, winner.to(candidates.device)[:, None])
        self._expected = torch.cat([input_ids, tokens], dim=-1)
        return torch.full_like(scores, -torch.inf).scatter(-1, tokens, 0.0)

    def reset(self) -> None:
        """Forget the last sequence and free its cache. Not needed between `generate()` calls."""
        self._candidates = self._expected = self._prompt_mask = None

    def _follows(self, input_ids: Tensor) -> bool:
        expected = self._expected
        if (
            expected is None
            or input_ids.shape != expected.shape
            or not torch.equal(input_ids[:, :-1], expected[:, :-1])
        ):
            return False
        # A row that has ended is padded instead of going on with the winner. Nobody reads what follows, so its
        # lookahead may go on with the winner all the same.
        config: Any = self.model.generation_config
        ending = {config.pad_token_id, *_as_list(config.eos_token_id)} - {None}
        differs = input_ids[:, -1] != expected[:, -1]
        return all(token in ending for token in input_ids[:, -1][differs].tolist())

    def _begin(self, ids: Tensor, *, anew: bool) -> None:
        if anew or self._prompt_mask is None:
            self._prompt_mask = main_prompt(ids, self.model, self._attention_mask, told_mask(ids)).attention_mask
        prompt_mask = self._prompt_mask
        grown = prompt_mask.new_ones(len(ids), ids.shape[1] - prompt_mask.shape[1])
        state = prefill_state(self.model, ids, torch.cat([prompt_mask, grown], dim=-1), {})
        self._candidates = supported_candidates(self.model)(self.model, self.method, 256)
        with self._candidates as running:
            running.prefill(ids, GenerationConfig(), state)


def _as_list(value: int | list[int] | None) -> list[int | None]:
    return value if isinstance(value, list) else [value]  # pyright: ignore[reportReturnType]


def _check(scores: Tensor, top_k: int) -> None:
    if top_k > scores.shape[-1]:
        raise ValueError(f"`top_k` has to be at most the vocabulary's {scores.shape[-1]} tokens, but is {top_k}")
    if bool(scores.isnan().any()):
        raise ValueError("the scores have to be numbers, but hold NaN")
    if bool((scores == -torch.inf).all(-1).any()):
        raise ValueError("the scores have to allow at least one token a row, but a whole row is -inf")
