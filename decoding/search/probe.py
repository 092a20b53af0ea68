"""Whether a model can take its candidates side by side: found out by trying it once."""

from __future__ import annotations

import inspect
from typing import Any, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import GenerationConfig, PreTrainedModel

from ..views.evaluating import evaluating
from .hidden_states import HeadTap, output_head
from .packed import PackedLookahead

_PROMPT_LENGTH, _PADDING, _WIDTH = 7, 2, 4

_verdicts: WeakKeyDictionary[PreTrainedModel, dict[str, str | None]] = WeakKeyDictionary()


def why_not_packed(model: PreTrainedModel) -> tuple[str | None, bool]:
    """Why the candidates of this model have to be run as copies of the batch.

    Attention with a bias on key positions (ALiBi) or with a window of its own takes the mask of a packed step without
    complaint and computes something else. So a packed step is run on a short prompt, one row of it padded, and each
    candidate's hidden state compared with that of an ordinary forward over the whole sequence. The answer is kept for
    as long as the model lives, for each attention back-end it is used with.

    Args:
        model: A decoder-only model.

    Returns:
        The reason, or None where the packed step is right; and whether it was found out just now.
    """
    backend = str(model.config.get_text_config(decoder=True)._attn_implementation)
    known = _verdicts.setdefault(model, {})
    if backend in known:
        return known[backend], False
    known[backend] = _undeclared_window(model) or _probe(model)
    return known[backend], True


def _undeclared_window(model: PreTrainedModel) -> str | None:
    # Windows and chunks longer than the probe's prompt, which no cache layer tells of, would escape it.
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
        with evaluating(model):
            error = _relative_error(model)
    except (MemoryError, torch.OutOfMemoryError):
        raise  # Says nothing about the model.
    # Models refuse a four-dimensional mask, or a cache of another kind, with whatever error comes up in them.
    except Exception as refusal:
        return f"{type(refusal).__name__}: {refusal}"
    # Half precision rounds the two ways differently; a wrong position or mask is off by far more.
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


def _packed(model: PreTrainedModel, prompt: Tensor, mask: Tensor, candidates: Tensor) -> Tensor:
    with PackedLookahead(model, penalty_alpha=0.0, top_k=_WIDTH, budget=_WIDTH) as lookahead:
        model_kwargs: dict[str, Any] = {"attention_mask": mask, "position_ids": _positions(mask), "use_cache": True}
        lookahead.prefill(prompt, GenerationConfig(), model_kwargs)
        seen: list[Tensor] = []
        lookahead.look(candidates, lambda hidden: seen.append(hidden) or hidden[:, :1])
        return seen[0]


def _plain(model: Any, prompt: Tensor, mask: Tensor, candidates: Tensor) -> Tensor:  # noqa: ANN401
    rows = torch.cat(
        (prompt.repeat_interleave(_WIDTH, dim=0), candidates.reshape(-1, 1)),
        dim=1,
    )
    long_mask = torch.cat((mask, mask.new_ones(2, 1)), dim=1).repeat_interleave(_WIDTH, dim=0)
    seen: list[Tensor] = []
    with (
        HeadTap(output_head(model)).attached() as tap,
        tap.choosing(lambda hidden: seen.append(hidden[:, -1]) or hidden[:, -1:]),
    ):
        model(input_ids=rows, attention_mask=long_mask, position_ids=_positions(long_mask), use_cache=False)
    return seen[0].view(2, _WIDTH, -1)
