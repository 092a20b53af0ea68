"""The views of known continuations: one forward a view, logits at every position of the continuation."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from counterfoil.decoding import ContrastLogitsProcessor
from counterfoil.decoding.decoder import Decoder
from counterfoil.decoding.views import Prompt, PromptView, as_prompt
from counterfoil.decoding.views.layer_view import CandidateLayers, LogitLens, number_of_layers
from torch import Tensor
from transformers import PreTrainedModel


class ForcedBatch:
    """Prompts and what follows them, read by as many views as the methods need, each view once.

    Args:
        model: The main model, decoder-only.
        inputs: What the tokenizer returned for the prompts, padded.
        continuation: `[rows, length]` ids behind the prompts, at least one a row, padded on the right with -1.
        keep_layers: Whether a method contrasts layers, so that all hidden states are to be kept.
    """

    def __init__(
        self, model: PreTrainedModel, inputs: Mapping[str, Any], continuation: Tensor, *, keep_layers: bool = False
    ) -> None:
        self.model = model
        self._prompt = as_prompt(inputs, "inputs")
        self._continuation = continuation
        self._keep_layers = keep_layers
        self._outputs: dict[tuple[int, bytes], Any] = {}

    def log_probabilities(self, decoder: Decoder, contrast_inputs: Mapping[str, Any] | None = None) -> Tensor:
        """The method's distribution at every token of every continuation, row after row: `[tokens, vocab]`."""
        inputs = {"input_ids": self._prompt.input_ids, "attention_mask": self._prompt.attention_mask}
        processor = decoder.processor(inputs, contrast_inputs)
        main = self._placed(self._run(self.model, self._prompt).logits).float()
        if processor is None:
            return main.log_softmax(-1)
        size = processor.vocabulary_size
        main, contrast = main[:, :size], self._contrast(processor, decoder)[..., :size]
        return processor.combine(main, processor.method.chosen(main, contrast)).log_softmax(-1)

    def _contrast(self, processor: ContrastLogitsProcessor, decoder: Decoder) -> Tensor:
        if isinstance(processor.view, PromptView):
            prompt = processor.view.prompt(self._prompt.input_ids)
            return self._placed(self._run(processor.view.model, prompt).logits).float()
        if isinstance(processor.view, CandidateLayers):
            return torch.stack([self._early(layer, norm=processor.view.norm) for layer in processor.view.layers])
        return self._early(decoder.decoding.parameters["early_exit"], norm=True)

    def _early(self, layer: int, *, norm: bool) -> Tensor:
        hidden = self._placed(self._run(self.model, self._prompt).hidden_states[layer])
        # transformers has normed the last of the hidden states that it returns.
        return LogitLens(self.model, norm=norm and layer < number_of_layers(self.model))(hidden).float()

    def _placed(self, values: Tensor) -> Tensor:
        """What stands where the next token is one of a continuation: `[tokens, ...]` of `[rows, columns, ...]`."""
        return values[:, -self._continuation.shape[1] :][self._continuation >= 0]

    @torch.no_grad()
    def _run(self, model: PreTrainedModel, prompt: Prompt) -> Any:  # noqa: ANN401
        # Methods that differ only in their parameters read the same prompts: what was run is kept.
        key = id(model), prompt.input_ids.cpu().numpy().tobytes()
        if key not in self._outputs:
            # Nothing follows the last token, so it is not read: a text may be one token longer than the context.
            read = self._continuation[:, :-1]
            mask = torch.cat([prompt.attention_mask, (read >= 0).long()], -1)
            inputs = {
                "input_ids": torch.cat([prompt.input_ids, read.clamp_min(0)], -1),
                "attention_mask": mask,
                **prompt.extras,
            }
            accepted = inspect.signature(model.forward).parameters
            if "position_ids" in accepted:
                inputs["position_ids"] = (mask.cumsum(-1) - 1).clamp_min(0)
            if "logits_to_keep" in accepted:
                inputs["logits_to_keep"] = self._continuation.shape[1]
            self._outputs[key] = model(**inputs, use_cache=False, output_hidden_states=self._keep_layers)
        return self._outputs[key]
