"""Hidden states of a model's own layers, taken from the forward that runs anyway.

Early exits and layer contrasts need the main model's hidden states at the last position. `generate()` does not hand
them to a processor; a forward hook on the layers sees them at no cost, for the rows and in the order in which they are
about to be scored, whatever beam search did to them.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

NORMS = ("norm", "ln_f", "final_layernorm", "final_layer_norm", "final_norm", "norm_f")

_unseen: ContextVar[bool] = ContextVar("counterfoil_unseen_by_taps", default=False)


@contextmanager
def unseen_by_taps() -> Iterator[None]:
    """Forwards in this block are another view's: taps on the same model let them pass."""
    token = _unseen.set(True)
    try:
        yield
    finally:
        _unseen.reset(token)


def number_of_layers(model: PreTrainedModel) -> int:
    """How many decoder layers a model has."""
    return len(_layers(model))


class LayerTap:
    """Keeps the last position's hidden state of some layers of `model`, from its latest forward.

    The hooks go when the tap does.

    Args:
        model: A decoder-only model.
        layers: Which: 0 is the embeddings, j the output of the j-th layer, as in `output_hidden_states`.
    """

    def __init__(self, model: PreTrainedModel, layers: Sequence[int]) -> None:
        modules = _layers(model)
        self.layers = tuple(layers)
        self._kept: dict[int, Tensor] = {}
        for layer in self.layers:
            handle = _hook(modules, layer, self._kept)
            weakref.finalize(self, handle.remove)

    def take(self, rows: int) -> list[Tensor]:
        """The hidden states `[rows, hidden]`, one a layer, of the first `rows` rows; each forward's can be taken once.

        Raises:
            ValueError: The model has not just run with so many rows.
        """
        kept = [self._kept.pop(layer, None) for layer in self.layers]
        if any(state is None or len(state) < rows for state in kept):
            raise ValueError("`model` has to be the model that generates, but its layers have not run for this step")
        return [state[:rows] for state in kept if state is not None]


class EarlyHead:
    """Turns hidden states of an early layer into logits by the model's own output head.

    Args:
        model: A decoder-only model.
        norm: Apply the final norm first. An early exit needs it; DoLa's paper and code leave it out.
    """

    def __init__(self, model: PreTrainedModel, *, norm: bool) -> None:
        decoder = _decoder(model)
        found = next(
            (getattr(decoder, name) for name in NORMS if isinstance(getattr(decoder, name, None), nn.Module)), None
        )
        if norm and found is None:
            raise ValueError(
                f"`model` has to have a final norm (one of {', '.join(NORMS)}) for an early exit, but is a "
                f"{type(model).__name__}"
            )
        self._norm = found if norm else None
        self._head: Any = model.get_output_embeddings()
        self._config: Any = model.config.get_text_config(decoder=True)

    def __call__(self, hidden: Tensor) -> Tensor:
        """Logits `[rows, vocab]` of hidden states `[rows, hidden]`."""
        logits = self._head(hidden if self._norm is None else self._norm(hidden))
        # What some families do between head and logits.
        if scale := getattr(self._config, "logit_scale", None):
            logits = logits * scale
        if divisor := getattr(self._config, "logits_scaling", None):
            logits = logits / divisor
        if cap := getattr(self._config, "final_logit_softcapping", None):
            logits = (logits / cap).tanh() * cap
        return logits


def _decoder(model: PreTrainedModel) -> nn.Module:
    if model.config.is_encoder_decoder:
        raise ValueError(f"`model` has to be decoder-only for a layer contrast, but is a {type(model).__name__}")
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else model.base_model
    return decoder if isinstance(decoder, nn.Module) else model.base_model


def _layers(model: PreTrainedModel) -> nn.ModuleList:
    count = model.config.get_text_config(decoder=True).num_hidden_layers
    for module in _decoder(model).children():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise ValueError(
        f"`model` has to keep its {count} layers in one list for a layer contrast, but is a {type(model).__name__}"
    )


def _hook(modules: nn.ModuleList, layer: int, kept: dict[int, Tensor]) -> Any:  # noqa: ANN401  (torch's handle)
    def keep(hidden: Any) -> None:  # noqa: ANN401
        if not _unseen.get():
            kept[layer] = (hidden[0] if isinstance(hidden, tuple) else hidden)[:, -1].detach()

    if layer == 0:
        return modules[0].register_forward_pre_hook(
            lambda _, args, kwargs: keep(args[0] if args else kwargs["hidden_states"]), with_kwargs=True
        )
    return modules[layer - 1].register_forward_hook(lambda _, __, output: keep(output))
