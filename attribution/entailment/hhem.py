"""HHEM-2.1-Open, Vectara's model of factual consistency, without running code from the hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from counterfoil.models.checkpoints import folder_revision, on_device
from huggingface_hub import hf_hub_download
from safetensors.torch import load_file
from transformers import AutoConfig, AutoTokenizer, T5ForTokenClassification

from .base import Judgement, Pair
from .checkpoints import SLACK, CheckpointEntailment, counter

MODEL = "vectara/hallucination_evaluation_model"
FOUNDATION = "google/flan-t5-base"
_PROMPT = (
    "<pad> Determine if the hypothesis is true given the premise?\n\nPremise: {premise}\n\nHypothesis: {hypothesis}"
)
_PREFIX = "t5."


class HHEMEntailment(CheckpointEntailment):
    """A T5 encoder whose first position is classified; English, and without a class for contradiction.

    The checkpoint ships code of its own that current transformers cannot load; its weights are those of a
    `T5ForTokenClassification` under another name, and are loaded as such.

    Args:
        model: Hub id, or a folder with `model.safetensors`.
        foundation: Where configuration and tokenizer of the encoder come from.
        window: Tokens of the whole input.
        revision: Branch, tag or commit of the hub.
        device: Where to run; `None` for a GPU where there is one.
        batch_size: Windows scored at once.
        threshold: From which probability on a pair counts as supported; 0.5 is the vendor's.

    Raises:
        ValueError: Where the weights are not those of such a model.
    """

    def __init__(
        self,
        model: str = MODEL,
        *,
        foundation: str = FOUNDATION,
        window: int = 2048,
        revision: str | None = None,
        device: str | None = None,
        batch_size: int = 16,
        threshold: float = 0.5,
    ) -> None:
        tokenizer = AutoTokenizer.from_pretrained(foundation)
        local = Path(model, "model.safetensors")
        weights = local if local.exists() else Path(hf_hub_download(model, "model.safetensors", revision=revision))
        frame = counter(tokenizer)(_PROMPT.format(premise="", hypothesis="")) + SLACK
        revision = folder_revision(Path(model)) or weights.parent.name
        super().__init__(
            tokenizer,
            on_device(self._load(load_file(weights), foundation), device),
            name=f"hhem:{model}@{revision}/{window}" + ("" if foundation == FOUNDATION else f"/{foundation}"),
            threshold=threshold,
            window=max(window - frame, 1),
            batch_size=batch_size,
        )

    @staticmethod
    def _load(weights: Mapping[str, torch.Tensor], foundation: str) -> T5ForTokenClassification:
        config: Any = AutoConfig.from_pretrained(foundation, num_labels=2)
        model = T5ForTokenClassification(config)
        renamed = {name.removeprefix(_PREFIX): tensor for name, tensor in weights.items()}
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
        """Judges one batch of pairs that fit, and may run out of memory."""
        texts = [_PROMPT.format(premise=pair.premise, hypothesis=pair.hypothesis) for pair in pairs]
        inputs = self.tokenizer(texts, padding=True, return_tensors="pt").to(self.model.device)
        logits = self.model(**inputs).logits[:, 0, :]
        return [Judgement(p) for p in logits.float().softmax(dim=-1)[:, 1].tolist()]
