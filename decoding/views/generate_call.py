"""The generation that a processor is called for: where it began, what its prompts are, whether it can be followed.

A logits processor is given ids and scores and nothing else: not that a new generation has begun, nor that one is over,
nor which tokens of the prompt are padding. Guessing these from the ids fails silently, for example on a prompt that
continues the last output. The forwards of the generating model tell: each generation runs on a cache of its own.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeVar
from weakref import WeakSet

import torch
from torch import Tensor
from transformers import LogitsProcessorList, PreTrainedModel

from .calling_frames import calling_processors, generate_argument, running_loops
from .forward_recorder import ForwardRecorder, Reading
from .unwrap_model import unwrap_model

ASSISTED = (
    "assisted decoding (assistant_model, prompt_lookup_num_tokens) scores several tokens a step and takes some back; "
    "generate without it"
)
INTERLEAVED = (
    "another generation has come between its steps; for generations that take turns, make a processor for each of them"
)
T = TypeVar("T")


class Generation:
    """One run of a decoding loop, from its prompts to its last token, and what is kept for it.

    Attributes:
        prompt_length: Columns of the main ids at the first step.
        prompt_mask: `[rows, prompt_length]`, 1 at the tokens of the main prompts; `None` if the model's forward was not
            seen.
        length: Columns of the main ids at the current step.
        is_first: Whether the current step is the first.
        in_generate: Whether `generate()` runs it, and not another loop.
        keeps_rows: Whether the loop that runs it is known to leave every row in its place, as sampling does. What rows
            were at the last step must not be compared then, which would make each step wait for the device.
        reading: What the main model has read for the current step; `None` if its forward was not seen.
        ending_tokens: The tokens that end a row, and the one that pads it then.
    """

    def __init__(self, ids: Tensor, processors: LogitsProcessorList | None, reading: Reading | None) -> None:
        self.prompt_length = self.length = ids.shape[1]
        self.prompt_mask = None if reading is None else reading.padding_mask(ids)
        self.is_first = True
        self.in_generate = processors is not None
        self.keeps_rows = False
        self.ending_tokens: frozenset[int] = frozenset()
        self.reading = reading
        self._states: dict[object, Any] = {}
        self._processors = None if processors is None else weakref.ref(processors, _ending(self))
        self._cache: weakref.ref[Any] | None = None
        self._serial = 0
        self._follow(ids, reading)

    @property
    def step(self) -> int:
        """Return how many tokens have been generated; 0 while the first is scored."""
        return self.length - self.prompt_length

    @property
    def processors(self) -> LogitsProcessorList | None:
        """Return the list through which `generate()` calls; `None` in another loop, and after `generate()`."""
        return None if self._processors is None else self._processors()

    @property
    def cache(self) -> object | None:
        """Return the main model's cache; `None` if there is none, or none any more."""
        return None if self._cache is None else self._cache()

    @property
    def is_over(self) -> bool:
        """Return whether the `generate()` call has returned or raised. Another loop does not say when it is over."""
        return self.in_generate and self.processors is None

    def state(self, owner: object, make: Callable[[], T]) -> T:
        """Return what `owner` keeps for this generation; `make` makes it at the first request.

        It is dropped when `generate()` ends; in another loop, with the main model's cache.
        """
        if owner not in self._states:
            self._states[owner] = make()
        return self._states[owner]

    def ended(self, ids: Tensor) -> Tensor:
        """Return which rows of `ids` `[rows, length]` have ended and are padded, `[rows]`: nobody reads on there."""
        new = ids[:, self.prompt_length :]
        if not self.ending_tokens or not new.shape[1]:
            return ids.new_zeros(len(ids), dtype=torch.bool)
        return torch.isin(new[:, -1], torch.tensor(sorted(self.ending_tokens), device=ids.device))

    def end(self) -> None:
        """Drop everything that is kept for this generation."""
        self._states.clear()
        self._ids = self.reading = self.prompt_mask = None

    def advance(self, ids: Tensor, reading: Reading | None) -> Self:
        """Go on to the step that scores what follows `ids` `[rows, length]`."""
        if reading is not None or ids.shape[1] != self.length:
            self.reading = reading
        self.is_first = False
        self.length = ids.shape[1]
        self._follow(ids, reading)
        return self

    def continued_by(self, ids: Tensor) -> bool:
        """Return whether `ids` are those of the last step with one more token in each row."""
        last = self._ids
        return last is not None and ids.shape == (len(last), last.shape[1] + 1) and torch.equal(ids[:, :-1], last)

    def has_restarted(self, reading: Reading, ids: Tensor) -> bool:
        """Return whether the forward that has read the last columns of `ids` began on a cache that was emptied."""
        if reading.started > self._serial and reading.total >= ids.shape[1]:
            return True
        return ids.shape[1] <= self.length and reading.matching_columns(ids) == ids.shape[1]

    def agrees_with(self, reading: Reading, ids: Tensor) -> bool:
        """Return whether the main model has read as many columns since the last step as the ids have grown by."""
        if self._read is None or reading.total - self._read == ids.shape[1] - self.length:
            return True
        # Some families are given the whole sequence at every step and skip what is in their cache.
        return reading.matching_columns(ids) == ids.shape[1]

    def _follow(self, ids: Tensor, reading: Reading | None) -> None:
        self._ids: Tensor | None = ids
        self._read = None if reading is None else reading.total
        if reading is None:
            return
        self._serial = reading.serial
        cache = reading.live_cache
        if cache is not None and cache is not self.cache:
            self._cache = weakref.ref(cache, None if self.in_generate else _ending(self))


