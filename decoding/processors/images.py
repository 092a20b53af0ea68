"""The logits processors of the methods that compare an image with a view of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from transformers import PreTrainedModel

from ..images import (
    ImagePrompt,
    ImageRequests,
    Transform,
    VisionPrompter,
    add_noise,
    describe_images,
    draw_transform,
)
from ..methods.code import CODE
from ..methods.m3id import M3ID
from ..methods.parameters import check_integer
from ..methods.ritual import CHOSEN_BY_MODEL, RITUAL, TRANSFORMS
from ..methods.vcd import VCD
from .derived import copied, described, with_parameters
from .text import PromptLogitsProcessor

if TYPE_CHECKING:
    from PIL import Image

CHOOSING = (
    "You are an image transformation evaluator.\n"
    "Question: {question}\n"
    "Here is the list of image transformations you need to examine:\n"
    "{pool}\n"
    "Consider the impact of each transformation on the understanding of an image when answering questions. Select the "
    "most positive transformation that helps answer questions more accurately."
)
"""How RITUAL+ asks the model: the words of the figure in the authors' repository (`assets/ritual+.png`), which released
no code for it."""
SHOWN = dict(
    zip(
        TRANSFORMS,
        ("Horizontal Flip", "Vertical Flip", "Rotation", "Color Jitter", "Gaussian Blur", "Crop"),
        strict=True,
    )
)
"""The figure's names of the transformations."""

View = tuple[dict[str, Any], Mapping[str, Sequence[Any]]]
"""What the model reads as the contrast, and what was drawn or written for it: by name, one for each image."""


