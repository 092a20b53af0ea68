"""Which `generate()` call is asking.

A logits processor is told ids and scores and nothing else: not that a new call has begun, nor that one has ended.
Guessing it from the ids fails exactly where it hurts (a prompt that happens to continue the last output), and a wrong
guess is silent. `generate()` makes one `LogitsProcessorList` a call and calls every processor through it, so that list
*is* the
call: it is what our caller has as `self`. Reading it there is the one place where this package looks at a frame.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Mapping

from transformers import LogitsProcessorList

UNFOLLOWABLE: Mapping[str, str] = {
    "_assisted_decoding": (
        "assisted decoding (assistant_model, prompt_lookup_num_tokens) scores several tokens a step and takes "
        "some back; generate without it"
    ),
    "generate_batch": "continuous batching has no fixed rows to follow; use generate() with a padded batch",
}


def calling_generation() -> LogitsProcessorList | None:
    """The list through which `generate()` called the processor that calls this; `None` for a direct call.

    To be called from the processor's own `__call__`, which has to be the caller's caller.
    """
    caller = sys._getframe(2).f_locals.get("self")
    return caller if isinstance(caller, LogitsProcessorList) else None


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
        ValueError: Assisted decoding, continuous batching, or one of `also`; with the remedy.
    """
    unfollowable = {**UNFOLLOWABLE, **(also or {})}
    frame = sys._getframe(1)
    while frame is not None:
        if (reason := unfollowable.get(frame.f_code.co_name)) is not None:
            raise ValueError(f"{processor} cannot follow this call: {reason}.")
        frame = frame.f_back
