"""The mask of a packed step: each candidate sees the prefix and itself."""

from __future__ import annotations

import torch
from torch import Tensor

from .packed_attention import additive_minimum

_ALIGNMENT = 16  # Elements; fused kernels copy a mask whose rows start anywhere else.


class PackedMask:
    """Additive mask `[batch, 1, repeats * width, length + width]`, kept in one buffer from step to step.

    Between two steps only the small diagonal of the candidates moves one column to the right, so a step writes
    `width + 1` columns and hands out views, whatever the length of the prefix.

    Args:
        padding_mask: `[batch, prompt_length]`, 0 at padding, or None where there is none.
        batch_size: Rows of the batch.
        prompt_length: Columns already in the cache.
        width: Candidates a row.
        repeats: How often the rows are repeated (query heads a group, where attention folds them).
        budget: Columns to reserve beyond the prompt.
        dtype: The model's type.
        device: Where the mask is needed.
    """

    def __init__(
        self,
        padding_mask: Tensor | None,
        *,
        batch_size: int,
        prompt_length: int,
        width: int,
        repeats: int,
        budget: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self._batch_size, self._width, self._prompt_length = batch_size, width, prompt_length
        self._hidden = additive_minimum(dtype)
        eye = torch.eye(width, dtype=torch.bool, device=device)
        diagonal = torch.zeros((width, width + 1), dtype=dtype, device=device)
        diagonal[:, 1:].masked_fill_(~eye, self._hidden)
        self._diagonal = diagonal.repeat(repeats, 1)
        rows = 1 if padding_mask is None else batch_size
        self._buffer = diagonal.new_empty((rows, 1, repeats * width, 0))
        self._reserve(prompt_length + budget + width)
        if padding_mask is not None:
            padding = padding_mask.to(device=device).bool().logical_not()[:, None, None]
            self._buffer[..., :prompt_length].masked_fill_(padding, self._hidden)

    def _reserve(self, columns: int) -> None:
        columns += -columns % _ALIGNMENT
        used = self._buffer.shape[3]
        grown = self._buffer.new_zeros((*self._buffer.shape[:3], columns))
        grown[..., :used] = self._buffer
        self._buffer = grown

    def move_to(self, length: int) -> None:
        """Places the candidates in the columns after a prefix of `length`; lengths have to come in order."""
        end = length + self._width
        if end > self._buffer.shape[3]:
            self._reserve(end + end // 2)
        if length == self._prompt_length:
            # The last column of a prompt may be padding and must stay as it is.
            self._buffer[..., length:end] = self._diagonal[:, 1:]
        else:
            self._buffer[..., length - 1 : end] = self._diagonal
        self._end = end

    def view(self, visible: int) -> Tensor:
        """The mask of a layer whose cache shows the last `visible` columns of the prefix."""
        start = self._end - self._width - visible
        return self._buffer[..., start : self._end].expand(self._batch_size, -1, -1, -1)
