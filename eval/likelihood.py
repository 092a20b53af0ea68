"""How likely given texts are under a method: the contrastive distribution itself, teacher forced.

A continuation is known here, so nothing has to be decoded token by token. Each view reads prompt and continuation in
one forward, and the method's rule is applied at every position of the continuation at once.

    prompt, padded on the left | option, padded on the right          the same columns in every view
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from counterfoil.decoding.decoder import Decoder
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import BatchEncoding

from .engines.teacher_forcing import ForcedBatch
from .requests import Choice, Progress

__all__ = ["Choice", "Progress", "option_log_probabilities"]


def option_log_probabilities(
    decoders: Sequence[Decoder],
    choices: Sequence[Choice],
    *,
    batch_size: int = 16,
    add_special_tokens: bool = True,
    progress: Progress | None = None,
) -> list[list[list[float]]]:
    """The log-probability of each option, summed over its tokens, in nats.

        sum over t of log softmax(rule(main, other))[y_t]        at every token y_t of the option

    That is the distribution from which the method samples at temperature 1, also where a method leaves its scores
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
    """Per row the sum over its tokens, of `[tokens, vocab]` at the places where `continuation` has a token."""
    present = continuation >= 0
    of_tokens = log_probabilities.gather(-1, continuation[present][:, None])[:, 0]
    sums = torch.zeros(continuation.shape, dtype=torch.float64, device=continuation.device)
    sums[present] = of_tokens.double()
    return sums.sum(-1).tolist()
