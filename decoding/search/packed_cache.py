"""A key-value cache that takes k candidates for one position and keeps one of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, PretrainedConfig
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer


class KVBuffer:
    """Preallocated keys and values of many layers in one tensor, so that one copy moves all of them.

    Args:
        like: States `[batch, heads, new, head_dim]` of the first layer to be stored.
        slots: How many layers' keys or values there is room for.
        capacity: Number of columns.
    """

    def __init__(self, like: Tensor, slots: int, capacity: int) -> None:
        batch, heads, _, head_dim = like.shape
        self._states = like.new_empty((slots, batch, heads, capacity, head_dim))
        self._rows = torch.arange(batch, device=like.device)
        self._used = 0

    def allocate(self) -> int:
        """Return the next free slot."""
        if self._used == self._states.shape[0]:
            self._states = torch.cat((self._states, torch.empty_like(self._states)))
        self._used += 1
        return self._used - 1

    def columns(self, start: int, end: int) -> tuple[Tensor, ...]:
        """Return views `[batch, heads, end - start, head_dim]`, one for each allocated slot."""
        return self._states[: self._used, :, :, start:end].unbind(0)

    def view(self, slot: int, start: int, end: int) -> Tensor:
        """Return the view `[batch, heads, end - start, head_dim]` of one slot."""
        return self._states[slot, :, :, start:end]

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` columns and keep what is stored."""
        slots, batch, heads, used, head_dim = self._states.shape
        grown = self._states.new_empty((slots, batch, heads, capacity, head_dim))
        grown[:, :, :, :used] = self._states
        self._states = grown

    def move_to_front(self, start: int, end: int) -> None:
        """Copy columns `start` to `end` to the beginning; the two ranges must not overlap."""
        self._states[:, :, :, : end - start] = self._states[:, :, :, start:end]

    def keep(self, at: int, chosen: Tensor) -> None:
        """Copy column `at + chosen[row]` of each row to column `at`.

        Args:
            at: The first candidate's column.
            chosen: `[batch]` index of the candidate to keep in each row.
        """
        used = self._states[: self._used]
        kept = used[:, self._rows, :, chosen.to(used.device) + at]
        used[:, :, :, at] = kept.transpose(0, 1)


Slot = tuple[KVBuffer, int]


