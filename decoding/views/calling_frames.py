"""The three facts about a running `generate()` call that only the calling frames hold.

Everything else comes from a hook on the generating model (:mod:`.generate_call`). A hook sees forwards, not the loop
that runs them, and cannot see:

* which loop decodes. Assisted decoding shows in the forwards at the first draft of several tokens: with prompt lookup
  on SmolLM2 that was forward 1, 1, 2, 2 and 4 of five texts, and the refusal is due before the first token;
* which list of processors calls. `generate()` makes one for each call: with `use_cache=False`, or with a cache passed
  on from call to call, nothing else tells the next step from a new call whose prompt is the last output;
* the arguments `streamer` and `assistant_model`, which `generate()` does not pass on to a `custom_generate` callable
  (if one ignored a streamer, whoever iterates over it would wait for ever), and the tokens that end a row.

Frames are read at the first step of a call, and at every step of a model that runs without a cache.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from transformers import GenerationMixin, LogitsProcessorList

_generate: Any = inspect.unwrap(vars(GenerationMixin)["generate"])  # under the decorators of torch and transformers
_GENERATE = _generate.__code__
_CALL_PROCESSORS = LogitsProcessorList.__call__.__code__
_LOOPS = {getattr(GenerationMixin, name).__code__: name for name in ("_sample", "_beam_search", "_assisted_decoding")}


def calling_processors() -> LogitsProcessorList | None:
    """Return the list through which `generate()` is calling a processor; `None` for a call from any other loop."""
    frames = _frames()
    found = next((frame for frame in frames if frame.f_code is _CALL_PROCESSORS), None)
    if found is None or not any(frame.f_code is _GENERATE or frame.f_code in _LOOPS for frame in frames):
        return None
    return found.f_locals["self"]


def running_loops() -> list[str]:
    """Return the names of transformers' decoding loops that are running and call us, the innermost first."""
    return [_LOOPS[frame.f_code] for frame in _frames() if frame.f_code in _LOOPS]


def generate_argument(name: str) -> Any:  # noqa: ANN401
    """Return an argument of the innermost `generate()` call that is running, `None` outside of one."""
    return next((frame.f_locals.get(name) for frame in _frames() if frame.f_code is _GENERATE), None)


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back
