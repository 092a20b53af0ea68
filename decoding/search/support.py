"""Finds out whether a model supports packed candidates, by trying it once."""

from __future__ import annotations

import inspect
import threading
from functools import partial
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel

from ..methods.contrastive_search import ContrastiveSearch, unit_norm
from ..views.probes import known_lengths, trial_tokens, warn_once, why_not
from .candidates import Candidates
from .expanded import ExpandedCandidates
from .hidden_states import LMHeadHook, output_head
from .packed import PackedCandidates
from .packed_attention import own_implementation

_PROMPT_LENGTH, _PADDING, _WIDTH = 7, 2, 4


def supported_candidates(model: PreTrainedModel, longest: int) -> type[Candidates]:
    """Return the packed implementation if the model supports it, else the expanded one; warn once per model.

    Args:
        model: A decoder-only model.
        longest: How long the sequences may get.
    """
    reason = why_not_packed(model, longest)
    if reason is None:
        return PackedCandidates
    warn_once(
        model,
        "packed candidates",
        f"{type(model).__name__} cannot take the candidates of contrastive search side by side ({reason}), so "
        "they run as copies of the batch: the same tokens, with a cache and a cost that are `top_k` times as big",
    )
    return ExpandedCandidates


def why_not_packed(model: PreTrainedModel, longest: int = 0) -> str | None:
    """Return why the candidates of this model must run as copies of the batch; `None` if a packed step is right.

    Attention with a bias on key positions (ALiBi) or with a window of its own accepts the mask of a packed step and
    computes something else. So a packed step is run on a short prompt with one padded row, and each candidate's hidden
    state is compared with that of an ordinary forward over the whole sequence. Sequences that get longer than a window,
    a chunk or the like are tried at such a length. The answer is kept for as long as the model lives, once for each
    attention back-end that it is used with.

    Args:
        model: A decoder-only model.
        longest: How long the sequences may get.
    """
    config = model.config.get_text_config(decoder=True)
    if reason := _undeclared_window(model):
        return reason
    if reason := why_not(model, "head", partial(_error_of_head_input, model)):
        return f"its output head cannot be shown to read its last hidden state: {reason}"
    if "position_ids" not in inspect.signature(model.forward).parameters:
        return "its forward takes no `position_ids`"
    beyond = max((length for length in known_lengths(config) if length < longest), default=0)
    reason = None
    for length in sorted({0, beyond}):  # the short trial has padding, the long one shows what only distance does
        question = "packed", own_implementation(config), length
        reason = reason or why_not(model, question, partial(_relative_error, model, length))
    return reason


def _undeclared_window(model: PreTrainedModel) -> str | None:
    # The probe's prompt is too short to find windows and chunks that no cache layer declares.
    config = model.config.get_text_config(decoder=True)
    if "local" in (getattr(config, "attention_layers", None) or ()):
        return "its local attention counts columns of the cache, not positions"
    if "chunked_attention" in (getattr(config, "layer_types", None) or ()):
        return "its attention sees the prefix in chunks"
    return None


@torch.inference_mode()
def _error_of_head_input(model: Any) -> float:  # noqa: ANN401
    """Return how far the output head's input is from the last hidden state, both at unit length.

    BERT's and ModernBERT's decoders have layers of their own in between, while contrastive search compares the hidden
    states themselves. A factor in between changes no cosine. The last hidden state is what the model without its head
    returns; asked for `output_hidden_states`, transformers would leave hooks in the model.
    """
    tokens = trial_tokens(model, 1, _PROMPT_LENGTH)
    read: list[Tensor] = []
    last: list[Tensor] = []
    thread = threading.get_ident()

    def note(_: object, __: object, output: Any) -> None:  # noqa: ANN401
        if threading.get_ident() == thread:  # and not another that decodes with this model
            last.append(output[0])

    body = model.base_model.register_forward_hook(note)
    try:
        with (
            LMHeadHook(output_head(model)).attached() as hook,
            hook.selecting(lambda hidden: read.append(hidden) or hidden),
        ):
            model(input_ids=tokens, use_cache=False, return_dict=True)
    finally:
        body.remove()
    if model.base_model is model or not last or last[0].dim() != read[0].dim():
        return 0.0  # nothing but the head's input can be compared
    if last[0].shape != read[0].shape:
        return torch.inf
    return float((unit_norm(last[0]) - unit_norm(read[0])).norm(dim=-1).max())


def _relative_error(model: PreTrainedModel, beyond: int) -> float:
    rows, width, length = (1, 2, beyond + _PROMPT_LENGTH) if beyond else (2, _WIDTH, _PROMPT_LENGTH)
    tokens = trial_tokens(model, rows, length + width)
    prompt, candidates = tokens[:, :length], tokens[:, length:]
    mask = torch.ones_like(prompt)
    mask[1:, :_PADDING] = 0
    packed = _packed(model, prompt, mask, candidates).float()
    plain = _plain(model, prompt, mask, candidates).float()
    error = (packed - plain).norm(dim=-1) / plain.norm(dim=-1)
    return float(error.nan_to_num(nan=torch.inf).max())


def _positions(mask: Tensor) -> Tensor:
    return (mask.cumsum(dim=-1) - 1).clamp_min(0)


def _packed(model: PreTrainedModel, prompt: Tensor, mask: Tensor, tokens: Tensor) -> Tensor:
    width = tokens.shape[1]
    with PackedCandidates(model, ContrastiveSearch(penalty_alpha=0.0, top_k=width), budget=width) as candidates:
        model_kwargs: dict[str, Any] = {"attention_mask": mask, "position_ids": _positions(mask), "use_cache": True}
        candidates.prefill(prompt, GenerationConfig(), model_kwargs)
        states: list[Tensor] = []
        candidates.forward(tokens, lambda hidden: states.append(hidden) or hidden[:, :1])
        return states[0]


def _plain(model: Any, prompt: Tensor, mask: Tensor, tokens: Tensor) -> Tensor:  # noqa: ANN401
    batch, width = tokens.shape
    rows = torch.cat((prompt.repeat_interleave(width, dim=0), tokens.reshape(-1, 1)), dim=1)
    long_mask = torch.cat((mask, mask.new_ones(batch, 1)), dim=1).repeat_interleave(width, dim=0)
    states: list[Tensor] = []
    with (
        LMHeadHook(output_head(model)).attached() as hook,
        hook.selecting(lambda hidden: states.append(hidden[:, -1]) or hidden[:, -1:]),
    ):
        model(input_ids=rows, attention_mask=long_mask, position_ids=_positions(long_mask), use_cache=False)
    return states[0].view(batch, width, -1)
