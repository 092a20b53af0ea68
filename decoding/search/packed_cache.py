"""A key-value cache that takes k candidates for one position and keeps one of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, PretrainedConfig
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from .shelf import Place, Shelf


class PackedLayer(DynamicLayer):
    """One layer of a `PackedCache`: it reads the prompt; the packed steps are the cache's own affair."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__()
        self.is_sliding = shelf.reach is not None
        self.seen = 0
        self.stored = 0
        self.places: tuple[Place, Place] | None = None
        self.shelf = shelf

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Takes places for keys and values."""
        self.dtype, self.device = key_states.dtype, key_states.device
        columns = key_states.shape[2] if self.shelf.reach is None else min(key_states.shape[2], self.shelf.reach)
        self.places = (
            self.shelf.place(key_states, value_states, columns),
            self.shelf.place(value_states, key_states, columns),
        )
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        """Stores the keys and values of a prompt, or of a part of it, and returns all that its tokens may see."""
        del args, kwargs
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.seen += key_states.shape[2]
        if self.shelf.reach is None:
            return self._append(key_states, value_states)
        return self._slide(key_states, value_states, self.shelf.reach)

    def _append(self, key_states: Tensor, value_states: Tensor) -> tuple[Tensor, Tensor]:
        start, self.stored = self.stored, self.seen
        self.shelf.reserve(self.seen)
        return self._write(start, key_states, show_from=0), self._write(start, value_states, show_from=0, which=1)

    def _slide(self, key_states: Tensor, value_states: Tensor, reach: int) -> tuple[Tensor, Tensor]:
        # The prompt's own tokens see more than what is kept of them, hence the states are returned as they came.
        both = []
        stored = min(self.stored + key_states.shape[2], reach)
        self.shelf.reserve(stored)
        for which, states in enumerate((key_states, value_states)):
            assert self.places is not None
            slab, place = self.places[which]
            earlier = slab.view(place, 0, self.stored)
            whole = torch.cat((earlier, states), dim=2) if self.stored else states
            slab.view(place, 0, stored).copy_(whole[:, :, whole.shape[2] - stored :])
            both.append(whole)
        self.stored = stored
        return both[0], both[1]

    def _write(self, start: int, states: Tensor, *, show_from: int, which: int = 0) -> Tensor:
        assert self.places is not None
        slab, place = self.places[which]
        slab.view(place, start, self.stored).copy_(states)
        return slab.view(place, show_from, self.stored)

    def get_seq_length(self) -> int:
        """Tokens seen."""
        return self.seen

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Length and offset of what new tokens of a prompt see."""
        visible = self.seen if self.shelf.reach is None else min(self.seen, self.shelf.reach)
        return visible + query_length, self.seen - visible


class PackedCache(Cache):
    """A preallocated cache for packed steps.

    The prompt is read as with any cache. Then a step is `open()`, one forward over `width` candidates, and
    `keep(chosen)`: the chosen candidate's column stays, in all layers with one copy, and the others are forgotten.

    Args:
        config: The decoder's configuration, which tells full from sliding layers.
        width: Candidates a row.
        budget: Columns to reserve beyond the prompt; more are taken when they run out.

    Raises:
        ValueError: If a layer is neither full nor sliding-window attention.
    """

    def __init__(self, config: PretrainedConfig, width: int, budget: int) -> None:
        plan = DynamicCache(config=config).layers
        windows = [_window(layer) for layer in plan]
        shelves = {window: Shelf(window, windows.count(window), budget + width) for window in windows}
        super().__init__(layers=[PackedLayer(shelves[window]) for window in windows])
        self._shelves = list(shelves.values())
        self._width = width
        self._step: list[tuple[Tensor, Tensor, Tensor, Tensor]] | None = None

    def update(
        self,
        key_states: Tensor,
        value_states: Tensor,
        layer_idx: int,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> tuple[Tensor, Tensor]:
        """Stores new keys and values `[batch, heads, new, head_dim]` and returns all that the new tokens see."""
        if self._step is None:
            return self._packed_layers()[layer_idx].update(key_states, value_states, *args, **kwargs)
        new_keys, new_values, keys, values = self._step[layer_idx]
        new_keys.copy_(key_states)
        new_values.copy_(value_states)
        return keys, values

    def open(self) -> None:
        """Makes room for the candidates of a step."""
        columns: dict[object, tuple[tuple[Tensor, ...], tuple[Tensor, ...]]] = {}
        for shelf in self._shelves:
            if not shelf.stored:
                shelf.stored = next(layer.stored for layer in self._packed_layers() if layer.shelf is shelf)
            shelf.make_room(self._width)
            start, end = shelf.stored, shelf.stored + self._width
            for slab in shelf.slabs.values():
                columns[slab] = slab.columns(start, end), slab.columns(shelf.first_visible, end)
        self._step = []
        for layer in self._packed_layers():
            assert layer.places is not None
            (key_slab, key), (value_slab, value) = layer.places
            new_keys, keys = columns[key_slab]
            new_values, values = columns[value_slab]
            self._step.append((new_keys[key], new_values[value], keys[key], values[value]))

    def keep(self, chosen: Tensor) -> None:
        """Ends a step: candidate `chosen[row]` becomes the token of this position."""
        self._step = None
        for shelf in self._shelves:
            for slab in shelf.slabs.values():
                slab.keep(shelf.stored, chosen)
            shelf.stored += 1
        for layer in self._packed_layers():
            layer.seen += 1

    def visible(self, layer_index: int) -> int:
        """How many earlier columns the candidates see in a layer, while a step is open."""
        shelf = self._packed_layers()[layer_index].shelf
        return shelf.stored - shelf.first_visible

    def fill(self, dynamic: DynamicCache) -> None:
        """Hands all but the last token over to an empty `DynamicCache`, as `generate()` leaves one; no copy is made."""
        for mine, theirs in zip(self._packed_layers(), dynamic.layers, strict=True):
            assert mine.places is not None
            assert isinstance(theirs, DynamicLayer)
            mine.shelf.stored -= 1
            start, end = mine.shelf.first_visible, mine.shelf.stored
            mine.shelf.stored += 1
            keys, values = (slab.view(place, start, end) for slab, place in mine.places)
            theirs.lazy_initialization(keys, values)
            theirs.keys, theirs.values = keys, values
            if isinstance(theirs, DynamicSlidingWindowLayer):
                theirs.cumulative_length = mine.seen - 1

    def _packed_layers(self) -> list[PackedLayer]:
        return self.layers  # pyright: ignore[reportReturnType]


def _window(layer: object) -> int | None:
    if type(layer) is DynamicLayer:
        return None
    if type(layer) is DynamicSlidingWindowLayer:
        return layer.sliding_window
    raise ValueError(f"the model caches its layers as {type(layer).__name__}")
