"""The logits processors of the methods that read text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from transformers import PreTrainedModel

from ..methods.cad import CAD
from ..methods.cfg import CFG
from ..methods.cid import CID
from ..methods.contrastive_decoding import ContrastiveDecoding
from ..methods.dexperts import DExperts
from ..methods.dola import DoLa
from ..methods.parameters import Parameter
from ..methods.weighted_sum import WeightedSum
from ..views import CutContext, OtherPrompt, SamePrompt
from ..views.layer_view import CandidateLayers
from ..views.unwrap_model import unwrap_model
from .base import ContrastLogitsProcessor, View


class PromptLogitsProcessor(ContrastLogitsProcessor):
    """Base of the processors that compare the main prompt with another one."""

    def __init__(
        self,
        model: PreTrainedModel,
        contrast_inputs: Mapping[str, Any],
        *,
        trace: bool = False,
        **parameters: Any,  # noqa: ANN401  (those of the method)
    ) -> None:
        method = self.made_method(parameters)
        super().__init__(model, OtherPrompt(model, contrast_inputs), method, trace=trace)


class CADLogitsProcessor(PromptLogitsProcessor):
    r"""Decode by context-aware decoding: trust the documents over what the model remembers.

    {method}

    Args:
        model: The model that generates; it reads the contrast as well, on a cache of its own.
        contrast_inputs: What the tokenizer returns for the prompts *without* the context, one row for each prompt of
            the batch: `input_ids` and `attention_mask`, padded on either side.
        {parameters}
        trace: Record both views' log-probability of every token, see :meth:`trace`.

    Example:
        >>> from counterfoil.decoding import CADLogitsProcessor
        >>> from counterfoil.models import load_language_model
        >>> lm = load_language_model()
        >>> question = "What is the capital of France? The capital of France is"
        >>> passage = "In 2031 the government of France moved to Lyon, the new capital. "
        >>> inputs = lm.tokenizer(passage + question, return_tensors="pt")
        >>> contrast = lm.tokenizer(question, return_tensors="pt")
        >>> def continued(*processors):
        ...     ids = lm.model.generate(**inputs, logits_processor=list(processors), max_new_tokens=2, do_sample=False)
        ...     return lm.tokenizer.decode(ids[0, inputs["input_ids"].shape[1] :])
        >>> continued()
        ' Paris.'
        >>> continued(CADLogitsProcessor(lm.model, contrast, strength=1.0))
        ' Lyon.'
    """

    method_class = CAD


class GuidanceLogitsProcessor(ContrastLogitsProcessor):
    r"""Decode by classifier-free guidance (CFG): follow the prompt, and keep away from a negative prompt.

    {method}

    Args:
        model: The model that generates; it reads the negative view as well, on a cache of its own.
        negative_inputs: What the tokenizer returns for the negative prompts, one row for each prompt or one for all,
            padded on either side; or a view, for example `CutContext(model, 4)`. By default the last token of each
            prompt.
        {parameters}
        trace: Record both views' log-probability of every token, see :meth:`trace`.
    """

    method_class = CFG

    def __init__(
        self,
        model: PreTrainedModel,
        negative_inputs: Mapping[str, Any] | View | None = None,
        *,
        trace: bool = False,
        **parameters: Any,  # noqa: ANN401  (those of the method)
    ) -> None:
        method = self.made_method(parameters)
        if negative_inputs is None:
            view: View = CutContext(model, method.unconditional_tokens)
        else:
            view = as_view(model, negative_inputs, "negative_inputs")
        super().__init__(model, view, method, trace=trace)


class CIDLogitsProcessor(PromptLogitsProcessor):
    r"""Decode by contrastive input decoding: bring out what is said to this input and not to that one.

    {method}

    It is a diagnostic, not a fix: it brings out a difference that plain decoding hides.

    Args:
        model: The model that generates; it reads the contrastive input as well, on a cache of its own.
        contrast_inputs: What the tokenizer returns for x', one row for each prompt: the same request with the name, the
            group or the wording exchanged. Its length may differ.
        {parameters}
        trace: Record both views' log-probability of every token, see :meth:`trace`.
    """

    method_class = CID


class ContrastiveDecodingLogitsProcessor(ContrastLogitsProcessor):
    r"""Decode by contrastive decoding: prefer what a strong model prefers more than a weak one does.

    {method}

    Args:
        model: The model that generates: the expert.
        amateur: A smaller model with the same vocabulary, which reads the same prompt; or a view: `EarlyExit(model,
            layer)`, `CutContext(model, last)`, `OtherPrompt(model, inputs)`, `SamePrompt(model, attention_mask)`.
        {parameters}
        vocabulary_size: `len(tokenizer)`, if expert and amateur pad their vocabulary differently.
        trace: Record both views' log-probability of every token, see :meth:`trace`.
    """

    method_class = ContrastiveDecoding

    def __init__(
        self,
        model: PreTrainedModel,
        amateur: PreTrainedModel | View,
        *,
        vocabulary_size: int | None = None,
        trace: bool = False,
        **parameters: Any,  # noqa: ANN401  (those of the method)
    ) -> None:
        method = self.made_method(parameters)
        view = amateur if isinstance(amateur, View) else SamePrompt(unwrap_model(amateur, "amateur"))
        super().__init__(model, view, method, vocabulary_size=vocabulary_size, trace=trace)


class DExpertsLogitsProcessor(ContrastLogitsProcessor):
    r"""Decode by DExperts: towards an expert and away from an anti-expert.

    {method}

    Args:
        model: The model that generates.
        experts: The expert and the anti-expert: each a model with the same vocabulary, which reads the same prompt;
            what the tokenizer returns for another prompt, which the model itself reads; or a view, for example
            `EarlyExit(model, layer)` or `OtherPrompt(expert, inputs)`.
        {parameters}
        vocabulary_size: `len(tokenizer)`, if the models pad their vocabulary differently.
        trace: Record all views' log-probability of every token, see :meth:`trace`.
    """

    method_class = DExperts

    def __init__(
        self,
        model: PreTrainedModel,
        experts: Sequence[PreTrainedModel | Mapping[str, Any] | View],
        *,
        vocabulary_size: int | None = None,
        trace: bool = False,
        **parameters: Any,  # noqa: ANN401  (those of the method)
    ) -> None:
        method = self.made_method(parameters)
        views = [as_view(model, expert, f"experts[{i}]") for i, expert in enumerate(experts)]
        super().__init__(model, views, method, vocabulary_size=vocabulary_size, trace=trace)


class WeightedSumLogitsProcessor(ContrastLogitsProcessor):
    r"""Decode by a weighted sum of views: several negative prompts, an ensemble of prompts or models.

    {method}

    Args:
        model: The model that generates.
        contrasts: The other views, one for each of `weights`: each a model with the same vocabulary, which reads the
            same prompt; what the tokenizer returns for another prompt, which the model itself reads; or a view.
        {parameters}
        vocabulary_size: `len(tokenizer)`, if the models pad their vocabulary differently.
        trace: Record all views' log-probability of every token, see :meth:`trace`.
    """

    method_class = WeightedSum

    def __init__(
        self,
        model: PreTrainedModel,
        contrasts: Sequence[PreTrainedModel | Mapping[str, Any] | View],
        *,
        vocabulary_size: int | None = None,
        trace: bool = False,
        **parameters: Any,  # noqa: ANN401  (those of the method)
    ) -> None:
        method = self.made_method(parameters)
        views = [as_view(model, contrast, f"contrasts[{i}]") for i, contrast in enumerate(contrasts)]
        super().__init__(model, views, method, vocabulary_size=vocabulary_size, trace=trace)


def as_view(model: PreTrainedModel, given: PreTrainedModel | Mapping[str, Any] | View, name: str) -> View:
    """Return the view that an argument means.

    Args:
        model: The model that generates; it reads another prompt.
        given: A view, the inputs of another prompt, or a model that reads the same prompt.
        name: How messages call the argument.

    Raises:
        ValueError: It is none of these.
    """
    if isinstance(given, View):
        return given
    if isinstance(given, Mapping):
        return OtherPrompt(model, given, name)
    return SamePrompt(unwrap_model(given, name))


class DoLaLogitsProcessor(ContrastLogitsProcessor):
    r"""Decode by contrasting layers: prefer what the last layer knows and an earlier one did not yet.

    {method}

    There is no second forward: the hidden states are those of the main one. On SmolLM2 without the norm, the eight
    upper candidates are within 1e-6 of log 2 at most steps. The authors put a repetition penalty of 1.2 on the
    contrastive scores: `released=True, norm=False`, and transformers' `RepetitionPenaltyLogitsProcessor(1.2)` behind.

    Args:
        model: The model that generates, decoder-only.
        layers: `"low"`, `"high"`, candidates, or one layer.
        {parameters}
        trace: Record both layers' log-probability of every token and, as coefficient `layer`, which it was.
    """

    method_class = DoLa

    def __init__(
        self,
        model: PreTrainedModel,
        layers: str | int | Sequence[int] = "high",
        *,
        trace: bool = False,
        **parameters: Any,  # noqa: ANN401  (those of the method)
    ) -> None:
        method = self.made_method({"layers": layers, **parameters})
        assert isinstance(method, DoLa)
        view = CandidateLayers(unwrap_model(model, "model"), method.layers, norm=method.norm)
        super().__init__(model, view, replace(method, layers=view.layers), trace=trace)

    @classmethod
    def taken_parameters(cls) -> tuple[Parameter, ...]:
        """Return all parameters: which layers, and how they are read, are arguments as well."""
        return cls.method_class.parameters()
