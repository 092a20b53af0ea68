"""Decoding: against the contrast "same question, no documents", or plainly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from counterfoil.attribution.report import TraceSpan
from counterfoil.attribution.text.segmentation import sentences
from counterfoil.decoding import CADLogitsProcessor, batched_views
from transformers import StoppingCriteria

from .prompting import Prompt

if TYPE_CHECKING:
    from counterfoil.models import LanguageModel
    from transformers import PreTrainedTokenizerBase

OnToken = Callable[[int], None]
"""Called after each step with the number of tokens so far."""


@dataclass(frozen=True)
class Limits:
    """When an answer is long enough.

    Args:
        max_new_tokens: Tokens.
        max_sentences: Whole sentences.
    """

    max_new_tokens: int
    max_sentences: int


@dataclass(frozen=True)
class Generated:
    """What the model wrote.

    Args:
        text: The answer: whole sentences, without the space around them.
        n_tokens: How many tokens were decoded for it.
        unfinished: Whether the tokens ran out within a sentence, which was then left out.
        trace: For each word piece, how many nats the documents add to its log-probability; empty when decoded plainly.
    """

    text: str
    n_tokens: int
    unfinished: bool
    trace: tuple[TraceSpan, ...]


def generate(
    language: LanguageModel, prompt: Prompt, *, strength: float | None, limits: Limits, on_token: OnToken | None = None
) -> Generated:
    """Decodes one answer greedily.

    Args:
        language: The model and its tokenizer.
        prompt: Both views of the question.
        strength: Strength of CAD; `None` decodes plainly.
        limits: When to stop.
        on_token: Told how far it is.
    """
    inputs = {name: tensor.to(language.model.device) for name, tensor in prompt.inputs.items()}
    length = inputs["input_ids"].shape[1]
    cad = (
        None if strength is None else CADLogitsProcessor(language.model, prompt.contrast, strength=strength, trace=True)
    )
    generate_tokens: Any = language.model.generate
    sequences = generate_tokens(
        **inputs,
        do_sample=False,
        max_new_tokens=limits.max_new_tokens,
        logits_processor=[cad] if cad else [],
        custom_generate=batched_views if cad else None,  # both views in one forward
        stopping_criteria=[_Enough(language.tokenizer, length, limits.max_sentences, on_token)],
        pad_token_id=language.tokenizer.pad_token_id,
    )
    new = sequences[0, length:].tolist()
    ends = _ends(language.tokenizer, new)
    written = _text(language.tokenizer, new)
    ended = new[-1] in _end_tokens(language)
    found = sentences(written)
    enough = ended or len(found) > limits.max_sentences
    # Where not even one sentence was finished, what there is of it is the answer.
    kept = (found if enough else found[:-1])[: limits.max_sentences] or found
    start, end = (kept[0].start, kept[-1].end) if kept else (0, 0)
    values = cad.trace(sequences).difference[0].tolist() if cad else []
    trace = tuple(
        TraceSpan(max(begin, start) - start, min(stop, end) - start, value)
        for begin, stop, value in zip([0, *ends], ends, values, strict=False)
        if max(begin, start) < min(stop, end)
    )
    return Generated(written[start:end], len(new), not enough, trace)


class _Enough(StoppingCriteria):
    """Stops behind the last wanted sentence: when the next one has begun, for a full stop alone may be "2.4"."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, prompt_length: int, max_sentences: int, on_token: OnToken | None
    ) -> None:
        self.tokenizer, self.prompt_length = tokenizer, prompt_length
        self.max_sentences, self.on_token = max_sentences, on_token

    def __call__(
        self, input_ids: torch.Tensor, scores: tuple[torch.FloatTensor] | None, **kwargs: object
    ) -> torch.BoolTensor:
        new = input_ids[:, self.prompt_length :]
        if self.on_token is not None:
            self.on_token(new.shape[1])
        written = self.tokenizer.batch_decode(new, skip_special_tokens=True)
        done = [len(sentences(text)) > self.max_sentences for text in written]
        return cast("torch.BoolTensor", torch.tensor(done, device=input_ids.device))


def _ends(tokenizer: PreTrainedTokenizerBase, tokens: list[int]) -> list[int]:
    """Where each token ends in the decoded text. Decoded from the start each time: tokens may be parts of a letter."""
    prefixes = (_text(tokenizer, tokens[: n + 1]) for n in range(len(tokens)))
    return [len(prefix.rstrip("�")) for prefix in prefixes]


def _text(tokenizer: PreTrainedTokenizerBase, tokens: list[int]) -> str:
    return tokenizer.batch_decode([tokens], skip_special_tokens=True)[0]


def _end_tokens(language: LanguageModel) -> set[int]:
    declared = language.model.generation_config.eos_token_id
    return set(declared) if isinstance(declared, list) else {declared}
