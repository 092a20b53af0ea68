"""Several views of the main sequence as one: the contrasts of a method that reads more than two views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessorList


class SeveralViews:
    """Next-token logits of the main sequence seen in several other ways, `[views, rows, vocab]`.

    Args:
        views: The views, in the order in which the method reads them.
        vocabulary_size: How many logits of each are read, if models pad their vocabularies differently.
    """

    def __init__(self, views: Sequence[Any], vocabulary_size: int | None = None) -> None:
        self.views = tuple(views)
        self._size = vocabulary_size

    @property
    def of_main_forward(self) -> bool:
        """Return whether a view is read off the main forward."""
        return any(getattr(view, "of_main_forward", False) for view in self.views)

    def logits(self, input_ids: Tensor, generation: LogitsProcessorList | None = None) -> Tensor:
        """Return `[views, rows, vocab]` float32 for main ids `[rows, length]`.

        Raises:
            ValueError: The views differ in their vocabulary, or one of them answers with several candidates.
        """
        found = [view.logits(input_ids, generation)[..., : self._size] for view in self.views]
        shapes = sorted({tuple(logits.shape) for logits in found})
        if len(shapes) > 1 or len(shapes[0]) != 2:
            raise ValueError(
                f"the views have to share one vocabulary, but their logits are of shapes "
                f"{', '.join(str(list(shape)) for shape in shapes)}. If only padding differs, pass "
                "vocabulary_size=len(tokenizer)"
            )
        return torch.stack([logits.to(input_ids.device).float() for logits in found])

    def reset(self) -> None:
        """Forget the sequence."""
        for view in self.views:
            view.reset()


def single_views(view: Any) -> tuple[Any, ...]:  # noqa: ANN401  (any view)
    """Return the views that a view is made of: itself, or several."""
    return view.views if isinstance(view, SeveralViews) else (view,)
