"""State that some rotary embeddings keep in their modules, for each sequence apart.

Dynamic RoPE stretches its frequencies to the longest sequence that its modules have read, and leaves them so. The main
sequence and its contrast would stretch each other's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from transformers import PreTrainedModel

_STATE = ("inv_freq", "max_seq_len_cached", "attention_scaling")


def switching_rope(model: PreTrainedModel) -> list[tuple[str, int]]:
    """Return the kinds of RoPE of a model whose frequencies depend on the longest row, and from which length on."""
    config: Any = model.config.get_text_config(decoder=True)
    parameters = getattr(config, "rope_parameters", None) or {}
    each = parameters.values() if all(isinstance(value, dict) for value in parameters.values()) else [parameters]
    found = []
    for rope in each:
        kind = rope.get("rope_type")
        limit = rope.get("original_max_position_embeddings") or getattr(config, "max_position_embeddings", None)
        if kind in ("longrope", "dynamic") and limit:
            found.append((kind, limit))
    return found


class RopeState:
    """The state of one sequence's rotary embeddings.

    Args:
        model: The model that reads the sequence.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        dynamic = any(kind == "dynamic" for kind, _ in switching_rope(model))
        self._modules = [m for m in model.modules() if hasattr(m, "max_seq_len_cached")] if dynamic else []
        self._states = [_initial(module) for module in self._modules]

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Put this sequence's state into the modules for a `with` block, then what was there."""
        before = [_state(module) for module in self._modules]
        self._put(self._states)
        try:
            yield
        finally:
            self._states = [_state(module) for module in self._modules]
            self._put(before)

    def _put(self, states: list[dict[str, Any]]) -> None:
        for module, state in zip(self._modules, states, strict=True):
            for name, value in state.items():
                setattr(module, name, value)


def _state(module: nn.Module) -> dict[str, Any]:
    names = [name for name in (*vars(module), *module._buffers) if name.endswith(_STATE) and "original" not in name]
    return {name: getattr(module, name) for name in names}


def _initial(module: Any) -> dict[str, Any]:  # noqa: ANN401  (a rotary embedding)
    state = _state(module)
    for name in state:
        if name.endswith("inv_freq") and hasattr(
            module, original := f"{name.removesuffix('inv_freq')}original_inv_freq"
        ):
            state[name] = getattr(module, original).clone()
        elif name.endswith("max_seq_len_cached"):
            state[name] = module.original_max_seq_len
    return state
