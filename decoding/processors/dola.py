"""DoLa as a logits processor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from transformers import LogitsProcessorList, PreTrainedModel

from ..methods import dola, dola_layer
from ..methods.validation import check_share
from ..views.layer_view import HiddenStateHook, LogitLens, number_of_layers
from ..views.unwrap_model import unwrap_model
from .base import ContrastLogitsProcessor


class DoLaLogitsProcessor(ContrastLogitsProcessor):
    r"""Decoding by contrasting layers: what the last layer knows that an earlier one did not yet.

        scores = log p_N - log p_j   where p_N >= plausibility * max p_N
        j      = argmax JSD(p_N || p_j) over the candidate layers

    Chuang et al. 2023, [DoLa](https://arxiv.org/abs/2309.03883), equations 2 to 4. Differs from the released code: the
    layer is chosen for each row by itself (there it depends on who else is in the batch) and by the Jensen-Shannon
    divergence as the paper defines it. There is no second forward: the hidden states are those of the main one.

    The authors generate with `repetition_penalty=1.2`.

    Args:
        model: The model that generates, decoder-only.
        layers: `"low"` or `"high"` for the candidates of the lower or upper half, every second layer (for more than 40
            layers the first or last 20); a list of candidates; or one layer, which is then always the one. 0 is the
            embeddings, and the last layer is no candidate.
        plausibility: In [0, 1], the plausibility cut, 0.1 in the paper.
        norm: Apply the model's final norm to an early layer before the head, as an early exit does. The released code
            does not (`norm=False`): on models whose hidden states are large the early distributions are then one-hot,
            all divergences reach log 2 and rounding chooses the layer (SmolLM2: the eight upper candidates within 1e-6
            of log 2 at most steps).
        trace: Record both layers' log-probability of every token and, as coefficient `layer`, which it was.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        layers: Literal["low", "high"] | int | Sequence[int] = "high",
        *,
        plausibility: float = 0.1,
        norm: bool = True,
        trace: bool = False,
    ) -> None:
        check_share("plausibility", plausibility)
        model = unwrap_model(model, "model")
        self.layers = _candidates(model, layers)
        self.plausibility = plausibility
        super().__init__(_LayerLogits(model, self.layers, norm), trace=trace)

    def reference(self, main: Tensor, contrast: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The early logits of each row's layer, out of `[layers, rows, vocab]`."""
        chosen = dola_layer(main, contrast) if len(contrast) > 1 else main.new_zeros(len(main), dtype=torch.long)
        layers = torch.tensor(self.layers, device=main.device)[chosen]
        return contrast[chosen, torch.arange(len(main), device=main.device)], {"layer": layers}

    def combine(self, main: Tensor, contrast: Tensor) -> Tensor:
        """See :func:`counterfoil.decoding.methods.dola`."""
        return dola(main, contrast, plausibility=self.plausibility)


class _LayerLogits:
    """The candidate layers' logits `[layers, rows, vocab]`, as a view."""

    of_main_forward = True

    def __init__(self, model: PreTrainedModel, layers: Sequence[int], norm: bool) -> None:
        self._tap = HiddenStateHook(model, layers)
        self._head = LogitLens(model, norm=norm)

    def logits(self, input_ids: Tensor, generation: LogitsProcessorList | None = None) -> Tensor:
        return torch.stack([self._head(hidden) for hidden in self._tap.take(input_ids, generation)])

    def reset(self) -> None:
        """Nothing is kept between steps."""


def _candidates(model: PreTrainedModel, layers: str | int | Sequence[int]) -> tuple[int, ...]:
    count = number_of_layers(model)
    if isinstance(layers, str):
        if layers not in ("low", "high"):
            raise ValueError(f"`layers` has to be 'low', 'high', a layer or a list of layers, but is {layers!r}")
        # With tied embeddings the head turns the 0-th layer back into the input token: no prediction to contrast with.
        first = min(2, count - 1) if model.config.get_text_config(decoder=True).tie_word_embeddings else 0
        low = range(first, count // 2 if count <= 40 else 20, 2)
        chosen = low if layers == "low" else range(count // 2 if count <= 40 else count - 20, count, 2)
        return tuple(chosen) or (first,)
    chosen = (layers,) if isinstance(layers, int) else tuple(layers)
    allowed = range(count)
    if not chosen or len(set(chosen)) < len(chosen) or any(isinstance(j, bool) or j not in allowed for j in chosen):
        raise ValueError(f"`layers` has to be different layers in [0, {count - 1}], but is {layers!r}")
    return chosen