class LayerGroup:
    """The buffers of all layers with the same window; they fill, slide and grow together.

    Args:
        window: Width of the sliding window, or None for full attention.
        layers: Number of layers in this group.
        budget: Columns to reserve beyond the prompt.
    """

    def __init__(self, window: int | None, layers: int, budget: int) -> None:
        self.reach = None if window is None else window - 1
        self.stored = 0
        self.buffers: dict[tuple[object, ...], KVBuffer] = {}
        self._layers, self._budget = layers, budget
        self._capacity = 0

    def allocate(self, states: Tensor, paired: Tensor, columns: int) -> Slot:
        """Return a slot for a layer's keys or values.

        Args:
            states: The first keys (or values) of the layer.
            paired: Its values (or keys), which share the buffer if they have the same shape.
            columns: How many columns of the prompt will be stored.
        """
        if not self._capacity:
            # Twice the window lets a full buffer slide to its front without overlap, once every window.
            most = columns + self._budget
            self._capacity = most if self.reach is None else min(most, 2 * self.reach + self._budget)
        shape = (states.shape[1], states.shape[3], states.dtype, states.device)
        if shape not in self.buffers:
            slots = self._layers * (2 if paired.shape == states.shape else 1)
            self.buffers[shape] = KVBuffer(states, slots, self._capacity)
        return self.buffers[shape], self.buffers[shape].allocate()

    @property
    def first_visible(self) -> int:
        """Return the first stored column that the next token attends to."""
        return 0 if self.reach is None else max(0, self.stored - self.reach)

    def reserve(self, end: int) -> None:
        """Grow until there are `end` columns."""
        if end > self._capacity:
            self._capacity = end + max(self._budget, end // 2)
            for buffer in self.buffers.values():
                buffer.grow(self._capacity)

    def make_room(self, columns: int) -> None:
        """Find room for more columns: by sliding if there is a window, else by growing."""
        full = self.stored + columns > self._capacity
        if full and self.reach is not None and self.stored >= 2 * self.reach:
            for buffer in self.buffers.values():
                buffer.move_to_front(self.first_visible, self.stored)
            self.stored = self.reach
        self.reserve(self.stored + columns)


class PackedLayer(DynamicLayer):
    """One layer of a `PackedCache`. It stores the prompt; the cache itself runs the packed steps."""

    def __init__(self, group: LayerGroup) -> None:
        super().__init__()
        self.is_sliding = group.reach is not None
        self.seen = 0
        self.stored = 0
        self.slots: tuple[Slot, Slot] | None = None
        self.group = group

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Allocate slots for keys and values."""
        self.dtype, self.device = key_states.dtype, key_states.device
        columns = key_states.shape[2] if self.group.reach is None else min(key_states.shape[2], self.group.reach)
        self.slots = (
            self.group.allocate(key_states, value_states, columns),
            self.group.allocate(value_states, key_states, columns),
        )
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        """Store the keys and values of a prompt or of a chunk of it; return all that its tokens may attend to."""
        del args, kwargs
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.seen += key_states.shape[2]
        if self.group.reach is None:
            return self._append(key_states, value_states)
        return self._slide(key_states, value_states, self.group.reach)

    def _append(self, key_states: Tensor, value_states: Tensor) -> tuple[Tensor, Tensor]:
        start, self.stored = self.stored, self.seen
        self.group.reserve(self.seen)
        return self._write(start, key_states, which=0), self._write(start, value_states, which=1)

    def _slide(self, key_states: Tensor, value_states: Tensor, reach: int) -> tuple[Tensor, Tensor]:
        # The prompt's own tokens attend to more than what is kept of them, so the states are returned as they came.
        both = []
        stored = min(self.stored + key_states.shape[2], reach)
        self.group.reserve(stored)
        for which, states in enumerate((key_states, value_states)):
            assert self.slots is not None
            buffer, slot = self.slots[which]
            earlier = buffer.view(slot, 0, self.stored)
            whole = torch.cat((earlier, states), dim=2) if self.stored else states
            buffer.view(slot, 0, stored).copy_(whole[:, :, whole.shape[2] - stored :])
            both.append(whole)
        self.stored = stored
        return both[0], both[1]

    def _write(self, start: int, states: Tensor, *, which: int) -> Tensor:
        assert self.slots is not None
        buffer, slot = self.slots[which]
        buffer.view(slot, start, self.stored).copy_(states)
        return buffer.view(slot, 0, self.stored)

    def get_seq_length(self) -> int:
        """Return the number of tokens seen."""
        return self.seen

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return length and offset of what new tokens of a prompt attend to."""
        visible = self.seen if self.group.reach is None else min(self.seen, self.group.reach)
        return visible + query_length, self.seen - visible


class PackedCache(Cache):
    """A preallocated cache for packed steps.

    The prompt is read as with any cache. Then a step is `begin_step()`, one forward over `width` candidates, and
    `end_step(chosen)`: one copy keeps the chosen candidate's column in all layers and drops the others.

    Args:
        config: The decoder's configuration, which tells full from sliding layers.
        width: Candidates per row.
        budget: Columns to reserve beyond the prompt; the cache grows when they run out.

    Raises:
        ValueError: A layer is neither full nor sliding-window attention.
    """

    def __init__(self, config: PretrainedConfig, width: int, budget: int) -> None:
        windows = [_window(layer) for layer in DynamicCache(config=config).layers]
        groups = {window: LayerGroup(window, windows.count(window), budget + width) for window in windows}
        super().__init__(layers=[PackedLayer(groups[window]) for window in windows])
        self._groups = list(groups.values())
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
        """Store new keys and values `[batch, heads, new, head_dim]`; return all that the new tokens attend to."""
        if self._step is None:
            return self._packed_layers()[layer_idx].update(key_states, value_states, *args, **kwargs)
        new_keys, new_values, keys, values = self._step[layer_idx]
        new_keys.copy_(key_states)
        new_values.copy_(value_states)
        return keys, values

    def begin_step(self) -> None:
        """Make room for the candidates of a step."""
        columns: dict[object, tuple[tuple[Tensor, ...], tuple[Tensor, ...]]] = {}
        for group in self._groups:
            if not group.stored:
                group.stored = next(layer.stored for layer in self._packed_layers() if layer.group is group)
            group.make_room(self._width)
            start, end = group.stored, group.stored + self._width
            for buffer in group.buffers.values():
                columns[buffer] = buffer.columns(start, end), buffer.columns(group.first_visible, end)
        self._step = []
        for layer in self._packed_layers():
            assert layer.slots is not None
            (key_buffer, key), (value_buffer, value) = layer.slots
            new_keys, keys = columns[key_buffer]
            new_values, values = columns[value_buffer]
            self._step.append((new_keys[key], new_values[value], keys[key], values[value]))

    def end_step(self, chosen: Tensor) -> None:
        """End a step: candidate `chosen[row]`, `[batch]`, becomes the token of this position."""
        self._step = None
        for group in self._groups:
            for buffer in group.buffers.values():
                buffer.keep(group.stored, chosen)
            group.stored += 1
        for layer in self._packed_layers():
            layer.seen += 1

    def visible(self, layer_index: int) -> int:
        """Return how many earlier columns the candidates of the current step attend to in a layer."""
        group = self._packed_layers()[layer_index].group
        return group.stored - group.first_visible

    def fill(self, dynamic: DynamicCache) -> None:
        """Give all but the last token to an empty `DynamicCache`, as `generate()` leaves one; no copy is made."""
        for mine, theirs in zip(self._packed_layers(), dynamic.layers, strict=True):
            assert mine.slots is not None
            assert isinstance(theirs, DynamicLayer)
            mine.group.stored -= 1
            start, end = mine.group.first_visible, mine.group.stored
            mine.group.stored += 1
            keys, values = (buffer.view(slot, start, end) for buffer, slot in mine.slots)
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
