"""A way to decode, bound to a loaded model: keywords of `generate()`, and the logits processors of its methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from counterfoil.models import LanguageModel, VisionModel, load_language_model

from .by_name import Decoding, method_names, processor_class
from .generation import batched_views, drafted_views
from .images import ImageRequests
from .methods.contrastive_decoding import ContrastiveDecoding
from .methods.contrastive_search import ContrastiveSearch
from .methods.method import Method
from .processors.base import ContrastLogitsProcessor
from .search.loop import contrastive_search
from .views import CutContext, EarlyExit, OtherPrompt, SamePrompt

GREEDY: Mapping[str, Any] = {"do_sample": False, "num_beams": 1, "repetition_penalty": 1.0, "no_repeat_ngram_size": 0}
"""Keywords of greedy `generate()`. Many models bring settings of their own, for example a repetition penalty, which
would be in every row of a table unseen, in that of plain decoding too."""


class Decoder:
    """Decodes text with one model.

    Args:
        decoding: The method and its parameters.
        language: The model; a model named as `amateur` is loaded beside it.
        drafts: Whether several tokens are read in a forward where that gives the same tokens, see
            :func:`~counterfoil.decoding.drafted_views`.

    Raises:
        ValueError: The amateur has another vocabulary, or the method needs an image.
    """

    def __init__(self, decoding: Decoding, language: LanguageModel, *, drafts: bool = False) -> None:
        if decoding.takes_image:
            raise ValueError(
                f"`decoding` has to read text alone, but {decoding.method} compares an image with a view of it: take "
                "ImageDecoder"
            )
        self.decoding = decoding
        self.language = language
        self._loop = drafted_views if drafts else batched_views
        name = decoding.parameters.get("amateur")
        self._amateur = language.model if name is None else _amateur(name, language)

    def options(
        self,
        inputs: Mapping[str, Any],
        contrast_inputs: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Return keywords that switch the method on in `generate()`: at most one forward a token.

        Args:
            inputs: What the tokenizer returned for the prompts.
            contrast_inputs: The same for the other prompts, if the method takes them; a list if it takes several.

        Raises:
            ValueError: No contrast for a method that takes one, or a model that cannot serve the method.
        """
        for method in self.decoding.methods:
            if isinstance(method, ContrastiveSearch):
                return {"custom_generate": contrastive_search, **method.settings}
        processor = self.processor(inputs, contrast_inputs)
        return {} if processor is None else {"logits_processor": [processor], "custom_generate": self._loop}

    def processor(
        self,
        inputs: Mapping[str, Any],
        contrast_inputs: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> ContrastLogitsProcessor | None:
        """Return the method's logits processor for these prompts, or `None` for plain decoding.

        Raises:
            ValueError: As :meth:`options`, and for a method that chooses among tokens without giving all of them a
                probability.
        """
        if not self.decoding.methods:
            return None
        (method,) = self.decoding.methods
        model, size = self.language.model, len(self.language.tokenizer)
        if method.contrast == "candidates":
            raise ValueError(
                f"`method` has to give tokens a probability, but is {method.name}, which only chooses among them. "
                f"Take one of none, {', '.join(name for name in method_names(image=False) if name != method.name)}"
            )
        if method.contrast == "prompt":
            if contrast_inputs is None and not method.unconditional_tokens:
                raise ValueError(f"`contrast_inputs` has to be given for {method.name}, but is None")
            if contrast_inputs is None:
                view = CutContext(model, method.unconditional_tokens, inputs["attention_mask"])
                return ContrastLogitsProcessor(model, view, method)
            several = [contrast_inputs] if isinstance(contrast_inputs, Mapping) else list(contrast_inputs)
            method.check_contrasts(len(several))
            if method.processor:
                return _made(method, model, several[0] if method.contrasts == 1 else several)
            return ContrastLogitsProcessor(model, [OtherPrompt(model, one) for one in several], method)
        if method.contrast == "model":
            return _made(method, model, self._amateur_view(method, inputs), vocabulary_size=size)
        return _made(method, model)

    def _amateur_view(self, method: Method, inputs: Mapping[str, Any]) -> EarlyExit | CutContext | SamePrompt:
        mask = inputs["attention_mask"]
        if isinstance(method, ContrastiveDecoding):
            if method.early_exit is not None:
                return EarlyExit(self.language.model, method.early_exit)
            if method.cut_context is not None:
                return CutContext(self._amateur, method.cut_context, mask)
        return SamePrompt(self._amateur, mask)


class ImageDecoder:
    """Decodes answers to questions about images with one vision-language model.

    Args:
        decoding: The method and its parameters.
        vision: The model.
        drafts: As for :class:`Decoder`.

    Raises:
        ValueError: The method compares no images.
    """

    def __init__(self, decoding: Decoding, vision: VisionModel, *, drafts: bool = False) -> None:
        if decoding.methods and not decoding.takes_image:
            names = ", ".join(method_names(image=True))
            raise ValueError(f"`method` has to be one of {names} for an image, but is {decoding.method}")
        self.decoding = decoding
        self.vision = vision
        self._loop = drafted_views if drafts else batched_views

    def options(self, images: ImageRequests, seed: int = 0) -> dict[str, Any]:
        """Return keywords that switch the method on in `generate()`: one forward a token for all views.

        Args:
            images: `(image, question)`, chat messages with one image, or a list of either.
            seed: Of what a method draws: the i-th image draws with `seed + i`.

        Raises:
            ValueError: As the method's `from_images`.
        """
        processors = self.processors(images, seed)
        return {"logits_processor": processors, "custom_generate": self._loop} if processors else {}

    def processors(self, images: ImageRequests, seed: int = 0) -> list[ContrastLogitsProcessor]:
        """Return the logits processors of the methods for these images, in their order; none for plain decoding."""
        model, processor = self.vision.model, self.vision.processor
        return [
            processor_class(method).from_images(model, processor, images, seed=seed, **method.settings)
            for method in self.decoding.methods
        ]


def _made(method: Method, model: Any, *contrast: Any, **options: Any) -> ContrastLogitsProcessor:  # noqa: ANN401
    """Return the logits processor of a method, whose class takes the method's parameters by keyword."""
    kind = processor_class(method)
    parameters = {parameter.name: getattr(method, parameter.name) for parameter in kind.taken_parameters()}
    return kind(model, *contrast, **parameters, **options)


def _amateur(name: str, language: LanguageModel) -> Any:  # noqa: ANN401
    amateur = load_language_model(name, device=language.model.device)
    if amateur.tokenizer.get_vocab() != language.tokenizer.get_vocab():
        raise ValueError(
            f"`amateur` has to have the vocabulary of {language.name}, but {name} has another one. Take a smaller "
            "model of the same family, or `early_exit`"
        )
    return amateur.model
