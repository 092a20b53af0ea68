"""What every contrastive logits processor shares: a view beside the main sequence, and a rule that combines them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList

from ..views.generate_call import ServedCall, calling_generation, refuse_unfollowable
from .trace import Trace, TraceRecorder


@runtime_checkable
class View(Protocol):
    """Next-token logits of the main sequence seen in another way."""

    def logits(self, input_ids: Tensor, generation: LogitsProcessorList | None = None) -> Tensor:
        """`[rows, vocab]` for main ids `[rows, length]`."""
        ...

    def reset(self) -> None:
        """Forget the sequence."""
        ...


class ContrastLogitsProcessor(LogitsProcessor):
    """Base of the processors that compare the main sequence with a view of it.

    The main view is whatever the model and the processors before this one made of it, unscaled: temperature, top-k and
    top-p come after. The result is normalised to log-probabilities, which changes neither an argmax nor a sampling
    distribution and is what beam search needs to add up.

    One object serves any number of `generate()` calls, one after the other.

    Args:
        view: The contrast.
        vocabulary_size: How many tokens the tokenizer has. Needed where the two views' logits differ in width because
            one of the models pads its vocabulary: what lies beyond is padding.
        trace: Record, for each token, its log-probability under both views; see :meth:`trace`.
    """

    supports_continuous_batching = False
    normalised = True

    def __init__(self, view: View, *, vocabulary_size: int | None = None, trace: bool = False) -> None:
        if vocabulary_size is not None and vocabulary_size < 1:
            raise ValueError(f"`vocabulary_size` has to be at least 1, but is {vocabulary_size}")
        self.view = view
        self.vocabulary_size = vocabulary_size
        self._recorder = TraceRecorder() if trace else None
        self._call = ServedCall()
        self._last: Tensor | None = None  # the ids of the last direct call
        self._prompt_length = self._length = 0

    @property
    def step(self) -> int:
        """How many tokens have been generated so far, 0 while the first is scored."""
        return self._length - self._prompt_length

    @abstractmethod
    def combine(self, main: Tensor, contrast: Tensor) -> Tensor:
        """The method's rule: `[rows, vocab]` scores from two `[rows, vocab]` views."""

    def reference(self, main: Tensor, contrast: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """What the view's answer means for these rows: logits `[rows, vocab]`, and the method's coefficients
        `[rows]`."""
        return contrast, {}

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The contrastive log-probabilities `[rows, vocab]` after `input_ids` `[rows, length]`.

        Raises:
            ValueError: The views do not fit: rows, vocabulary, NaN, a row without an allowed token; or the loop that
                calls cannot be followed.
        """
        generation = calling_generation()
        first = self._call.begins(generation)
        self._count(input_ids, first, direct=generation is None)
        if first:
            refuse_unfollowable(type(self).__name__)
            if self._recorder is not None:
                self._recorder.begin(input_ids)
        with torch.no_grad():
            contrast = self.view.logits(input_ids, generation).to(scores.device)
            main, contrast = self._aligned(scores, contrast)
            if first:
                _check(main, contrast)
            contrast, coefficients = self.reference(main, contrast)
            combined = self.combine(main, contrast)
            if self.normalised:
                combined = combined.log_softmax(-1)
            if self._recorder is not None:
                self._recorder.record(
                    input_ids, main=main, contrast=contrast, combined=combined, coefficients=coefficients
                )
        return self._widened(combined, scores)

    def trace(self, sequences: Tensor) -> Trace:
        """What was recorded for the tokens of the last `generate()` call.

        Args:
            sequences: What that call returned, `[rows, prompt + new tokens]`, or the dictionary around it.

        Raises:
            ValueError: The processor was made without `trace=True`, has not run, or ran under beam search.
        """
        if self._recorder is None:
            raise ValueError(f"`trace` has to be True when {type(self).__name__} is made, but is False")
        return self._recorder.trace(getattr(sequences, "sequences", sequences))

    def reset(self) -> None:
        """Forget the last sequence and free its cache. Not needed between `generate()` calls."""
        self.view.reset()
        self._last = None

    def _count(self, ids: Tensor, first: bool, *, direct: bool) -> None:
        # All that a direct call has to tell whether it goes on is its ids: those of the last one, with one more.
        goes_on = direct and self._last is not None and torch.equal(ids[:, :-1], self._last)
        if first and not goes_on:
            self._prompt_length = ids.shape[1]
        self._length, self._last = ids.shape[1], ids if direct else None

    def _aligned(self, main: Tensor, contrast: Tensor) -> tuple[Tensor, Tensor]:
        size = self.vocabulary_size
        if size is not None:
            main, contrast = main[:, :size], contrast[..., :size]
        if main.shape[-1] != contrast.shape[-1]:
            raise ValueError(
                f"the views have to share one vocabulary, but the main one has {main.shape[-1]} logits and the "
                f"contrast {contrast.shape[-1]}. If only padding differs, pass vocabulary_size=len(tokenizer)"
            )
        return main, contrast

    def _widened(self, combined: Tensor, scores: Tensor) -> Tensor:
        missing = scores.shape[-1] - combined.shape[-1]
        return torch.nn.functional.pad(combined, (0, missing), value=-torch.inf) if missing else combined


def _check(main: Tensor, contrast: Tensor) -> None:
    for name, view in (("main", main), ("contrast", contrast)):
        if bool(view.isnan().any()):
            raise ValueError(f"the logits of the {name} view have to be numbers, but hold NaN")
    if bool((main == -torch.inf).all(-1).any()):
        raise ValueError("the main view has to allow at least one token a row, but masks a whole row with -inf")