class GenerateCall:
    """Recognises the generation of each call of a processor, for each thread apart.

    A generation is recognised by the main model's cache; without one, by the list through which `generate()` calls.
    Outside of `generate()` and without a cache there are only the ids: those of the last step with one more token
    continue it, all others begin a generation.

    A copy follows the same model, and no generation yet.

    Args:
        model: The model that generates.
        name: Who is called, for the messages.
        refused: By the name of a decoding loop of transformers, why it cannot be followed and what to do instead.
    """

    def __init__(self, model: PreTrainedModel, name: str, refused: Mapping[str, str] | None = None) -> None:
        self.model = unwrap_model(model, "model")
        self._name = name
        self._refused = {"_assisted_decoding": ASSISTED, **(refused or {})}
        self._recorder = ForwardRecorder.of(self.model)
        self._thread = _Thread()
        self._thread.serial = self._recorder.serial  # earlier forwards are none of ours

    @property
    def current(self) -> Generation | None:
        """Return the generation of this thread's last call."""
        return self._thread.generations[-1] if self._thread.generations else None

    def generation(self, ids: Tensor) -> Generation | None:
        """Return the generation whose next token is to be scored, advanced to this step.

        Args:
            ids: `[rows, length]`, the whole main sequences so far.

        Returns:
            The generation; `None` in a draft of assisted decoding, which is refused as soon as it is verified: an error
            within it would leave the model with the few layers that transformers drafts with.

        Raises:
            ValueError: The loop that calls cannot be followed; the message says what to do.
        """
        thread = self._thread
        readings = self._recorder.since(thread.serial)
        thread.serial, before = self._recorder.serial, thread.serial
        thread.generations = [generation for generation in thread.generations if not generation.is_over]
        if (known := self._known_by_cache(ids, readings)) is not None:
            return known
        # Without a cache of its own in the latest forward: it begins, or runs without a cache, or another one runs in
        # between.
        processors = calling_processors()
        if processors is not None:
            known = self._known_by_processors(ids, readings, processors)
        else:
            known = self._known_by_ids(ids, readings, before)
        if known is not None:
            return known
        loops = running_loops()
        if "_assisted_decoding" in loops[1:]:
            return None
        return self._begin(ids, readings, processors, loops)

    def reset(self) -> None:
        """Forget this thread's generations."""
        for generation in self._thread.generations:
            generation.end()
        self._thread.generations = []

    def _known_by_cache(self, ids: Tensor, readings: Sequence[Reading]) -> Generation | None:
        if not readings:
            return None
        latest = readings[0]
        generation = next((one for one in self._thread.generations if latest.is_on(one.cache)), None)
        if generation is None or generation.has_restarted(latest, ids):
            return None
        # Another loop may run the forwards of several prompts before it calls.
        if generation.in_generate or len(readings) == 1 or generation.continued_by(ids):
            return self._advanced(generation, ids, latest)
        return None

    def _known_by_processors(
        self, ids: Tensor, readings: Sequence[Reading], processors: LogitsProcessorList
    ) -> Generation | None:
        for generation in self._thread.generations:
            if generation.processors is processors:
                reading = next((reading for reading in readings if reading.is_on(generation.cache)), None)
                if reading is not None:
                    return self._advanced(generation, ids, reading)
                return generation.advance(ids, readings[0] if len(readings) == 1 else _that_read(ids, readings))
        return None

    def _known_by_ids(self, ids: Tensor, readings: Sequence[Reading], before: int) -> Generation | None:
        last, reading = self.current, _that_read(ids, readings)
        cache = None if reading is None else reading.live_cache
        if last is not None and not last.in_generate and last.continued_by(ids):
            # A forward on an empty cache begins a generation; one without a cache does if the last one had a cache.
            begins = reading is not None and last.has_restarted(reading, ids) and (cache or last.cache) is not None
            return None if begins else last.advance(ids, reading)
        if reading is None or cache is None or cache not in self._thread.left:
            return None
        if reading.started > before or reading.matching_columns(ids) == ids.shape[1]:
            return None
        raise self._refusal(INTERLEAVED)

    def _advanced(self, generation: Generation, ids: Tensor, reading: Reading) -> Generation:
        if not generation.agrees_with(reading, ids):
            raise self._refusal(ASSISTED)
        return generation.advance(ids, reading)

    def _begin(
        self, ids: Tensor, readings: Sequence[Reading], processors: LogitsProcessorList | None, loops: Sequence[str]
    ) -> Generation:
        for loop, reason in self._refused.items():
            if loop in loops:
                raise self._refusal(reason)
        if readings and readings[0].exceeds(ids):
            # Of the loops of generate() only assisted decoding reads ahead; in the others the model did, as XLM does.
            own = f"{type(self.model).__name__} reads tokens of its own behind those of the text"
            raise self._refusal(own if loops and "_assisted_decoding" not in loops else ASSISTED)
        thread = self._thread
        begun = Generation(ids, processors, _that_read(ids, readings))
        begun.keeps_rows = loops[:1] == ["_sample"]
        begun.ending_tokens = _ending_tokens(generate_argument("generation_config") or self.model.generation_config)
        for generation in thread.generations:
            if not generation.in_generate:
                if generation.cache is not None and generation.cache is not begun.cache:
                    thread.left.add(generation.cache)
                generation.end()
        thread.generations = [generation for generation in thread.generations if generation.in_generate] + [begun]
        return begun

    def _refusal(self, reason: str) -> ValueError:
        return ValueError(f"{self._name} cannot follow this call: {reason}.")

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return type(self)(self.model, self._name, self._refused)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.model, self._name, self._refused)


class _Thread(threading.local):
    def __init__(self) -> None:
        self.generations: list[Generation] = []  # those of generate() calls within one another; of other loops, one
        self.left: WeakSet[Any] = WeakSet()  # caches of other loops' generations that another one has replaced
        self.serial = 0


def _ending_tokens(config: Any) -> frozenset[int]:  # noqa: ANN401  (a GenerationConfig; some of its fields are lists)
    tokens: set[int] = set()
    for value in (getattr(config, "eos_token_id", None), getattr(config, "pad_token_id", None)):
        tokens.update(value if isinstance(value, list) else [] if value is None else [value])
    return frozenset(tokens)


def _that_read(ids: Tensor, readings: Sequence[Reading]) -> Reading | None:
    # Guidance reads the last token of the prompt alone: the main forward is the one that has read more.
    best = max(readings, key=lambda reading: reading.matching_columns(ids), default=None)
    return best if best is not None and best.matching_columns(ids) else None


def _ending(generation: Generation) -> Callable[[object], None]:
    known = weakref.ref(generation)

    def end(_: object) -> None:
        if (generation := known()) is not None:
            generation.end()

    return end
