"""Views of the main model's own earlier layers, at no forward of their own.

`generate()` does not pass hidden states to a processor. Forward hooks on the layers see them in the main forward, for
the rows that are about to be scored and in their order, whatever beam search did to them.
"""

from __future__ import annotations

import copy
import threading
import weakref
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from .forward_recorder import ForwardRecorder, Hook, ignored_by_hooks
from .generate_call import Generation
from .unwrap_model import eval_mode, input_device, unwrap_model

NORMS = (
    "norm",
    "ln_f",
    "final_layernorm",
    "final_layer_norm",
    "final_norm",
    "norm_f",
    "embedding_norm",
    "layer_norm",
    "layernorm",
)
"""Names that decoders give their final norm."""


class LayerView:
    """The logits of some layers of the model that generates: their hidden states through the model's own head.

    Args:
        model: The model that generates, decoder-only.
        layers: Each once: 0 is the embeddings, j the output of the j-th layer, as in `output_hidden_states`.
        norm: Whether to apply the model's final norm before the head.
    """

    of_main_forward = True

    def __init__(self, model: PreTrainedModel, layers: Sequence[int], *, norm: bool) -> None:
        self._hook = HiddenStateHook(model, layers)
        self._head = LogitLens(model, norm=norm)

    def logits(self, input_ids: Tensor, generation: Generation) -> Tensor:
        """Return `[layers, rows, vocab]` of the step whose main forward has just run."""
        return torch.stack([self._head(hidden) for hidden in self._hook.states(input_ids, generation)])

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return copy.copy(self)  # of the same model, which is not copied along


class EarlyExit(LayerView):
    """What the model would say after its first layers: an amateur inside the expert.

    There is no second copy of weights and no second forward: only norm and head run again.

    Args:
        model: The model that generates, decoder-only.
        layer: After which layer, in [1, number of layers]; the last one is the model itself.
    """

    def __init__(self, model: PreTrainedModel, layer: int) -> None:
        model = unwrap_model(model, "model")
        count = number_of_layers(model)
        if isinstance(layer, bool) or not isinstance(layer, int) or not 1 <= layer <= count:
            raise ValueError(f"`layer` has to be in [1, {count}], but is {layer}")
        super().__init__(model, [layer], norm=True)

    def logits(self, input_ids: Tensor, generation: Generation) -> Tensor:
        """Return `[rows, vocab]` of the step whose main forward has just run."""
        return super().logits(input_ids, generation)[0]


class CandidateLayers(LayerView):
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

    def __init__(self, model: PreTrainedModel, layers: str | int | Sequence[int], *, norm: bool) -> None:
        self.layers = candidate_layers(model, layers)
        self.norm = norm
        super().__init__(model, self.layers, norm=norm)


class HiddenStateHook:
    """Keeps the last position's hidden states of some layers, from the latest forward in each thread.

    The hooks go when it does.

    Args:
        model: A decoder-only model.
        layers: Each once: 0 is the embeddings, j the output of the j-th layer, as in `output_hidden_states`.
    """

    def __init__(self, model: PreTrainedModel, layers: Sequence[int]) -> None:
        modules = _layers(model)
        self.layers = tuple(layers)
        self._recorder = ForwardRecorder.of(model)
        self._latest = _LatestStates()
        for layer in self.layers:
            handle = _keep_states(modules, layer, self._latest, self._recorder)
            weakref.finalize(self, handle.remove)

    def states(self, input_ids: Tensor, generation: Generation) -> list[Tensor]:
        """Return the hidden states `[rows, hidden]`, one a layer, of the step that scores what follows `input_ids`.

        Raises:
            ValueError: The model has not run for this step, or another forward of it came between.
        """
        reading, rows = generation.reading, len(input_ids)
        self._latest.number_traced(self._recorder.serial)
        states = [self._latest.states.get(layer) for layer in self.layers]
        if reading is None or any(state is None or len(state[1]) < rows for state in states):
            raise ValueError(
                "`model` has to be the model that generates, but its layers have not run for this step. A compiled "
                "forward runs no hooks that are younger than its compilation: make the processor before the model is "
                "compiled, or generate with disable_compile=True if it is `generate()` that compiles it"
            )
        if any(state is not None and state[0] != reading.serial for state in states):
            raise ValueError(
                "a layer contrast cannot be combined with `guidance_scale`, or with any other processor that runs the "
                "same model after its forward for this step: generate without it"
            )
        return [state[1][:rows] for state in states if state is not None]


class _Traced:
    def __init__(self) -> None:
        self.states: dict[int, Tensor] = {}


class _LatestStates(threading.local):
    def __init__(self) -> None:
        self.states: dict[int, tuple[int, Tensor]] = {}  # by layer: the number of the forward, and [rows, hidden]
        self.traced = _Traced()

    def number_traced(self, serial: int) -> None:
        """Take the states that a compiled forward has left, as those of forward `serial`."""
        self.states.update({layer: (serial, state) for layer, state in self.traced.states.items()})
        self.traced.states.clear()


