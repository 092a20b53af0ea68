"""An amateur inside the expert: its own first layers, with its norm and head."""

from __future__ import annotations

from torch import Tensor
from transformers import LogitsProcessorList, PreTrainedModel

from .layer_view import EarlyHead, LayerTap, number_of_layers
from .unwrap_model import unwrapped


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
        model = unwrapped(model, "model")
        count = number_of_layers(model)
        if isinstance(layer, bool) or not isinstance(layer, int) or not 1 <= layer <= count:
            raise ValueError(f"`layer` has to be in [1, {count}], but is {layer}")
        self._tap = LayerTap(model, [layer])
        self._head = EarlyHead(model, norm=True)

    def logits(self, input_ids: Tensor, generation: LogitsProcessorList | None = None) -> Tensor:
        """`[rows, vocab]` of the step whose main forward has just run."""
        return self._head(self._tap.take(input_ids, generation)[0])

    def reset(self) -> None:
        """Nothing is kept between steps."""
