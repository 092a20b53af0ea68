"""How likely given texts are under a method: the contrastive distribution itself, teacher forced.

A continuation is known here, so nothing has to be decoded token by token. Each view reads prompt and continuation in
one forward, and the method's rule is applied at every position of the continuation at once.

    prompt, padded on the left | option, padded on the right          the same columns in every view
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from counterfoil.decoding import ContrastLogitsProcessor
from counterfoil.decoding.decoder import Decoder
from counterfoil.decoding.views import Prompt, PromptView, as_prompt
from counterfoil.decoding.views.layer_view import CandidateLayers, LogitLens, number_of_layers
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import BatchEncoding, PreTrainedModel

from ..requests import Choice, Progress


def option_log_probabilities(
    decoders: Sequence[Decoder],
    choices: Sequence[Choice],
    *,
    batch_size: int = 16,
    add_special_tokens: bool = True,
    progress: Progress | None = None,
) -> list[list[list[float]]]:
    """Return the log-probability of each option, summed over its tokens, in nats.

        sum over t of log softmax(rule(main, other))[y_t]        at every token y_t of the option

    That is the distribution from which the method samples at temperature 1, also if a method leaves its scores
    unnormalised for beam search. A token that the method's plausibility mask excludes makes its option's -inf.

    Args:
        decoders: The methods, all of one model. Those that differ only in parameters share their forwards.
        choices: What to score.
        batch_size: How many options are read at once.
        add_special_tokens: Begin prompts as the tokenizer begins texts; not where a chat template has done so already.
        progress: Told how far it is.

    Returns:
        `[decoder][choice][option]`.

    Raises:
        ValueError: An option without a token, or a missing contrast.
    """
    rows = [(c, o) for c, choice in enumerate(choices) for o in range(len(choice.options))]
    # Rows of like length side by side: little padding.
    rows.sort(key=lambda row: len(choices[row[0]].prompt) + len(choices[row[0]].options[row[1]]))
    found = [[[0.0] * len(choice.options) for choice in choices] for _ in decoders]
    for start in range(0, len(rows), batch_size):
        chosen = rows[start : start + batch_size]
        scores = _batch(
            decoders,
            [choices[c] for c, _ in chosen],
            [choices[c].options[o] for c, o in chosen],
            add_special_tokens=add_special_tokens,
        )
        for decoder, values in enumerate(scores):
            for (c, o), value in zip(chosen, values, strict=True):
                found[decoder][c][o] = value
        if progress is not None:
            progress(start + len(chosen), len(rows))
    return found


def _batch(
    decoders: Sequence[Decoder], choices: Sequence[Choice], options: Sequence[str], *, add_special_tokens: bool
) -> list[list[float]]:
    language = decoders[0].language
    tokenizer, device = language.tokenizer, language.model.device

    def read(prompts: list[str]) -> BatchEncoding:
        return tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=add_special_tokens).to(device)

    tokens = [torch.tensor(tokenizer(option, add_special_tokens=False)["input_ids"]) for option in options]
    for option, ids in zip(options, tokens, strict=True):
        if len(ids) == 0:
            raise ValueError(f"an option has to be at least one token long, but is {option!r}")
    inputs = read([choice.prompt for choice in choices])
    contrasts = [choice.contrast for choice in choices if choice.contrast is not None]
    contrast_inputs = read(contrasts) if len(contrasts) == len(choices) else None
    continuation = pad_sequence(tokens, batch_first=True, padding_value=-1).to(device)
    keep_layers = any(decoder.decoding.contrasts_layers for decoder in decoders)
    batch = ForcedBatch(language.model, inputs, continuation, keep_layers=keep_layers)
    return [_summed(batch.log_probabilities(decoder, contrast_inputs), continuation) for decoder in decoders]


def _summed(log_probabilities: Tensor, continuation: Tensor) -> list[float]:
    """Return per row the sum over its tokens, of `[tokens, vocab]` wherever `continuation` has a token."""
    present = continuation >= 0
    of_tokens = log_probabilities.gather(-1, continuation[present][:, None])[:, 0]
    sums = torch.zeros(continuation.shape, dtype=torch.float64, device=continuation.device)
    sums[present] = of_tokens.double()
    return sums.sum(-1).tolist()


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
        """Return the method's distribution at every token of every continuation, row after row: `[tokens, vocab]`.

        Of DoLa with `released`, the scores as they stand: its code sums differences of log-probabilities.
        """
        inputs = {"input_ids": self._prompt.input_ids, "attention_mask": self._prompt.attention_mask}
        processor = decoder.processor(inputs, contrast_inputs)
        main = self._placed(self._run(self.model, self._prompt).logits).float()
        if processor is None:
            return main.log_softmax(-1)
        size = processor.vocabulary_size
        main, contrast = main[:, :size], self._contrast(processor, decoder)[..., :size]
        scores = processor.combine(main, processor.method.chosen(main, contrast))
        return scores if getattr(processor.method, "released", False) else scores.log_softmax(-1)

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
        """Return the values before each token of a continuation: `[tokens, ...]` of `[rows, columns, ...]`."""
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
