"""Which `generate()` call is asking.

A logits processor is told ids and scores and nothing else: not that a new call has begun, nor that one has ended.
Guessing it from the ids fails exactly where it hurts (a prompt that happens to continue the last output), and a wrong
guess is silent. `generate()` makes one `LogitsProcessorList` a call and calls every processor through it, so that list
*is* the
call: it is what our caller has as `self`. Reading it there is the one place where this package looks at a frame.
"""

from __future__ import annotations

import sys

from transformers import LogitsProcessorList

UNFOLLOWABLE = {
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


def refuse_unfollowable(processor: str) -> None:
    """Raise where the loop that is running cannot be followed by a second view.

    Raises:
        ValueError: Assisted decoding or continuous batching; with the remedy.
    """
    frame = sys._getframe(1)
    while frame is not None:
        if (reason := UNFOLLOWABLE.get(frame.f_code.co_name)) is not None:
            raise ValueError(f"{processor} cannot follow this call: {reason}.")
        frame = frame.f_back
