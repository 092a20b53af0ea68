"""What the contrastive logits processors share: a view beside the main sequence, and a method that combines both."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor
from transformers import LogitsProcessor, PreTrainedModel

from ..methods.method import Method
from ..methods.parameters import Parameter
from ..views.generate_call import GenerateCall, Generation
from ..views.several_views import SeveralViews, logits_of
from .derived import described, with_parameters, without_self
from .trace import Trace, TraceRecorder


@runtime_checkable
class View(Protocol):
    """Next-token logits of the main sequence seen in another way."""

    def logits(self, input_ids: Tensor, generation: Generation) -> Tensor:
        """Return `[rows, vocab]` for main ids `[rows, length]`.

        What a view keeps from step to step belongs into `generation.state(...)`: a view may serve several generations.
        """
        ...


class ContrastLogitsProcessor(LogitsProcessor):
    """Combine the main sequence with a view of it, by any method.

    The main view is whatever the model and the processors before this one made of it, unscaled: temperature, top-k and
    top-p come after. The result is normalised to log-probabilities, which changes neither an argmax nor a sampling
    distribution and is what beam search adds up; methods whose scores are no distribution are left as they are.

    One object serves any number of `generate()` calls, also in several threads at once, and of other decoding loops. A
    hook on the generating model tells one from the next, see :mod:`counterfoil.decoding.views.generate_call`.

    A method of one's own needs no class of its own:

        processor = ContrastLogitsProcessor(model, OtherPrompt(model, contrast_inputs), MyMethod(strength=2.0))

    Args:
        model: The model that generates.
        view: The contrast, or several for a method that reads more than two views.
        method: The method that combines it with the main view.
        vocabulary_size: How many tokens the tokenizer has. Needed if the two views' logits differ in width because one
            of the models pads its vocabulary: what lies beyond is padding.
        trace: Record, for each token, its log-probability under both views; see :meth:`trace`.
    """

    supports_continuous_batching = False
    __signature__: ClassVar[inspect.Signature]
    method_class: ClassVar[type[Method]]
    """The method of a subclass whose arguments are the parameters of one method."""

    def __init__(
        self,
        model: PreTrainedModel,
        view: View | Sequence[View],
        method: Method,
        *,
        vocabulary_size: int | None = None,
        trace: bool = False,
    ) -> None:
        if vocabulary_size is not None and vocabulary_size < 1:
            raise ValueError(f"`vocabulary_size` has to be at least 1, but is {vocabulary_size}")
        views = view if isinstance(view, Sequence) else (view,)
        method.check_contrasts(len(views))
        self.view: View = SeveralViews(views, vocabulary_size) if len(views) > 1 else views[0]
        self.method = method
        self.vocabulary_size = vocabulary_size
        self._call = GenerateCall(model, type(self).__name__)
        self._recorder = TraceRecorder() if trace else None  # of the generation that began last

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401
        """Write the parameters of the method into the signature and the docstring of a class that names one."""
        super().__init_subclass__(**kwargs)
        if "method_class" in vars(cls):
            taken = cls.taken_parameters()
            cls.__signature__ = without_self(with_parameters(cls.__init__, taken))
            cls.__doc__ = described(cls.__doc__, cls.method_class, taken)

    @classmethod
    def taken_parameters(cls) -> tuple[Parameter, ...]:
        """Return the parameters of the method that are arguments of this class: those of its rule."""
        return tuple(p for p in cls.method_class.parameters() if not p.makes_contrast)

    @classmethod
    def made_method(cls, parameters: Mapping[str, Any]) -> Method:
        """Return the method with these parameters.

        Raises:
            TypeError: This class does not take a parameter of that name.
            ValueError: A parameter is out of its range.
        """
        taken = {parameter.name for parameter in cls.taken_parameters()}
        for name in parameters:
            if name not in taken:
                raise TypeError(f"{cls.__name__}() got an unexpected keyword argument {name!r}")
        return cls.method_class(**parameters)

    @property
    def step(self) -> int:
        """Return the number of tokens generated so far, 0 while the first is scored."""
        generation = self._call.current
        return 0 if generation is None else generation.step

    def combine(self, main: Tensor, contrast: Tensor) -> Tensor:
        """Return the method's scores `[rows, vocab]` at this step for two views `[rows, vocab]`."""
        return self.method.scores(main, contrast, **self._context)

    def coefficients(self, main: Tensor, contrast: Tensor) -> dict[str, Tensor]:
        """Return the method's coefficients at this step, `[rows]` by name, for what the two views answered."""
        return self.method.coefficients(main, contrast, **self._context)

    @property
    def _context(self) -> dict[str, int]:
        return {"step": self.step} if self.method.needs_step else {}

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the contrastive log-probabilities `[rows, vocab]` after `input_ids` `[rows, length]`.

        Raises:
            ValueError: The views do not fit: rows, vocabulary, NaN, a row without an allowed token; or the loop that
                calls cannot be followed.
        """
        generation = self._call.generation(input_ids)
        if generation is None:
            return scores
        with torch.no_grad():
            contrast = self.view.logits(input_ids, generation)
        return self._combined(generation, input_ids, scores, contrast)

    def with_contrasts(self, input_ids: Tensor, scores: Tensor, computed: Sequence[Tensor | None]) -> Tensor:
        """Return what a call returns, for contrast logits `[rows, vocab]` that a loop has computed by itself.

        Args:
            input_ids: `[rows, length]`.
            scores: `[rows, vocab]`, of the main view.
            computed: Those of each view, in their order; `None` for a view that is to be asked.
        """
        generation = self._call.generation(input_ids)
        if generation is None:
            return scores
        with torch.no_grad():
            contrast = logits_of(self.view, input_ids, generation, computed)
        return self._combined(generation, input_ids, scores, contrast)

    @torch.no_grad()
    def _combined(self, generation: Generation, input_ids: Tensor, scores: Tensor, contrast: Tensor) -> Tensor:
        main, contrast = self._aligned(scores, contrast.to(scores.device))
        _check(main, contrast, generation, input_ids)
        coefficients = self.coefficients(main, contrast) if self._recorder is not None else {}
        contrast = self.method.chosen(main, contrast)
        combined = self.combine(main, contrast)
        if self.method.is_distribution:
            combined = combined.log_softmax(-1)
        if self._recorder is not None:
            recorder = generation.state(
                self, lambda: TraceRecorder(generation.prompt_length, keeps_rows=generation.keeps_rows)
            )
            if generation.is_first:
                self._recorder = recorder
            recorder.record(input_ids, main=main, contrast=contrast, combined=combined, coefficients=coefficients)
        return self._widened(combined, scores)

    def trace(self, sequences: Tensor) -> Trace:
        """Return what was recorded for the tokens of the last `generate()` call.

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
        self._call.reset()

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


def _check(main: Tensor, contrast: Tensor, generation: Generation, input_ids: Tensor) -> None:
    largest = torch.stack([main.amax(-1), contrast.flatten(0, -2).amax(-1).max().expand(len(main)).to(main.dtype)])
    if bool(largest.isfinite().all()):  # one question to the device, at every step
        return
    for name, view in (("main", main), ("contrast", contrast)):
        if bool(view.isnan().any()):
            raise ValueError(f"the logits of the {name} view have to be numbers, but hold NaN")
        if bool((view == torch.inf).any()):
            raise ValueError(
                f"the logits of the {name} view have to be below +inf, but hold +inf: force a token by -inf for the "
                "others, or by a processor behind this one"
            )
    masked = (main == -torch.inf).all(-1) & ~generation.ended(input_ids)
    if bool(masked.any()):
        raise ValueError("the main view has to allow at least one token a row, but masks a whole row with -inf")
