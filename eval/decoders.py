"""A decoding, bound to a loaded model: how `generate()` is told, and which processor scores given texts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from counterfoil.decoding import (
    CADLogitsProcessor,
    CIDLogitsProcessor,
    ContrastiveDecodingLogitsProcessor,
    ContrastLogitsProcessor,
    CutContext,
    DoLaLogitsProcessor,
    EarlyExit,
    SamePrompt,
    batched_views,
    contrastive_search,
)
from counterfoil.decoding.search.loop import ContrastiveSearchSettings
from counterfoil.models import LanguageModel, load_language_model

from .decodings import PARAMETERS, Decoding

GREEDY: Mapping[str, Any] = {"do_sample": False, "num_beams": 1, "repetition_penalty": 1.0, "no_repeat_ngram_size": 0}
"""Keywords of greedy `generate()`. Many models bring settings of their own, for example a repetition penalty, which
would be in every row of a table unseen, in that of plain decoding too."""

AMATEURS = ("amateur", "early_exit", "cut_context")
DECLARED = {
    "cad": CADLogitsProcessor,
    "cid": CIDLogitsProcessor,
    "contrastive_decoding": ContrastiveDecodingLogitsProcessor,
    "dola": DoLaLogitsProcessor,
    "contrastive_search": ContrastiveSearchSettings,
}


def settings_of(decoding: Decoding, *declared: Callable[..., Any] | None) -> dict[str, Any]:
    """All parameters of a decoding, the defaults of those that were not given among them.

    Args:
        decoding: The method and what was given.
        declared: What declares the defaults; for a method of text that is known.
    """
    known = {
        name: parameter.default
        for one in declared or (DECLARED.get(decoding.method),)
        if one is not None
        for name, parameter in inspect.signature(one).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    defaults = {name: known[name] for name in PARAMETERS[decoding.method] if name in known}
    return {**defaults, **decoding.parameters}


def label_of(decoding: Decoding) -> str:
    """A method of text with its parameters, for a table."""
    return labelled(decoding.method, settings_of(decoding))


def labelled(method: str, settings: Mapping[str, Any]) -> str:
    """A method with its parameters, for a table."""
    shown = ", ".join(f"{name} {_shown(value)}" for name, value in settings.items())
    return f"{method} ({shown})" if shown else method


class Decoder:
    """Decodes with one model by one method.

    Args:
        decoding: The method and its parameters.
        language: The model; a model named as `amateur` is loaded beside it.

    Raises:
        ValueError: The amateur has another vocabulary, or the method needs an image.
    """

    def __init__(self, decoding: Decoding, language: LanguageModel) -> None:
        if decoding.takes_image:
            raise ValueError(
                f"`decoding` has to read text alone, but {decoding.method} compares an image with a view of it: take "
                "ImageDecoder"
            )
        self.decoding = decoding
        self.language = language
        name = decoding.parameters.get("amateur")
        self._amateur = language.model if name is None else _amateur(name, language)

    @property
    def settings(self) -> dict[str, Any]:
        """All parameters of the method, see :func:`settings_of`."""
        return settings_of(self.decoding)

    @property
    def label(self) -> str:
        """The method with its parameters, see :func:`label_of`."""
        return label_of(self.decoding)

    @property
    def contrasts_layers(self) -> bool:
        """Whether the other view is an earlier layer of the same forward."""
        return self.decoding.method == "dola" or "early_exit" in self.decoding.parameters

    def options(self, inputs: Mapping[str, Any], contrast_inputs: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Keywords that switch the method on in `generate()`: one forward a token, whatever it compares.

        Args:
            inputs: What the tokenizer returned for the prompts.
            contrast_inputs: The same for the other prompts, where the method takes them.

        Raises:
            ValueError: A parameter out of range, or no contrast where the method takes one.
        """
        if self.decoding.method == "contrastive_search":
            settings = ContrastiveSearchSettings(**self.settings)
            chosen = {"penalty_alpha": settings.penalty_alpha, "top_k": settings.top_k}
            return {"custom_generate": contrastive_search, **chosen}
        processor = self.processor(inputs, contrast_inputs)
        return {} if processor is None else {"logits_processor": [processor], "custom_generate": batched_views}

    def processor(
        self, inputs: Mapping[str, Any], contrast_inputs: Mapping[str, Any] | None = None
    ) -> ContrastLogitsProcessor | None:
        """The method's logits processor for these prompts, or `None` for plain decoding.

        Raises:
            ValueError: As :meth:`options`, and for contrastive search, which is no distribution over tokens.
        """
        method, model = self.decoding.method, self.language.model
        given = {name: value for name, value in self.decoding.parameters.items() if name not in AMATEURS}
        if method == "none":
            return None
        if method == "contrastive_search":
            raise ValueError(
                "`method` has to give tokens a probability, but is contrastive_search, which only chooses among them. "
                "Take one of none, cad, cid, contrastive_decoding, dola"
            )
        if self.decoding.takes_contrast and contrast_inputs is None:
            raise ValueError(f"`contrast_inputs` has to be given for {method}, but is None")
        if method == "contrastive_decoding":
            size = len(self.language.tokenizer)
            return ContrastiveDecodingLogitsProcessor(model, self._amateur_view(inputs), vocabulary_size=size, **given)
        if method == "dola":
            return DoLaLogitsProcessor(model, **given)
        return DECLARED[method](model, contrast_inputs, **given)

    def _amateur_view(self, inputs: Mapping[str, Any]) -> EarlyExit | CutContext | SamePrompt:
        parameters = self.decoding.parameters
        if "early_exit" in parameters:
            return EarlyExit(self.language.model, parameters["early_exit"])
        mask = inputs["attention_mask"]
        if "cut_context" in parameters:
            return CutContext(self._amateur, parameters["cut_context"], mask)
        return SamePrompt(self._amateur, mask)


def _amateur(name: str, language: LanguageModel) -> Any:  # noqa: ANN401
    amateur = load_language_model(name, device=language.model.device)
    if amateur.tokenizer.get_vocab() != language.tokenizer.get_vocab():
        raise ValueError(
            f"`amateur` has to have the vocabulary of {language.name}, but {name} has another one. Take a smaller "
            "model of the same family, or `early_exit`"
        )
    return amateur.model


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
