"""Which way of looking ahead a model can take."""

from __future__ import annotations

import warnings

from transformers import PreTrainedModel

from .candidates import Lookahead
from .expanded import KFoldLookahead
from .packed import PackedLookahead
from .probe import why_not_packed


def lookahead_for(model: PreTrainedModel) -> type[Lookahead]:
    """Candidates side by side where the model takes that, else copies of the batch, with a warning at the first time.

    Args:
        model: A decoder-only model.
    """
    reason, is_new = why_not_packed(model)
    if reason is None:
        return PackedLookahead
    if is_new:
        warnings.warn(
            f"{type(model).__name__} cannot take the candidates of contrastive search side by side ({reason}), so "
            "they run as copies of the batch: the same tokens, with a cache and a cost that are `top_k` times as big",
            stacklevel=4,
        )
    return KFoldLookahead
