"""Hidden states of a model's own layers, taken from the forward that runs anyway.

Early exits and layer contrasts need the main model's hidden states at the last position. `generate()` does not hand
them to a processor; a forward hook on the layers sees them at no cost, for the rows and in the order in which they are
about to be scored, whatever beam search did to them.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from transformers import LogitsProcessorList, PreTrainedModel, UnbatchedClassifierFreeGuidanceLogitsProcessor

from .unwrap_model import eval_mode, unwrap_model

NORMS = ("norm", "ln_f", "final_layernorm", "final_layer_norm", "final_norm", "norm_f")

_unseen: ContextVar[bool] = ContextVar("counterfoil_unseen_by_taps", default=False)


@contextmanager
def ignored_by_hooks() -> Iterator[None]:
    """Forwards in this block are another view's: taps on the same model let them pass."""
    token = _unseen.set(True)
    try:
        yield
    finally:
        _unseen.reset(token)


def number_of_layers(model: PreTrainedModel) -> int:
    """How many decoder layers a model has."""
    return len(_layers(model))


class HiddenStateHook:
    """Keeps the last position's hidden state of some layers of `model`, from the latest forward in this thread.

    The hooks go when the tap does.

    Args:
        model: A decoder-only model.
        layers: Which, each once: 0 is the embeddings, j the output of the j-th layer, as in `output_hidden_states`.
    """

    def __init__(self, model: PreTrainedModel, layers: Sequence[int]) -> None:
        modules = _layers(model)
        self.layers = tuple(layers)
        self._kept = _Kept()
        self._taken_at = self._taken_length = -1
        for layer in self.layers:
            handle = _hook(modules, layer, self._kept)
            weakref.finalize(self, handle.remove)

    def take(self, input_ids: Tensor, generation: LogitsProcessorList | None) -> list[Tensor]:
        """The hidden states `[rows, hidden]`, one a layer, of the step that scores what follows `input_ids`.

        Raises:
            ValueError: The model has not run for this step, or has run for something else in between.
        """
        if any(isinstance(p, UnbatchedClassifierFreeGuidanceLogitsProcessor) for p in generation or ()):
            raise ValueError(
                "a layer contrast cannot be combined with `guidance_scale`, whose forward of the same model comes "
                "between: generate without it"
            )
        rows, length = input_ids.shape
        states = self._kept.states
        fresh = self._kept.forwards != self._taken_at or length == self._taken_length
        if not fresh or any(layer not in states or len(states[layer]) < rows for layer in self.layers):
            raise ValueError("`model` has to be the model that generates, but its layers have not run for this step")
        self._taken_at, self._taken_length = self._kept.forwards, length
        return [states[layer][:rows] for layer in self.layers]


class _Kept(threading.local):
    """Hidden states by layer, and how many forwards there have been; each thread decodes by itself."""

    def __init__(self) -> None:
        self.states: dict[int, Tensor] = {}
        self.forwards = 0


class LogitLens:
    """Turns hidden states of an early layer into logits by the model's own output head.

    Args:
        model: A decoder-only model.
        norm: Apply the final norm first. An early exit needs it; DoLa's paper and code leave it out.

    Raises:
        ValueError: The model makes its logits in another way than by norm, head and the usual scaling: found out by
            reading one token and comparing what the last layer gives with the model's own logits.
    """

    def __init__(self, model: PreTrainedModel, *, norm: bool) -> None:
        decoder = _decoder(model)
        found = (getattr(decoder, name, None) for name in NORMS)
        self._norm = next((module for module in found if isinstance(module, nn.Module)), None)
        self._head: Any = model.get_output_embeddings()
        self._config: Any = model.config.get_text_config(decoder=True)
        self._refuse_if_unlike(model)
        if not norm:
            self._norm = None

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

    @torch.no_grad()
    def _refuse_if_unlike(self, model: Any) -> None:  # noqa: ANN401
        last: list[Tensor] = []
        here = threading.get_ident()  # another thread may be decoding with the model just now

        def keep(_: nn.Module, __: Any, output: Any) -> None:  # noqa: ANN401
            if threading.get_ident() == here:
                last.append(output[0] if isinstance(output, tuple) else output)

        handle = _layers(model)[-1].register_forward_hook(keep)
        try:
            with ignored_by_hooks(), eval_mode(model):
                token = torch.ones(1, 1, dtype=torch.long, device=model.device)
                own = model(input_ids=token, use_cache=False).logits[:, -1].float().log_softmax(-1)
            ours = self(last[0][:, -1]).float().log_softmax(-1)
            off = float((ours - own).abs().max())
        except RuntimeError as error:
            off, reason = float("inf"), f" ({error})"
        else:
            reason = ""
        finally:
            handle.remove()
        if not off <= max(1e-3, 16 * torch.finfo(model.dtype).eps):
            raise ValueError(
                "`model` has to make its logits by final norm and head for a layer contrast, but "
                f"{type(model).__name__} makes them otherwise{reason}"
            )


