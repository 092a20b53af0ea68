"""Entailment models that are Hugging Face checkpoints: the base, and the text-to-text models TRUE and TrueTeacher.

All classes take the same options beside their own: `revision` (branch, tag or commit of the hub), `device` (a torch
device; `None` for a GPU if there is one), `device_map` (passed to `from_pretrained`, for models that need several
devices: `"auto"`), `batch_size` (windows scored at once), `threshold` (from which probability on a pair counts as
supported) and `window` (the longest input; a longer premise is read in pieces).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from counterfoil.models.checkpoints import in_halves, load_pretrained, loading_options, on_device, revision_of
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from .base import Judgement, Pair, WindowedEntailment

SLACK = 8
"""Tokens kept free, since a tokenizer may need a few more for a joined text than for its parts."""

DECODED = 10
"""Tokens decoded for a text-to-text model's label, as many as ALCE's scorer allows."""


class CheckpointEntailment(WindowedEntailment):
    """A model that judges by one forward pass, or one short answer, of a checkpoint.

    Args:
        tokenizer: The checkpoint's.
        model: The checkpoint, on its device.
        count: Length of a text in the unit of `window`; `None` for tokens.
        name: Identifies model, revision and settings.
        threshold: A pair counts as supported from this probability on.
        window: The longest input, in the unit of `count`.
        batch_size: How many windows are scored at once.
    """

    def __init__(
        self,
        tokenizer: Any,  # noqa: ANN401 (any transformers tokenizer)
        model: Any,  # noqa: ANN401 (any transformers model)
        *,
        count: Callable[[str], int] | None = None,
        name: str,
        threshold: float,
        window: int | None,
        batch_size: int,
    ) -> None:
        super().__init__(name=name, threshold=threshold, window=window, batch_size=batch_size)
        self.tokenizer = tokenizer
        self.model = model
        self._count = count or counter(tokenizer)

    def count(self, text: str) -> int:
        """Return the length in the unit of `window`."""
        return self._count(text)

    def score(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judge one batch of pairs that fit; in halves if it does not fit into the device's memory."""
        with torch.inference_mode():
            too_large = Judgement(None, failure="the pair does not fit into the device's memory")
            return in_halves(self.forward, pairs, too_large)

    @abstractmethod
    def forward(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judge one batch of pairs that fit the window; may run out of memory."""

    def inputs(self, *texts: Sequence[str]) -> Any:  # noqa: ANN401 (a transformers type)
        """Return the padded batch of some texts, or of pairs of texts, on the model's device."""
        return self.tokenizer(*map(list, texts), padding=True, return_tensors="pt").to(self.model.device)


class T5Entailment(CheckpointEntailment):
    """A checkpoint that was trained to write "1" if the premise entails the hypothesis and "0" if not.

    The probability is that of the first token of "1" against that of "0" at the first decoding step. The label that
    the model really writes is kept beside it (`decided`), because published figures count that one: it is true only
    if the model writes "1" and nothing else.

    Args:
        kind: First part of the name.
        model: Hub id or path.
        template: The input, with `{premise}` and `{hypothesis}`.
        window: Tokens of the whole input; `None` for no limit, as the published scorers have it.
        revision: As for all; see the module.
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
        tokenizer = load_pretrained(AutoTokenizer, model, revision=revision or "main")
        loaded = load_pretrained(AutoModelForSeq2SeqLM, model, **loading_options(device, device_map, revision))
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
        """Judge one batch of pairs that fit the window; may run out of memory."""
        texts = [self.template.format(premise=pair.premise, hypothesis=pair.hypothesis) for pair in pairs]
        written = self.model.generate(
            **self.inputs(texts),
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


class TrueEntailment(T5Entailment):
    """`google/t5_xxl_true_nli_mixture` (Apache-2.0), the judge of ALCE and Attributed QA, 11 billion parameters.

    TRUE (Honovich et al., NAACL 2022) is binary: it does not tell contradiction from silence.

    Args:
        model: Another checkpoint of the same form.
        **options: See :class:`T5Entailment`. ALCE's own scorer has no window: `window=None`.
    """

    def __init__(self, model: str = "google/t5_xxl_true_nli_mixture", **options: Any) -> None:  # noqa: ANN401 (checked by the base class)
        super().__init__("true", model, template="premise: {premise} hypothesis: {hypothesis}", **options)


class TrueTeacherEntailment(T5Entailment):
    """`google/t5_11b_trueteacher_and_anli` (CC-BY-NC-4.0: not for commercial use), the judge of LAQuer.

    TrueTeacher (Gekhman et al., EMNLP 2023).

    Args:
        model: Another checkpoint of the same form.
        prompt: `"card"` for the form that the model card gives, `"laquer"` for the one that LAQuer's scorer uses.
        **options: See :class:`T5Entailment`.

    Raises:
        ValueError: For another prompt.
    """

    PROMPTS: ClassVar = {
        "card": "premise: {premise} hypothesis: {hypothesis}",
        "laquer": "\nPremise: {premise}\nHypothesis: {hypothesis}\n",
    }

    def __init__(
        self,
        model: str = "google/t5_11b_trueteacher_and_anli",
        *,
        prompt: str = "card",
        **options: Any,  # noqa: ANN401 (checked by the base class)
    ) -> None:
        if prompt not in self.PROMPTS:
            raise ValueError(f"`prompt` has to be one of {', '.join(self.PROMPTS)}, but is {prompt!r}")
        kind = "trueteacher" if prompt == "card" else f"trueteacher-{prompt}"
        super().__init__(kind, model, template=self.PROMPTS[prompt], **options)


def full_name(kind: str, model: str, loaded: Any) -> str:  # noqa: ANN401 (any transformers model)
    """Return `kind:model@revision+precision`: judgements are remembered by it, so it holds what they depend on.

    The revision is the commit that was loaded, or a digest of the files of a folder; the precision is left out if it is
    float32.
    """
    revision = revision_of(model, loaded)
    precision = str(loaded.dtype).removeprefix("torch.")
    return (
        f"{kind}:{model}" + (f"@{revision}" if revision else "") + ("" if precision == "float32" else f"+{precision}")
    )


def counter(tokenizer: Any) -> Callable[[str], int]:  # noqa: ANN401 (any transformers tokenizer)
    """Return a function that counts tokens without special ones; no warning for texts longer than the window."""
    return lambda text: len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
