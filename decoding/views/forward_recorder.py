"""A forward pre-hook on the generating model: what it has read, on which cache, and with which padding."""

from __future__ import annotations

import contextlib
import inspect
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.generation.utils import ALL_CACHE_NAMES

CACHE_NAME = ALL_CACHE_NAMES[0]
"""The name that attention models of this version of transformers have for their cache."""

CACHE_NAMES = tuple(dict.fromkeys([*ALL_CACHE_NAMES, "cache", "past_key_values", "cache_params"]))
"""All names that a forward has for its cache: transformers' own in this version, and those of others."""


class _Thread(threading.local):
    ignored = False


_thread = _Thread()  # not a ContextVar: torch.compile traces hooks and cannot trace one


@contextmanager
def ignored_by_hooks() -> Iterator[None]:
    """Hide the forwards of a `with` block from all hooks of this package: they belong to a contrast, not to the main
    sequence."""
    before, _thread.ignored = _thread.ignored, True
    try:
        yield
    finally:
        _thread.ignored = before


class Hook:
    """A forward hook of either kind, called with the arguments of the hook, that can be pickled along with its model.

    A copied or unpickled model is another model: the copy of the hook does nothing and needs nothing of this package.

    Args:
        module: The module that it is registered on.
        call: Called with the hook's arguments, unless the forward is one that hooks must ignore.
    """

    def __init__(self, module: nn.Module, call: Callable[..., None]) -> None:
        self._module = weakref.ref(module)
        self._call = call

    def __call__(self, module: nn.Module, *args: Any) -> None:  # noqa: ANN401
        """Pass the hook's other arguments on, if `module` is the one that the hook was made for."""
        # A shallow copy of the module shares its hooks.
        if not _thread.ignored and module is self._module():
            self._call(*args)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (contextlib.nullcontext(), "__exit__")  # of the standard library: takes all, does nothing


@dataclass(eq=False)
class Reading:
    """What the model has read on one cache, as of its latest forward.

    Attributes:
        serial: The number of that forward, among all of the model in this thread.
        started: The number of the forward that found the cache empty, 0 if none was seen.
        total: How many columns have been read on this cache since it was first seen.
        counts: Whether the cache has been seen to count its tokens.
        cache: A reference to the cache; `None` if the forward was given none.
        tokens: `[rows, new]` ids that the latest forward read, `None` if it was given embeddings.
        attention_mask: As given to the latest forward: `[rows, length]`, `None` if it was given none, and `...` if it
            was given one of another shape.
        position_ids: As given to the latest forward.
    """

    serial: int
    started: int
    total: int
    counts: bool
    cache: Callable[[], object | None] | None
    tokens: Tensor | None
    attention_mask: Any
    position_ids: Tensor | None

    @property
    def live_cache(self) -> object | None:
        """Return the cache; `None` if there was none, or is none any more."""
        return None if self.cache is None else self.cache()

    def is_on(self, cache: object | None) -> bool:
        """Return whether this was read on `cache`, which is not `None`."""
        return cache is not None and self.live_cache is cache

    def matching_columns(self, ids: Tensor) -> int:
        """Return how many of the last columns of `ids` `[rows, length]` the latest forward has read; 0 if it has read
        something else.

        A forward with further rows below those, as batched views run it, counts. Embeddings cannot be compared.
        """
        if self.tokens is None:
            return max(1, ids.shape[1])
        read = self.tokens[: len(ids), -ids.shape[1] :].to(ids.device)
        same = len(self.tokens) % len(ids) == 0 and torch.equal(read, ids[:, -read.shape[1] :])
        return read.shape[1] if same else 0

    def exceeds(self, ids: Tensor) -> bool:
        """Return whether the latest forward has read `ids` `[rows, length]` and further columns behind them."""
        if self.tokens is None or len(self.tokens) != len(ids) or self.tokens.shape[1] <= ids.shape[1]:
            return False
        return torch.equal(self.tokens[:, : ids.shape[1]].to(ids.device), ids)

    def padding_mask(self, ids: Tensor) -> Tensor | None:
        """Return which columns of `ids` `[rows, length]` the model has read as tokens, 1 for a token; `None` if the
        forward does not tell."""
        mask, positions, (rows, length) = self.attention_mask, self.position_ids, ids.shape
        if mask is None:
            return torch.ones_like(ids)
        if isinstance(mask, Tensor):
            return mask[:rows, mask.shape[1] - length :].to(ids.device) if mask.shape[1] >= length else None
        # Masks of static caches have four dimensions; the last position still tells how many tokens a row has.
        if positions is None or positions.dim() != 2:
            return None
        tokens = (positions[:rows, -1:] + 1).to(ids.device)
        return (torch.arange(length, device=ids.device) >= length - tokens).long().expand(rows, -1)


