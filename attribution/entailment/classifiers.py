"""Entailment models that classify: any NLI model of the hub, MiniCheck, HHEM. Options are those of `checkpoints`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from counterfoil.models.checkpoints import REMEDY, folder_revision, load_pretrained, loading_options, on_device
from counterfoil.models.hub import loading
from huggingface_hub import hf_hub_download
from safetensors.torch import load_file
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    T5ForTokenClassification,
)

from .base import Judgement, Pair
from .checkpoints import SLACK, CheckpointEntailment, counter, full_name

NLI_TOKENS = 512
"""Window of a classifier if neither its tokenizer nor the caller names one: what these models were trained on."""

MINICHECK_WORDS, MINICHECK_TOKENS = 500, 400
"""The longest chunk that MiniCheck reads: in words for Flan-T5, in tokens for the others."""

FLAN_T5 = "google/flan-t5-base"


class NLIEntailment(CheckpointEntailment):
    """A sequence classifier with two or more labels, whose order is read from its configuration.

    Args:
        model: Hub id or path.
        window: Tokens of premise, hypothesis and special tokens together; `None` for the tokenizer's limit, or 512 if
            it has none.
        revision: As for all; see :mod:`~counterfoil.attribution.entailment.checkpoints`.

    Raises:
        ValueError: If the labels do not say which of them means entailment.
    """

    def __init__(
        self,
        model: str = "MoritzLaurer/DeBERTa-v3-base-mnli-fever-anli",
        *,
        window: int | None = None,
        revision: str | None = None,
        device: str | None = None,
        device_map: str | None = None,
        batch_size: int = 32,
        threshold: float = 0.5,
    ) -> None:
        tokenizer = load_pretrained(AutoTokenizer, model, revision=revision or "main")
        options = loading_options(device, device_map, revision)
        loaded = load_pretrained(AutoModelForSequenceClassification, model, **options)
        self.entailment, self.contradiction = label_positions(loaded.config.id2label)
        limit = tokenizer.model_max_length
        longest = window or (limit if limit < 10**6 else NLI_TOKENS)
        super().__init__(
            tokenizer,
            on_device(loaded, device),
            name=f"{full_name('nli', model, loaded)}/{longest}",
            threshold=threshold,
            window=max(longest - tokenizer.num_special_tokens_to_add(pair=True), 1),
            batch_size=batch_size,
        )

    def forward(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judge one batch of pairs that fit the window; may run out of memory."""
        inputs = self.inputs([pair.premise for pair in pairs], [pair.hypothesis for pair in pairs])
        rows = self.model(**inputs).logits.float().softmax(dim=-1).tolist()
        against = self.contradiction
        return [Judgement(row[self.entailment], None if against is None else row[against]) for row in rows]


