"""Any sequence-classification model for natural language inference, by hub id."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from counterfoil.models.checkpoints import loading_options, on_device
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from .base import Judgement, Pair
from .checkpoints import CheckpointEntailment, full_name

MODEL = "MoritzLaurer/DeBERTa-v3-base-mnli-fever-anli"
LONGEST = 512
"""Tokens, where neither the tokenizer nor the caller names a limit: what these models were trained on."""

_ENTAILMENT = re.compile(r"(entail(s|ed|ment)?|support(s|ed)?|consistent|attributable)")
_CONTRADICTION = re.compile(r"(contradict(s|ed|ion|ory)?|refute[sd]?|inconsistent)")


class NLIEntailment(CheckpointEntailment):
    """A classifier with two or more labels, whose order is read from its configuration.

    Args:
        model: Hub id or path.
        window: Tokens of premise, hypothesis and special tokens together; `None` for the tokenizer's limit, or 512
            where that has none.
        revision: Branch, tag or commit of the hub.
        device: Where to run; `None` for a GPU where there is one.
        device_map: Passed to `from_pretrained`.
        batch_size: Windows scored at once.
        threshold: From which probability on a pair counts as supported.

    Raises:
        ValueError: Where the labels do not say which of them means entailment.
    """

    def __init__(
        self,
        model: str = MODEL,
        *,
        window: int | None = None,
        revision: str | None = None,
        device: str | None = None,
        device_map: str | None = None,
        batch_size: int = 32,
        threshold: float = 0.5,
    ) -> None:
        tokenizer = AutoTokenizer.from_pretrained(model, revision=revision or "main")
        options = loading_options(device, device_map, revision)
        loaded = AutoModelForSequenceClassification.from_pretrained(model, **options)
        self.entailment, self.contradiction = label_positions(loaded.config.id2label)
        limit = tokenizer.model_max_length
        longest = window or (limit if limit < 10**6 else LONGEST)
        super().__init__(
            tokenizer,
            on_device(loaded, device),
            name=f"{full_name('nli', model, loaded)}/{longest}",
            threshold=threshold,
            window=max(longest - tokenizer.num_special_tokens_to_add(pair=True), 1),
            batch_size=batch_size,
        )

    def forward(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judges one batch of pairs that fit, and may run out of memory."""
        premises, hypotheses = [pair.premise for pair in pairs], [pair.hypothesis for pair in pairs]
        inputs = self.tokenizer(premises, hypotheses, padding=True, return_tensors="pt").to(self.model.device)
        rows = self.model(**inputs).logits.float().softmax(dim=-1).tolist()
        against = self.contradiction
        return [Judgement(row[self.entailment], None if against is None else row[against]) for row in rows]


def label_positions(id2label: Mapping[int, str]) -> tuple[int, int | None]:
    """Which output means entailment, and which contradiction where one does.

    Raises:
        ValueError: Where not exactly one label means entailment.
    """
    entailment = [n for n, label in id2label.items() if _ENTAILMENT.fullmatch(label.strip().lower())]
    contradiction = [n for n, label in id2label.items() if _CONTRADICTION.fullmatch(label.strip().lower())]
    if len(entailment) != 1:
        raise ValueError(
            f"`model` has to have one label that means entailment, but its labels are "
            f"{', '.join(id2label.values())}: set `id2label` in its configuration"
        )
    return entailment[0], contradiction[0] if len(contradiction) == 1 else None
