"""Finds out whether a model supports packed candidates, by trying it once."""

from __future__ import annotations

import inspect
import warnings
from typing import Any, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import GenerationConfig, PreTrainedModel

from ..methods.contrastive_search import ContrastiveSearch
from ..views.unwrap_model import eval_mode
from .candidates import Candidates
from .expanded import ExpandedCandidates
from .hidden_states import LMHeadHook, output_head
from .packed import PackedCandidates
from .packed_attention import own_implementation

_PROMPT_LENGTH, _PADDING, _WIDTH = 7, 2, 4

_verdicts: WeakKeyDictionary[PreTrainedModel, dict[str, str | None]] = WeakKeyDictionary()


def supported_candidates(model: PreTrainedModel) -> type[Candidates]:
    """Return the packed implementation if the model supports it, else the expanded one; warn once per model.

    Args:
        model: A decoder-only model.
    """
    reason, is_new = why_not_packed(model)
    if reason is None:
        return PackedCandidates
    if is_new:
        warnings.warn(
            f"{type(model).__name__} cannot take the candidates of contrastive search side by side ({reason}), so "
            "they run as copies of the batch: the same tokens, with a cache and a cost that are `top_k` times as big",
            stacklevel=4,
        )
    return ExpandedCandidates


def why_not_packed(model: PreTrainedModel) -> tuple[str | None, bool]:
    """Return why the candidates of this model must run as copies of the batch.

    Attention with a bias on key positions (ALiBi) or with a window of its own accepts the mask of a packed step and
    computes something else. So a packed step is run on a short prompt with one padded row, and each candidate's hidden
    state is compared with that of an ordinary forward over the whole sequence. The result is kept for as long as the
    model lives, once for each attention back-end that it is used with.

    Args:
        model: A decoder-only model.

    Returns:
        The reason, or None if the packed step is right; and whether the model was tried just now.
    """
    backend = own_implementation(model.config.get_text_config(decoder=True))
    known = _verdicts.setdefault(model, {})
    if backend in known:
        return known[backend], False
    known[backend] = _undeclared_window(model) or _probe(model)
    return known[backend], True


def _undeclared_window(model: PreTrainedModel) -> str | None:
    # The probe's prompt is too short to find windows and chunks that no cache layer declares.
    config = model.config.get_text_config(decoder=True)
    if "local" in (getattr(config, "attention_layers", None) or ()):
        return "its local attention counts columns of the cache, not positions"
    if "chunked_attention" in (getattr(config, "layer_types", None) or ()):
        return "its attention sees the prefix in chunks"
    return None


def _probe(model: PreTrainedModel) -> str | None:
    if "position_ids" not in inspect.signature(model.forward).parameters:
        return "its forward takes no `position_ids`"
    try:
        with eval_mode(model):
            error = _relative_error(model)
    except (MemoryError, torch.OutOfMemoryError):
        raise  # says nothing about the model
    # Models refuse a four-dimensional mask, or a cache of another kind, with any kind of error.
    except Exception as refusal:
        return f"{type(refusal).__name__}: {refusal}"
    # Half precision rounds the two computations differently; a wrong position or mask is off by far more.
    tolerance = max(1e-3, 8 * torch.finfo(model.dtype).eps)
    return None if error <= tolerance else f"its hidden states would be off by {error:.1%}"


def _relative_error(model: PreTrainedModel) -> float:
    device = cast("nn.Embedding", model.get_input_embeddings()).weight.device
    vocabulary = model.config.get_text_config(decoder=True).vocab_size
    tokens = torch.arange(2 * (_PROMPT_LENGTH + _WIDTH), device=device) * 37 % max(vocabulary - 3, 1) + 2
    tokens = tokens.clamp_max(vocabulary - 1).view(2, -1)
    prompt, candidates = tokens[:, :_PROMPT_LENGTH], tokens[:, _PROMPT_LENGTH:]
    mask = torch.ones_like(prompt)
    mask[1, :_PADDING] = 0
    packed = _packed(model, prompt, mask, candidates).float()
    plain = _plain(model, prompt, mask, candidates).float()
    error = (packed - plain).norm(dim=-1) / plain.norm(dim=-1)
    return float(error.nan_to_num(nan=torch.inf).max())


def _positions(mask: Tensor) -> Tensor:
    return (mask.cumsum(dim=-1) - 1).clamp_min(0)


def _packed(model: PreTrainedModel, prompt: Tensor, mask: Tensor, tokens: Tensor) -> Tensor:
    with PackedCandidates(model, ContrastiveSearch(penalty_alpha=0.0, top_k=_WIDTH), budget=_WIDTH) as candidates:
        model_kwargs: dict[str, Any] = {"attention_mask": mask, "position_ids": _positions(mask), "use_cache": True}
        candidates.prefill(prompt, GenerationConfig(), model_kwargs)
        states: list[Tensor] = []
        candidates.forward(tokens, lambda hidden: states.append(hidden) or hidden[:, :1])
        return states[0]


def _plain(model: Any, prompt: Tensor, mask: Tensor, tokens: Tensor) -> Tensor:  # noqa: ANN401
    rows = torch.cat((prompt.repeat_interleave(_WIDTH, dim=0), tokens.reshape(-1, 1)), dim=1)
    long_mask = torch.cat((mask, mask.new_ones(2, 1)), dim=1).repeat_interleave(_WIDTH, dim=0)
    states: list[Tensor] = []
    with (
        LMHeadHook(output_head(model)).attached() as hook,
        hook.selecting(lambda hidden: states.append(hidden[:, -1]) or hidden[:, -1:]),
    ):
        model(input_ids=rows, attention_mask=long_mask, position_ids=_positions(long_mask), use_cache=False)
    return states[0].view(2, _WIDTH, -1)
