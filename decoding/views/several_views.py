"""Several views of the main sequence as one: the contrasts of a method that reads more than two views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .generate_call import Generation


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

    def logits(self, input_ids: Tensor, generation: Generation) -> Tensor:
        """Return `[views, rows, vocab]` float32 for main ids `[rows, length]`.

        Raises:
            ValueError: The views differ in their vocabulary, or one of them answers with several candidates.
        """
        return self.stacked([view.logits(input_ids, generation) for view in self.views])

    def stacked(self, logits: Sequence[Tensor]) -> Tensor:
        """Return the logits of each view as one tensor; errors are those of :meth:`logits`."""
        found = [own[..., : self._size].float() for own in logits]
        shapes = sorted({tuple(own.shape) for own in found})
        if len(shapes) > 1 or len(shapes[0]) != 2:
            raise ValueError(
                f"the views have to share one vocabulary, but their logits are of shapes "
                f"{', '.join(str(list(shape)) for shape in shapes)}. If only padding differs, pass "
                "vocabulary_size=len(tokenizer)"
            )
        return torch.stack([own.to(found[0].device) for own in found])


def single_views(view: Any) -> tuple[Any, ...]:  # noqa: ANN401  (any view)
    """Return the views that a view is made of: itself, or several."""
    return view.views if isinstance(view, SeveralViews) else (view,)


def logits_of(
    view: Any,  # noqa: ANN401
    input_ids: Tensor,
    generation: Generation,
    computed: Sequence[Tensor | None],
) -> Tensor:
    """Return a view's logits, of which some are computed already.

    Args:
        view: A view, or several.
        input_ids: The main ids `[rows, length]`.
        generation: The generation that they belong to.
        computed: The logits `[rows, vocab]` of each single view; `None` for one that is to be asked.
    """
    asked = zip(single_views(view), computed, strict=True)
    found = [one.logits(input_ids, generation) if own is None else own for one, own in asked]
    return view.stacked(found) if isinstance(view, SeveralViews) else found[0]
