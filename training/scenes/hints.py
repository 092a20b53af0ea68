"""What a model is told beside the answers while it learns, so that a few hundred steps are enough.

Answering takes two steps of thought: the word for a thing looks for it in the image, and the question mark looks at
the word. Taught by answers alone, a network finds neither before it has the other, and guesses for a long time. So each
patch of the image is told which words it stands for, and each word, after the first layer, whether its thing is
there. Nothing of this is left in the finished model.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .packing import IGNORED, Packed

NAME_PLACE = 3
"""The thing's word in a question: is there a thing …"""


class Hints(nn.Module):
    """The two hints as a loss.

    Args:
        width: Of the model.
        names: Tokens of the things' words.
        yes: The token of a yes.
    """

    def __init__(self, width: int, names: Sequence[int], yes: int) -> None:
        super().__init__()
        self.there = nn.Linear(width, 1)
        self.scale, self.shift = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(-2.0))
        self.names, self.yes = list(names), yes

    def forward(self, rows: Packed, first_layer: Tensor, questions: int) -> Tensor:
        """Return the loss of the answers that the word of each question gives.

        Args:
            rows: The rows; their questions stand first.
            first_layer: Of the segments, [rows, segments, width].
            questions: How many there are.
        """
        length = rows.lengths[0]
        shape = (len(first_layer), questions, length)
        words = first_layer[:, : questions * length].reshape(*shape, -1)[:, :, NAME_PLACE]
        targets = rows.targets[:, : questions * length].reshape(shape)
        answers = targets.where(targets != IGNORED, -1)[:, :, -2]
        return nn.functional.binary_cross_entropy_with_logits(
            self.there(words)[..., 0].float(), (answers == self.yes).float()
        )

    def patches(self, projected: Tensor, embeddings: Tensor, near: Tensor) -> Tensor:
        """Return the loss by which each patch becomes like the words of the things near it.

        Args:
            projected: What the language model reads for the patches, [rows, patches, width].
            embeddings: Of all tokens, [vocabulary, width].
            near: 1 if a thing is near a patch, else 0, [rows, patches, things].
        """
        alike = projected.float() @ embeddings[self.names].T
        return nn.functional.binary_cross_entropy_with_logits(self.scale * alike + self.shift, near)