class EarlyExit:
    """What the model would say after its first layers.

    No second copy of weights and no second forward: the hidden state is taken from the main forward, and only norm and
    head run again.

    Args:
        model: The model that generates, decoder-only.
        layer: After which layer, in [1, number of layers]; the last one is the model itself.
    """

    of_main_forward = True

    def __init__(self, model: PreTrainedModel, layer: int) -> None:
        model = unwrap_model(model, "model")
        count = number_of_layers(model)
        if isinstance(layer, bool) or not isinstance(layer, int) or not 1 <= layer <= count:
            raise ValueError(f"`layer` has to be in [1, {count}], but is {layer}")
        self._tap = HiddenStateHook(model, [layer])
        self._head = LogitLens(model, norm=True)

    def logits(self, input_ids: Tensor, generation: LogitsProcessorList | None = None) -> Tensor:
        """`[rows, vocab]` of the step whose main forward has just run."""
        return self._head(self._tap.take(input_ids, generation)[0])

    def reset(self) -> None:
        """Nothing is kept between steps."""


class CandidateLayers:
    """The candidate layers of a layer contrast, each read by the model's own output head.

    Args:
        model: The model that generates, decoder-only.
        layers: `"low"` or `"high"` for the candidates of the lower or upper half, every second layer (of more than 40
            layers the first or last 20); a list of candidates; or one layer. 0 is the embeddings, and the last layer is
            no candidate.
        norm: Apply the final norm before the head.

    Raises:
        ValueError: The model has no such layers.
    """

    of_main_forward = True

    def __init__(self, model: PreTrainedModel, layers: str | int | Sequence[int], *, norm: bool) -> None:
        self.layers = candidate_layers(model, layers)
        self.norm = norm
        self._hook = HiddenStateHook(model, self.layers)
        self._head = LogitLens(model, norm=norm)

    def logits(self, input_ids: Tensor, generation: LogitsProcessorList | None = None) -> Tensor:
        """Return `[layers, rows, vocab]` of the step whose main forward has just run."""
        return torch.stack([self._head(hidden) for hidden in self._hook.take(input_ids, generation)])

    def reset(self) -> None:
        """Nothing is kept between steps."""


def candidate_layers(model: PreTrainedModel, layers: str | int | Sequence[int]) -> tuple[int, ...]:
    """Return the layers that `layers` means for a model.

    Raises:
        ValueError: The model has no such layers.
    """
    count = number_of_layers(model)
    if isinstance(layers, str):
        # With tied embeddings the head turns the 0-th layer back into the input token: no prediction to contrast with.
        first = min(2, count - 1) if model.config.get_text_config(decoder=True).tie_word_embeddings else 0
        low = range(first, count // 2 if count <= 40 else 20, 2)
        chosen = low if layers == "low" else range(count // 2 if count <= 40 else count - 20, count, 2)
        return tuple(chosen) or (first,)
    chosen = (layers,) if isinstance(layers, int) else tuple(layers)
    if any(layer not in range(count) for layer in chosen):
        raise ValueError(f"`layers` has to be different layers in [0, {count - 1}], but is {layers!r}")
    return chosen


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


def _hook(modules: nn.ModuleList, layer: int, kept: _Kept) -> Any:  # noqa: ANN401  (torch's handle)
    hooked = weakref.ref(modules[max(layer - 1, 0)])

    def keep(module: nn.Module, hidden: Any) -> None:  # noqa: ANN401
        # A copy of the model carries this hook too; what the copy computes is not the main model's.
        if not _unseen.get() and module is hooked():
            state = hidden[0] if isinstance(hidden, tuple) else hidden
            kept.states[layer] = state[:, -1].detach().clone()  # not a view, which would keep the whole prompt's
            kept.forwards += 1

    if layer == 0:
        return modules[0].register_forward_pre_hook(
            lambda module, args, kwargs: keep(module, args[0] if args else kwargs["hidden_states"]), with_kwargs=True
        )
    return modules[layer - 1].register_forward_hook(lambda module, _, output: keep(module, output))
