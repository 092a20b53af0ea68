"""What a processor is not told, read off the `generate()` call that is running.

A logits processor gets ids and scores and nothing else: not that a new call has begun, nor that one has ended, nor
which tokens of the prompt are padding. Guessing these from the ids fails exactly where it hurts (a prompt that happens
to continue the last output, a pad token that also begins texts), and a wrong guess is silent. All of it stands in the
frames that are calling us, and this module is the one place that looks there:

* `generate()` makes one `LogitsProcessorList` a call and calls every processor through it: that list *is* the call;
* the decoding loop that calls the list keeps the model's inputs, with the attention mask, in `model_kwargs`;
* `generate()` itself holds the streamer and the assistant, which it does not hand to a `custom_generate` callable.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

from torch import Tensor
from transformers import GenerationMixin, LogitsProcessorList

ASSISTED = (
    "assisted decoding (assistant_model, prompt_lookup_num_tokens) scores several tokens a step and takes some back; "
    "generate without it"
)
UNFOLLOWABLE: Mapping[str, str] = {"_assisted_decoding": ASSISTED}

_PROCESSORS_CALL = LogitsProcessorList.__call__.__code__
_generate: Any = vars(GenerationMixin)["generate"]
_GENERATE = getattr(_generate, "__wrapped__", _generate).__code__  # under its no_grad decorator


def calling_generation() -> LogitsProcessorList | None:
    """The list through which `generate()` is calling processors; `None` outside of one."""
    frame = _processors_frame()
    return None if frame is None else frame.f_locals.get("self")


def main_attention_mask(length: int) -> tuple[bool, Tensor | None]:
    """Which of the main sequence's first `length` columns are tokens, as far as the decoding loop that calls tells.

    Returns:
        Whether it tells, and the mask `[rows, length]`, or `None` for a prompt without padding.
    """
    frame = _processors_frame()
    state = None if frame is None or frame.f_back is None else frame.f_back.f_locals.get("model_kwargs")
    if not isinstance(state, dict) or "attention_mask" not in state:
        return False, None
    mask = state["attention_mask"]
    if mask is None:
        return True, None
    fits = isinstance(mask, Tensor) and mask.dim() == 2 and mask.shape[1] >= length
    return fits, mask[:, :length] if fits else None


def argument_of_generate(name: str) -> Any:  # noqa: ANN401
    """An argument of the `generate()` call that is running, `None` outside of one."""
    return next((frame.f_locals.get(name) for frame in _frames() if frame.f_code is _GENERATE), None)


class ServedCall:
    """Remembers which `generate()` call is being served, and learns when it is over.

    Args:
        forget: Called when the call has returned or raised: nobody can continue it then. Held weakly.
    """

    def __init__(self, forget: Callable[[], None] | None = None) -> None:
        self._forget = weakref.WeakMethod(forget) if forget is not None else None
        self._call: weakref.ref[LogitsProcessorList] | None = None

    def begins(self, call: LogitsProcessorList | None) -> bool:
        """Whether this is another call than at the last time of asking; a direct call (`None`) always is."""
        known = call is not None and self._call is not None and self._call() is call
        if not known:
            self._call = None if call is None else weakref.ref(call, self._over)
        return not known

    def _over(self, _: object) -> None:
        if self._forget is not None and (forget := self._forget()) is not None:
            forget()


def refuse_unfollowable(processor: str, also: Mapping[str, str] | None = None) -> None:
    """Raise where the loop that is running cannot be followed by a second view.

    Args:
        processor: Who refuses.
        also: Further functions that must not be running, with the reason and the remedy.

    Raises:
        ValueError: Assisted decoding, or one of `also`; with the remedy.
    """
    unfollowable = {**UNFOLLOWABLE, **(also or {})}
    for frame in _frames():
        if (reason := unfollowable.get(frame.f_code.co_name)) is not None:
            raise ValueError(f"{processor} cannot follow this call: {reason}.")


def _processors_frame() -> FrameType | None:
    return next((frame for frame in _frames() if frame.f_code is _PROCESSORS_CALL), None)


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back
