"""Text-to-text models that answer "1" or "0"."""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.models.checkpoints import loading_options, on_device
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from .base import Judgement, Pair
from .checkpoints import SLACK, CheckpointEntailment, counter, full_name

DECODED = 10
"""Tokens decoded for the label, as many as ALCE's scorer allows."""


class T5Entailment(CheckpointEntailment):
    """A checkpoint that was trained to write "1" where the premise entails the hypothesis and "0" where not.

    The probability is that of the first token of "1" against that of "0" at the first decoding step. The label that
    the model really writes is kept beside it (`decided`), because published figures count that one: it is true only
    where the model writes "1" and nothing else.

    Args:
        kind: First part of the name.
        model: Hub id or path.
        template: The input, with `{premise}` and `{hypothesis}`.
        window: Tokens of the whole input; `None` for no limit, as the published scorers have it.
        revision: Branch, tag or commit of the hub.
        device: Where to run; `None` for a GPU where there is one.
        device_map: Passed to `from_pretrained`, for models that need several devices (`"auto"`).
        batch_size: Windows scored at once.
        threshold: From which probability on a pair counts as supported.
    """

    def __init__(
        self,
        kind: str,
        model: str,
        *,
        template: str,
        window: int | None = 2048,
        revision: str | None = None,
        device: str | None = None,
        device_map: str | None = None,
        batch_size: int = 8,
        threshold: float = 0.5,
    ) -> None:
        tokenizer = AutoTokenizer.from_pretrained(model, revision=revision or "main")
        loaded = AutoModelForSeq2SeqLM.from_pretrained(model, **loading_options(device, device_map, revision))
        self.template = template
        frame = counter(tokenizer)(template.format(premise="", hypothesis="")) + SLACK
        super().__init__(
            tokenizer,
            on_device(loaded, device),
            name=f"{full_name(kind, model, loaded)}/{window}",
            threshold=threshold,
            window=None if window is None else max(window - frame, 1),
            batch_size=batch_size,
        )
        self._no, self._yes = (tokenizer(label, add_special_tokens=False)["input_ids"][0] for label in ("0", "1"))

    def forward(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judges one batch of pairs that fit, and may run out of memory."""
        texts = [self.template.format(premise=pair.premise, hypothesis=pair.hypothesis) for pair in pairs]
        inputs = self.tokenizer(texts, padding=True, return_tensors="pt").to(self.model.device)
        written = self.model.generate(
            **inputs,
            do_sample=False,
            num_beams=1,
            max_new_tokens=DECODED,
            return_dict_in_generate=True,
            output_logits=True,
        )
        first = written.logits[0][:, [self._no, self._yes]].float()
        probabilities = first.softmax(dim=-1)[:, 1].tolist()
        labels = self.tokenizer.batch_decode(written.sequences, skip_special_tokens=True)
        return [Judgement(p, decided=label == "1") for p, label in zip(probabilities, labels, strict=True)]