def _keep_states(modules: nn.ModuleList, layer: int, latest: _LatestStates, recorder: ForwardRecorder) -> Any:  # noqa: ANN401
    module, forwards = modules[max(layer - 1, 0)], weakref.ref(recorder)

    def keep(hidden: Any) -> None:  # noqa: ANN401
        # A copy: a view would keep the states of the whole prompt.
        state = (hidden[0] if isinstance(hidden, tuple) else hidden)[:, -1].detach().clone()
        if torch.compiler.is_compiling():
            latest.traced.states[layer] = state
        elif (known := forwards()) is not None:
            latest.states[layer] = known.serial, state

    if layer == 0:
        hook = Hook(module, lambda args, kwargs: keep(args[0] if args else kwargs["hidden_states"]))
        return module.register_forward_pre_hook(hook, with_kwargs=True)
    return module.register_forward_hook(Hook(module, lambda _, output: keep(output)))


class LogitLens:
    """Turns hidden states of an early layer into logits by the model's own output head.

    Args:
        model: A decoder-only model.
        norm: Apply the final norm first. An early exit needs it; DoLa's released code leaves it out.

    Raises:
        ValueError: The model makes its logits in another way than by norm, head and the usual scaling. One token is
            read to compare what the last layer gives with the model's own logits.
    """

    def __init__(self, model: PreTrainedModel, *, norm: bool) -> None:
        decoder, _ = _decoder_and_layers(model)
        found = (getattr(decoder, name, None) for name in NORMS)
        self._norm = next((module for module in found if isinstance(module, nn.Module)), None)
        self._head: Any = model.get_output_embeddings()
        self._config: Any = model.config.get_text_config(decoder=True)
        self._refuse_if_unlike(model)
        if not norm:
            self._norm = None

    def __call__(self, hidden: Tensor) -> Tensor:
        """Return the logits `[..., vocab]` of hidden states `[..., hidden]`."""
        logits = self._head(hidden if self._norm is None else self._norm(hidden))
        # What some families do between head and logits.
        if scale := getattr(self._config, "logit_scale", None):
            logits = logits * scale
        if divisor := getattr(self._config, "logits_scaling", None):
            logits = logits / divisor
        names = ("final_logit_softcapping", "logits_soft_cap")
        if cap := next((value for name in names if (value := getattr(self._config, name, None))), None):
            logits = (logits / cap).tanh() * cap
        return logits

    @torch.no_grad()
    def _refuse_if_unlike(self, model: Any) -> None:  # noqa: ANN401
        last: list[Tensor] = []
        here = threading.get_ident()  # another thread may be decoding with the model at this moment

        def keep(_: nn.Module, __: Any, output: Any) -> None:  # noqa: ANN401
            if threading.get_ident() == here:
                last.append(output[0] if isinstance(output, tuple) else output)

        handle = _layers(model)[-1].register_forward_hook(keep)
        try:
            # A compiled forward would not run the hook.
            with ignored_by_hooks(), eval_mode(model), torch.compiler.set_stance("force_eager"):
                token = torch.ones(1, 1, dtype=torch.long, device=input_device(model, "cpu"))
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


def number_of_layers(model: PreTrainedModel) -> int:
    """Return how many decoder layers a model has."""
    return len(_layers(model))


def candidate_layers(model: PreTrainedModel, layers: str | int | Sequence[int]) -> tuple[int, ...]:
    """Return the layers that `layers` means for a model.

    Raises:
        ValueError: The model has no such layers.
    """
    count = number_of_layers(model)
    if isinstance(layers, str):
        # With tied embeddings the head turns the 0-th layer back into the input token: no prediction to contrast with.
        first = min(2, count - 1) if _ties_embeddings(model) else 0
        low = range(first, count // 2 if count <= 40 else 20, 2)
        chosen = low if layers == "low" else range(count // 2 if count <= 40 else count - 20, count, 2)
        return tuple(chosen) or (first,)
    chosen = (layers,) if isinstance(layers, int) else tuple(layers)
    if any(layer not in range(count) for layer in chosen):
        raise ValueError(f"`layers` has to be different layers in [0, {count - 1}], but is {layers!r}")
    return chosen


def _ties_embeddings(model: Any) -> bool:  # noqa: ANN401
    # A composite model may say so for all its parts, or for the text alone.
    text, whole = model.config.get_text_config(decoder=True), model.config
    return bool(getattr(text, "tie_word_embeddings", getattr(whole, "tie_word_embeddings", False)))


def _layers(model: PreTrainedModel) -> nn.ModuleList:
    return _decoder_and_layers(model)[1]


def _decoder_and_layers(model: PreTrainedModel) -> tuple[nn.Module, nn.ModuleList]:
    """Return the module that holds the layers, and these."""
    if model.config.is_encoder_decoder:
        raise ValueError(f"`model` has to be decoder-only for a layer contrast, but is a {type(model).__name__}")
    count = model.config.get_text_config(decoder=True).num_hidden_layers
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else model.base_model
    outer: list[nn.Module] = [decoder if isinstance(decoder, nn.Module) else model.base_model]
    # Some families answer with the whole model: its decoder is one module further in.
    for _ in range(2):
        for module in outer:
            for child in module.children():
                if isinstance(child, nn.ModuleList) and len(child) == count:
                    return module, child
        outer = [child for module in outer for child in module.children()]
    raise ValueError(
        f"`model` has to keep its {count} layers in one list for a layer contrast, but is a {type(model).__name__}"
    )