class ForwardRecorder:
    """Records the forwards of a model, for each thread apart. Get one by :meth:`of`; the hook goes when it does."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._recent = _recent.setdefault(model, _Recent(tuple(inspect.signature(model.forward).parameters)))
        handle = model.register_forward_pre_hook(Hook(model, self._recent.record), with_kwargs=True)
        weakref.finalize(self, handle.remove)

    @classmethod
    def of(cls, model: PreTrainedModel) -> ForwardRecorder:
        """Return the recorder of `model`, which all that follow it share."""
        with _lock:
            known = _recorders.get(model)
            recorder = None if known is None else known()
            if recorder is None:
                recorder = cls(model)
                _recorders[model] = weakref.ref(recorder)
            return recorder

    @property
    def serial(self) -> int:
        """Return the number of the model's latest forward in this thread."""
        return self._recent.serial

    def since(self, serial: int) -> list[Reading]:
        """Return what has been read by forwards after number `serial`, the latest first."""
        self._recent.record_traced()
        return [reading for reading in self._recent.readings if reading.serial > serial]


class _Traced:
    inputs: tuple[Any, Any, Any] | None = None


class _Recent(threading.local):
    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._traced = _Traced()
        self.serial = 0
        # A forward of guidance or of a user's own may come between a step's forward and the processors; not many do.
        self.readings: deque[Reading] = deque(maxlen=4)

    def record(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = {**dict(zip(self._names, args, strict=False)), **kwargs}
        if torch.compiler.is_compiling():
            # Compiled along with the forward. A plain assignment costs neither a graph break nor a recompilation.
            self._traced.inputs = given.get("input_ids"), given.get("attention_mask"), given.get("position_ids")
            return
        self.record_traced()
        decoder = "decoder_" if "decoder_input_ids" in self._names else ""
        tokens = given.get(f"{decoder}input_ids")
        read = given.get(f"{decoder}inputs_embeds") if tokens is None else tokens
        cache = next((given[name] for name in CACHE_NAMES if given.get(name) is not None), None)
        mask, positions = given.get(f"{decoder}attention_mask"), given.get(f"{decoder}position_ids")
        self._add(cache, tokens, 0 if read is None else read.shape[1], mask, positions)

    def record_traced(self) -> None:
        if self._traced.inputs is not None:
            (tokens, mask, positions), self._traced.inputs = self._traced.inputs, None
            self._add(None, tokens, 0 if tokens is None else tokens.shape[1], mask, positions)

    def _add(self, cache: object, tokens: Tensor | None, new: int, mask: object, positions: Tensor | None) -> None:
        known = next((reading for reading in self.readings if reading.is_on(cache)), None)
        self.serial += 1
        started, total, counts = 0, new, known is not None and known.counts
        decoding = known is not None and new == 1
        empty = cache is not None and is_empty(cache, decoding=decoding)
        # Some caches never count their tokens. One that did and is back at 0 has been emptied.
        if cache is None or (empty and (counts or not decoding)):
            started = self.serial
        elif known is not None:
            started, total, counts = known.started, known.total + new, counts or not empty
        if known is not None:
            self.readings.remove(known)
        # Other kinds of masks (four-dimensional, one for each kind of layer) are large, and nobody reads them.
        readable = mask if mask is None or (isinstance(mask, Tensor) and mask.dim() == 2) else ...
        reading = Reading(self.serial, started, total, counts, self._reference(cache), tokens, readable, positions)
        self.readings.appendleft(reading)

    def _reference(self, cache: object | None) -> Callable[[], object | None] | None:
        readings = self.readings  # of this thread; the cache may go in another

        def forget(_: object) -> None:
            for reading in [reading for reading in readings if reading.cache is not None and reading.cache() is None]:
                with contextlib.suppress(ValueError):  # another thread was faster
                    readings.remove(reading)

        try:
            return None if cache is None else weakref.ref(cache, forget)
        except TypeError:  # tuples and lists, the caches of some older architectures
            return None


_lock = threading.Lock()
_recorders: WeakKeyDictionary[PreTrainedModel, weakref.ref[ForwardRecorder]] = WeakKeyDictionary()
# Compiled code goes on writing where the first hook wrote: what has been read stays where it is from hook to hook.
_recent: WeakKeyDictionary[PreTrainedModel, _Recent] = WeakKeyDictionary()


def is_empty(cache: Any, *, decoding: bool = False) -> bool:  # noqa: ANN401  (each architecture may have its own)
    """Return whether a cache says that it holds no token; `decoding` if asking must not make a device wait."""
    if not hasattr(cache, "get_seq_length"):
        return False
    try:
        length = cache.get_seq_length()
    except ValueError:  # recurrent layers alone do not count tokens
        return not cache.has_previous_state()
    if length is None:  # Reformer's does not count
        return not len(cache)
    # A static cache counts on the device, where reading the count would make each step wait.
    if isinstance(length, Tensor) and decoding:
        return False
    return int(length) == 0
