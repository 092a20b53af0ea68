"""Contrastive search as a logits processor, for loops that cannot be replaced."""

from __future__ import annotations

import copy
from typing import Self

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, PreTrainedModel

from ..methods.contrastive_search import ContrastiveSearch
from ..views.cached_sequences import prefill_inputs
from ..views.forward_recorder import ignored_by_hooks
from ..views.generate_call import GenerateCall, Generation
from ..views.prompt_view import main_prompts
from ..views.unwrap_model import input_device, unwrap_model
from .candidates import Candidates, check_scores
from .support import supported_candidates

BEAM_SEARCH = "contrastive search keeps one sequence a row; generate with num_beams=1"
RESERVED_TOKENS = 256


class ContrastiveSearchLogitsProcessor(LogitsProcessor):
    r"""Decode by contrastive search: prefer a probable token that is unlike what was already said.

        scores(v) = (1 - penalty_alpha) * p(v) - penalty_alpha * max_j cos(h_v, h_j)      for the top_k most probable v

    Su et al. 2022, [A Contrastive Framework for Neural Text Generation](https://arxiv.org/abs/2202.06417), equation 5.
    The selected token gets score 0 and all others -inf, so sampling options change nothing. Prompt tokens count in the
    penalty, padding never does; the cosine is taken in float32.

    A processor cannot pass the candidates' forward on to `generate()`, so a token costs two forwards. Prefer
    `generate(custom_generate=contrastive_search)`, which needs one and gives the same tokens.

    Args:
        model: The model that generates, decoder-only.
        penalty_alpha: In [0, 1]: the weight of the penalty, 0.6 in most of the paper's settings; 0 is greedy search.
        top_k: At least 1: the number of candidates, 4 to 8 in the paper's settings; 1 is greedy search.
        attention_mask: `[prompts, length]` of the prompts. Without it, padding is told from tokens as in
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
        self.method = ContrastiveSearch(penalty_alpha=penalty_alpha, top_k=top_k)
        self.model = unwrap_model(model, "model")
        if self.model.config.is_encoder_decoder:
            kind = type(self.model).__name__
            raise ValueError(f"`model` has to be decoder-only for contrastive search, but is a {kind}")
        self._attention_mask = attention_mask
        self._call = GenerateCall(self.model, type(self).__name__, {"_beam_search": BEAM_SEARCH})

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return `[rows, vocab]` scores: 0 for the selected token of each row and -inf for the rest.

        Raises:
            ValueError: There are more candidates than tokens, a row has no allowed token, or the loop that calls cannot
                be followed.
        """
        generation = self._call.generation(input_ids)
        if generation is None:
            return scores
        if self.method.top_k > scores.shape[-1]:
            raise ValueError(
                f"`top_k` has to be at most the vocabulary's {scores.shape[-1]} tokens, but is {self.method.top_k}"
            )
        check_scores(scores, generation.ended(input_ids))
        with torch.no_grad(), ignored_by_hooks():
            tokens = generation.state(self, lambda: _Search(self)).next_tokens(input_ids, scores, generation)
        return torch.full_like(scores, -torch.inf).scatter(-1, tokens[:, None], 0.0)

    def prompt_mask(self, input_ids: Tensor, seen: Tensor | None) -> Tensor:
        """Return which tokens of the prompts are no padding, `[rows, length]`, see `attention_mask`."""
        return main_prompts(input_ids, self.model, self._attention_mask, seen).attention_mask

    def reset(self) -> None:
        """Forget the last sequence and free its cache. Not needed between `generate()` calls."""
        self._call.reset()

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        copied = copy.copy(self)  # of the same model
        copied._call = copy.deepcopy(self._call, memo)
        return copied


class _Search:
    """The search in one generation."""

    def __init__(self, processor: ContrastiveSearchLogitsProcessor) -> None:
        self._processor = processor
        self._candidates: Candidates | None = None
        self._expected: Tensor | None = None  # the ids of the next step, if the loop takes the selected tokens

    def next_tokens(self, ids: Tensor, scores: Tensor, generation: Generation) -> Tensor:
        """Return the selected tokens `[rows]` after `ids` `[rows, length]`."""
        method = self._processor.method
        if self._candidates is None or not self._is_expected(ids, generation):
            self._candidates = self._started(ids, generation)
        probabilities, tokens = scores.float().softmax(-1).topk(method.top_k, dim=-1)
        with self._candidates as candidates:
            selected, _ = candidates.advance(probabilities, tokens)
        chosen = tokens.gather(-1, selected.to(tokens.device)[:, None])
        self._expected = torch.cat([ids, chosen], dim=-1)
        return chosen[:, 0]

    def _is_expected(self, ids: Tensor, generation: Generation) -> bool:
        expected = self._expected
        if expected is None or ids.shape != expected.shape or not torch.equal(ids[:, :-1], expected[:, :-1]):
            return False
        # A row that has ended is padded instead of going on with the selected token. Nobody reads what follows, so its
        # search may go on from that token.
        differs = ids[:, -1] != expected[:, -1]
        return not bool((differs & ~generation.ended(ids)).any())

    def _started(self, ids: Tensor, generation: Generation) -> Candidates:
        model, length = self._processor.model, generation.prompt_length
        ids = ids.to(input_device(model, ids.device))
        prompt_mask = self._processor.prompt_mask(ids[:, :length], generation.prompt_mask)
        grown = prompt_mask.new_ones(len(ids), ids.shape[1] - length)
        inputs = prefill_inputs(model, ids, torch.cat([prompt_mask, grown], dim=-1), {})
        with supported_candidates(model, ids.shape[1] + RESERVED_TOKENS)(
            model, self._processor.method, RESERVED_TOKENS
        ) as candidates:
            candidates.prefill(ids, GenerationConfig(), inputs)
        return candidates