class MiniCheckEntailment(CheckpointEntailment):
    """MiniCheck (Tang et al., EMNLP 2024): binary support of a claim by a chunk of a document, the largest over chunks.

    A chunk and the claim are joined by the end token. The Flan-T5 form answers in the first decoding step with the
    first token of "1" or of "0"; the RoBERTa and DeBERTa forms are classifiers whose second class is support.

    Args:
        model: Hub id or path; the form follows from its configuration.
        window: The longest chunk, in words for Flan-T5 and in tokens for the others, which a long claim makes shorter;
            `None` for the original's 500 words or 400 tokens.
        revision: As for all; see :mod:`~counterfoil.attribution.entailment.checkpoints`.
    """

    def __init__(
        self,
        model: str = "lytang/MiniCheck-Flan-T5-Large",
        *,
        window: int | None = None,
        revision: str | None = None,
        device: str | None = None,
        device_map: str | None = None,
        batch_size: int = 16,
        threshold: float = 0.5,
    ) -> None:
        tokenizer = load_pretrained(AutoTokenizer, model, revision=revision or "main")
        config = load_pretrained(AutoConfig, model, revision=revision or "main")
        self.generative = bool(config.is_encoder_decoder)
        form = AutoModelForSeq2SeqLM if self.generative else AutoModelForSequenceClassification
        loaded = load_pretrained(form, model, **loading_options(device, device_map, revision))
        longest = window or (MINICHECK_WORDS if self.generative else MINICHECK_TOKENS)
        super().__init__(
            tokenizer,
            on_device(loaded, device),
            count=(lambda text: len(text.split())) if self.generative else None,
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
        """Return the length of a chunk: the same beside every claim that leaves it room in the model's window."""
        return min(window, self._longest - self.count(hypothesis))

    def forward(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judge one batch of pairs that fit the window; may run out of memory."""
        prefix = "predict: " if self.generative else ""
        inputs = self.inputs([f"{prefix}{pair.premise}{self.tokenizer.eos_token}{pair.hypothesis}" for pair in pairs])
        if self.generative:
            start = self.model.config.decoder_start_token_id or 0
            begun = torch.full((len(pairs), 1), start, device=self.model.device)
            logits = self.model(**inputs, decoder_input_ids=begun).logits[:, 0, self._labels]
        else:
            logits = self.model(**inputs).logits
        return [Judgement(p) for p in logits.float().softmax(dim=-1)[:, 1].tolist()]


class HHEMEntailment(CheckpointEntailment):
    """HHEM-2.1-Open, Vectara's model of factual consistency: English, and without a class for contradiction.

    A T5 encoder whose first position is classified. The checkpoint ships code of its own that current transformers
    cannot load; its weights are those of a `T5ForTokenClassification` under another name, and are loaded as such.

    Args:
        model: Hub id, or a folder with `model.safetensors`.
        foundation: Where configuration and tokenizer of the encoder come from.
        window: Tokens of the whole input.
        revision: As for all; see :mod:`~counterfoil.attribution.entailment.checkpoints`. 0.5 is the vendor's threshold.

    Raises:
        ValueError: If the weights are not those of such a model.
    """

    PROMPT = (
        "<pad> Determine if the hypothesis is true given the premise?\n\nPremise: {premise}\n\nHypothesis: {hypothesis}"
    )

    def __init__(
        self,
        model: str = "vectara/hallucination_evaluation_model",
        *,
        foundation: str = FLAN_T5,
        window: int = 2048,
        revision: str | None = None,
        device: str | None = None,
        batch_size: int = 16,
        threshold: float = 0.5,
    ) -> None:
        tokenizer = load_pretrained(AutoTokenizer, foundation)
        local = Path(model, "model.safetensors")
        with loading(model, model, remedy=REMEDY):
            weights = local if local.exists() else Path(hf_hub_download(model, "model.safetensors", revision=revision))
        frame = counter(tokenizer)(self.PROMPT.format(premise="", hypothesis="")) + SLACK
        revision = folder_revision(Path(model)) or weights.parent.name
        super().__init__(
            tokenizer,
            on_device(self._load(load_file(weights), foundation), device),
            name=f"hhem:{model}@{revision}/{window}" + ("" if foundation == FLAN_T5 else f"/{foundation}"),
            threshold=threshold,
            window=max(window - frame, 1),
            batch_size=batch_size,
        )

    @staticmethod
    def _load(weights: Mapping[str, torch.Tensor], foundation: str) -> T5ForTokenClassification:
        config: Any = load_pretrained(AutoConfig, foundation, num_labels=2)
        model = T5ForTokenClassification(config)
        renamed = {name.removeprefix("t5."): tensor for name, tensor in weights.items()}
        missing, unexpected = model.load_state_dict(renamed, strict=False)
        # The embedding stands once in the file and twice in the module, which shares it.
        tied = {name for name in missing if name.endswith(("shared.weight", "embed_tokens.weight"))}
        if set(missing) - tied or unexpected or len(tied) > 1:
            raise ValueError(
                f"`model` has to hold a T5 encoder with a classifier, but lacks {sorted(missing)[:3]} and has "
                f"{sorted(unexpected)[:3]} besides"
            )
        return model

    def forward(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judge one batch of pairs that fit the window; may run out of memory."""
        texts = [self.PROMPT.format(premise=pair.premise, hypothesis=pair.hypothesis) for pair in pairs]
        logits = self.model(**self.inputs(texts)).logits[:, 0, :]
        return [Judgement(p) for p in logits.float().softmax(dim=-1)[:, 1].tolist()]


_ENTAILMENT = re.compile(r"(entail(s|ed|ment)?|support(s|ed)?|consistent|attributable)")
_CONTRADICTION = re.compile(r"(contradict(s|ed|ion|ory)?|refute[sd]?|inconsistent)")


def label_positions(id2label: Mapping[int, str]) -> tuple[int, int | None]:
    """Return which output means entailment, and which contradiction if one does.

    Raises:
        ValueError: If not exactly one label means entailment.
    """
    entailment = [n for n, label in id2label.items() if _ENTAILMENT.fullmatch(label.strip().lower())]
    contradiction = [n for n, label in id2label.items() if _CONTRADICTION.fullmatch(label.strip().lower())]
    if len(entailment) != 1:
        raise ValueError(
            f"`model` has to have one label that means entailment, but its labels are "
            f"{', '.join(id2label.values())}: set `id2label` in its configuration"
        )
    return entailment[0], contradiction[0] if len(contradiction) == 1 else None
