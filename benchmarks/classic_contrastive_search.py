"""Contrastive search as it was before: every step copies the cache once for each candidate.

The opponent of the benchmark, written from the description of SimCTG and of transformers 4.24 to 4.55: the cache is
repeated k times, one forward runs over k times the batch with all hidden states kept, the history of hidden states is
repeated and normalised afresh, the candidates are ranked, and one of k caches is selected.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedModel, StoppingCriteriaList


def classic_contrastive_search(
    model: PreTrainedModel,
    input_ids: Tensor,
    logits_processor: LogitsProcessorList,
    stopping_criteria: StoppingCriteriaList,
    generation_config: GenerationConfig,
    penalty_alpha: float,
    top_k: int,
    **model_kwargs: Any,
) -> Tensor:
    """Run the k-fold algorithm, for `generate(custom_generate=...)`."""
    batch_size = input_ids.shape[0]
    mask = model_kwargs.get("attention_mask")
    mask = torch.ones_like(input_ids) if mask is None else mask
    pad_token = generation_config._pad_token_tensor  # pyright: ignore[reportAttributeAccessIssue]
    pads = any(hasattr(criterion, "eos_token_id") for criterion in stopping_criteria)
    unfinished = torch.ones(batch_size, dtype=torch.long, device=input_ids.device)

    inputs = model.prepare_inputs_for_generation(input_ids, is_first_iteration=True, **model_kwargs)
    outputs = model(**inputs, return_dict=True, output_hidden_states=True)
    history = outputs.hidden_states[-1]
    logits = outputs.logits[:, -1].to(copy=True, dtype=torch.float32)
    model_kwargs = model._update_model_kwargs_for_generation(outputs, model_kwargs)
    _, model_kwargs = model._expand_inputs_for_generation(expand_size=top_k, **model_kwargs)

    while True:
        probabilities, candidates = logits_processor(input_ids, logits).softmax(dim=-1).topk(top_k, dim=-1)
        model_kwargs["past_key_values"].batch_repeat_interleave(top_k)
        inputs = model.prepare_inputs_for_generation(candidates.view(-1, 1), next_sequence_length=1, **model_kwargs)
        outputs = model(**inputs, return_dict=True, output_hidden_states=True)
        hidden = outputs.hidden_states[-1]
        scores = _score(history, hidden, probabilities, mask, penalty_alpha, top_k)
        selected = scores.argmax(dim=-1)

        rows = torch.arange(batch_size, device=input_ids.device)
        kept = rows * top_k + selected
        model_kwargs = model._update_model_kwargs_for_generation(outputs, model_kwargs)
        model_kwargs["past_key_values"].batch_select_indices(kept)
        history = torch.cat((history, hidden[kept]), dim=1)
        logits = outputs.logits[:, -1].to(copy=True, dtype=torch.float32)[kept]
        tokens = candidates[rows, selected]
        if pads:
            tokens = tokens * unfinished + pad_token * (1 - unfinished)
        input_ids = torch.cat((input_ids, tokens[:, None]), dim=1)
        mask = torch.cat((mask, mask.new_ones(batch_size, 1)), dim=1)
        unfinished = unfinished & ~stopping_criteria(input_ids, None)  # pyright: ignore
        if unfinished.max() == 0:
            return input_ids


def _score(
    history: Tensor, hidden: Tensor, probabilities: Tensor, mask: Tensor, penalty_alpha: float, top_k: int
) -> Tensor:
    context = history.repeat_interleave(top_k, dim=0)
    context = context / context.norm(dim=2, keepdim=True)
    candidate = hidden / hidden.norm(dim=2, keepdim=True)
    cosine = torch.matmul(context, candidate.transpose(1, 2)).squeeze(-1)
    cosine_mask = mask.repeat_interleave(top_k, dim=0).to(cosine.dtype)
    cosine = cosine + (1 - cosine_mask) * torch.finfo(cosine.dtype).min
    penalty = cosine.max(dim=-1).values
    scores = (1 - penalty_alpha) * probabilities.view(-1) - penalty_alpha * penalty
    return scores.view(-1, top_k)
