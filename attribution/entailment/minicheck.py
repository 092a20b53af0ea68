"""MiniCheck (Tang et al., EMNLP 2024) in its Flan-T5, RoBERTa and DeBERTa forms."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from counterfoil.models.checkpoints import loading_options, on_device
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from .base import Judgement, Pair
from .checkpoints import SLACK, CheckpointEntailment, full_name

MODEL = "lytang/MiniCheck-Flan-T5-Large"
WORDS, TOKENS = 500, 400
"""The longest chunk of a document: in words for Flan-T5, in tokens for the others."""


class MiniCheckEntailment(CheckpointEntailment):
    """Binary support of a claim by a chunk of a document; the largest over the chunks, threshold 0.5.

    A chunk and the claim are joined by the end token. The Flan-T5 form answers in the first decoding step with the
    first token of "1" or of "0"; the others are classifiers whose second class is support.

    Args:
        model: Hub id or path; the form follows from its configuration.
        window: The longest chunk, in words for Flan-T5 and in tokens for the others, where a long claim makes it
            shorter; `None` for the original's 500 words or 400 tokens.
        revision: Branch, tag or commit of the hub.
        device: Where to run; `None` for a GPU where there is one.
        device_map: Passed to `from_pretrained`.
        batch_size: Chunks scored at once.
        threshold: From which probability on a pair counts as supported.
    """

    def __init__(
        self,
        model: str = MODEL,
        *,
        window: int | None = None,
        revision: str | None = None,
        device: str | None = None,
        device_map: str | None = None,
        batch_size: int = 16,
        threshold: float = 0.5,
    ) -> None:
        tokenizer = AutoTokenizer.from_pretrained(model, revision=revision or "main")
        config = AutoConfig.from_pretrained(model, revision=revision or "main")
        self.generative = bool(config.is_encoder_decoder)
        form = AutoModelForSeq2SeqLM if self.generative else AutoModelForSequenceClassification
        loaded = form.from_pretrained(model, **loading_options(device, device_map, revision))
        longest = window or (WORDS if self.generative else TOKENS)
        super().__init__(
            tokenizer,
            on_device(loaded, device),
            count=_words if self.generative else None,
            name=f"{full_name('minicheck', model, loaded)}/{longest}",
            threshold=threshold,
            window=longest,
            batch_size=batch_size,
        )
        limit = tokenizer.model_max_length
        specials = tokenizer.num_special_tokens_to_add() + 1 + SLACK
        self._longest = 10**6 if self.generative or limit > 10**6 else limit - specials
        self._labels = [tokenizer(label, add_special_tokens=False)["input_ids"][0] for label in ("0", "1")]

    def budget(self, hypothesis: str, window: int) -> int:
        """The chunk has the same length beside every claim that leaves it room in the model's window."""
        return min(window, self._longest - self.count(hypothesis))

    def forward(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judges one batch of pairs that fit, and may run out of memory."""
        prefix = "predict: " if self.generative else ""
        texts = [f"{prefix}{pair.premise}{self.tokenizer.eos_token}{pair.hypothesis}" for pair in pairs]
        inputs = self.tokenizer(texts, padding=True, return_tensors="pt").to(self.model.device)
        if self.generative:
            start = self.model.config.decoder_start_token_id or 0
            begun = torch.full((len(pairs), 1), start, device=self.model.device)
            logits = self.model(**inputs, decoder_input_ids=begun).logits[:, 0, self._labels]
        else:
            logits = self.model(**inputs).logits
        return [Judgement(p) for p in logits.float().softmax(dim=-1)[:, 1].tolist()]


def _words(text: str) -> int:
    return len(text.split())