class ImageLogitsProcessor(PromptLogitsProcessor):
    """Base of the processors that compare an image with a view of it.

    A subclass names its method and says how the contrast is made: by :attr:`changed_image` or :attr:`changed_pixels`,
    which a server can use as well, or by a :meth:`view_of` of its own.
    """

    compared_with: Mapping[str, tuple[Any, ...]]
    """What :meth:`from_images` drew or wrote for the contrast, by name, one for each image."""
    changed_image: Callable[..., Image.Image] | None = None
    """`changed_image(method, image, seed)`: the image of the contrast, if the method changes the image itself."""
    changed_pixels: Callable[..., dict[str, Any]] | None = None
    """`changed_pixels(method, inputs, *, seeds, frames)`: the model's inputs for the contrast, if the method changes
    the pixels as the model reads them; see :func:`.add_noise`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401
        """Write the parameters of the method into the signature and the docstring of `from_images`."""
        super().__init_subclass__(**kwargs)
        shared = ImageLogitsProcessor.from_images.__func__
        parameters = cls.method_class.parameters()
        doc = described(shared.__doc__, cls.method_class, parameters)
        written = classmethod(copied(shared, with_parameters(shared, parameters), doc))
        cls.from_images = written  # pyright: ignore[reportAttributeAccessIssue]

    def __init__(
        self,
        model: PreTrainedModel,
        contrast_inputs: Mapping[str, Any],
        *,
        trace: bool = False,
        **parameters: Any,  # noqa: ANN401  (those of the method)
    ) -> None:
        super().__init__(model, contrast_inputs, trace=trace, **parameters)
        self.compared_with = {}

    @classmethod
    def from_images(
        cls,
        model: PreTrainedModel,
        processor: Any,  # noqa: ANN401  (each family has a class of its own)
        images: ImageRequests,
        *,
        seed: int = 0,
        trace: bool = False,
        **parameters: Any,  # noqa: ANN401  (those of the method)
    ) -> Self:
        """Make the processor for an image and a question, or for several.

        What was drawn or written for the contrast is in the attribute `compared_with`, by name, one for each image.

        Args:
            model: A vision-language model.
            processor: Its processor.
            images: `(image, question)`, chat messages with one image, or a list of either, in the order of the rows.
            {parameters}
            seed: The i-th image draws with `seed + i`, whatever else is in the batch.
            trace: As for the class.

        Raises:
            ValueError: The images, the model or the processor will not do; the message says why.
        """
        check_integer("seed", seed, 0)
        method = cls.method_class(**parameters)
        prompter = VisionPrompter(model, processor)
        prompts = prompter.prompts(images)
        contrast_inputs, compared_with = cls.view_of(method, prompter, prompts, seed)
        rule = {parameter.name: getattr(method, parameter.name) for parameter in cls.taken_parameters()}
        made = cls(prompter.model, contrast_inputs, trace=trace, **rule)
        made.method = method
        made.compared_with = {name: tuple(values) for name, values in compared_with.items()}
        return made

    @classmethod
    def view_of(cls, method: Any, prompter: VisionPrompter, prompts: Sequence[ImagePrompt], seed: int) -> View:  # noqa: ANN401
        """Return what the model reads as the contrast of these prompts: by default the prompts with changed images.

        Args:
            method: The method with its parameters, a :attr:`method_class`.
            prompter: The model with its processor.
            prompts: The main prompts.
            seed: The i-th prompt draws with `seed + i`.
        """
        seeds = range(seed, seed + len(prompts))
        if cls.changed_image is not None:
            images = [cls.changed_image(method, p.image, one) for p, one in zip(prompts, seeds, strict=True)]
            prompts = [replace(prompt, image=image) for prompt, image in zip(prompts, images, strict=True)]
        inputs = prompter.inputs(prompts)
        if cls.changed_pixels is not None:
            frames = getattr(prompter.processor.image_processor, "temporal_patch_size", 1)
            inputs = cls.changed_pixels(method, inputs, seeds=seeds, frames=frames)
        return inputs, {}


class CODELogitsProcessor(ImageLogitsProcessor):
    r"""Decode by CODE: prefer what the image says beyond the model's own description of it.

    {method}

    The view of the description reads no pixels: the vision tower does not run for it, as it does in the released code,
    where its output is thrown away.

    Args:
        model: The model that generates; it reads the description as well, on a cache of its own.
        contrast_inputs: What the processor returns for the prompts with the description in place of the image, one row
            for each prompt; :meth:`from_images` makes them.
        {parameters}
        trace: Record both views' log-probability of every token and, as coefficient `divergence`, D_t.
    """

    method_class = CODE

    @classmethod
    def view_of(cls, method: CODE, prompter: VisionPrompter, prompts: Sequence[ImagePrompt], seed: int) -> View:
        """Return the prompts with the description in place of the image."""
        descriptions = describe_images(prompter, prompts, method)
        return prompter.inputs_without_images(prompts, descriptions), {"description": descriptions}


class RITUALLogitsProcessor(ImageLogitsProcessor):
    r"""Decode by RITUAL: take a random transformation of the image as a second opinion.

    {method}

    Behind VCD or M3ID and without a cut of its own it is the combination that the paper reports, see
    docs/methods/ritual.md: `logits_processor=[vcd, RITUALLogitsProcessor(..., plausibility=0)]`.

    Args:
        model: The model that generates; it reads the transformed image as well, on a cache of its own.
        contrast_inputs: What the processor returns for the prompts with the transformed images, one row for each
            prompt; :meth:`from_images` makes them.
        {parameters}
        trace: Record both views' log-probability of every token, see :meth:`trace`.
    """

    method_class = RITUAL

    @staticmethod
    def changed_image(method: RITUAL, image: Image.Image, seed: int) -> Image.Image:
        """Return the image transformed, by a transformation that needs no model to be chosen."""
        return draw_transform(image, seed, method.transform)(image)  # type: ignore[arg-type]

    @classmethod
    def view_of(cls, method: RITUAL, prompter: VisionPrompter, prompts: Sequence[ImagePrompt], seed: int) -> View:
        """Return the prompts with their images transformed."""
        transforms = [_chosen(prompter, prompt, method.transform, seed + i) for i, prompt in enumerate(prompts)]
        seen = [replace(p, image=transform(p.image)) for p, transform in zip(prompts, transforms, strict=True)]
        return prompter.inputs(seen), {"transform": transforms}


class VCDLogitsProcessor(ImageLogitsProcessor):
    r"""Decode by visual contrastive decoding: prefer what the image says and noise does not.

    {method}

    The released code samples, and under `do_sample=False` is silently plain greedy decoding; this works under every way
    of decoding.

    Args:
        model: The model that generates; it reads the noised image as well, on a cache of its own.
        contrast_inputs: What the processor returns for the prompts, with noised pixels, one row for each prompt;
            :meth:`from_images` makes them.
        {parameters}
        trace: Record both views' log-probability of every token, see :meth:`trace`.
    """

    method_class = VCD

    @staticmethod
    def changed_pixels(method: VCD, inputs: Mapping[str, Any], *, seeds: Sequence[int], frames: int) -> dict[str, Any]:
        """Return the inputs with noise on the pixels."""
        return add_noise(inputs, step=method.noise_step, seeds=seeds, frames=frames)


class M3IDLogitsProcessor(ImageLogitsProcessor):
    r"""Decode by multi-modal mutual information: the longer the answer, the more it is held to the image.

    {method}

    Args:
        model: The model that generates; it reads the prompt without the image as well, on a cache of its own.
        contrast_inputs: What the processor returns for the prompts without their images, one row for each prompt;
            :meth:`from_images` makes them.
        {parameters}
        trace: Record both views' log-probability of every token and, as coefficient `weight`, w_t.
    """

    method_class = M3ID

    @classmethod
    def view_of(cls, method: M3ID, prompter: VisionPrompter, prompts: Sequence[ImagePrompt], seed: int) -> View:
        """Return the prompts without their images."""
        return prompter.inputs_without_images(prompts, [""] * len(prompts)), {}


def _chosen(prompter: VisionPrompter, prompt: ImagePrompt, transform: Any, seed: int) -> Transform:  # noqa: ANN401
    if isinstance(transform, Transform):
        return transform
    if transform != CHOSEN_BY_MODEL:
        return draw_transform(prompt.image, seed, transform)
    pool = "\n".join(f"{number}. {shown}" for number, shown in enumerate(SHOWN.values(), start=1))
    asked = prompter.asking(prompt.image, CHOOSING.format(question=prompt.question, pool=pool))
    return draw_transform(prompt.image, seed, _named(prompter.generated(asked, 16)))


def _named(answer: str) -> str | None:
    """Return the transformation that an answer names first, by its name or else by its number in the list."""
    said = answer.lower()
    places = {said.find(shown.lower()): name for name, shown in SHOWN.items() if shown.lower() in said}
    if places:
        return places[min(places)]
    number = re.search(r"\d+", said)
    place = int(number.group()) if number else 0
    return TRANSFORMS[place - 1] if 1 <= place <= len(TRANSFORMS) else None
