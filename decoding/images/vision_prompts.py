"""A model and its processor: prompts with an image, and the same prompts with something else in its place."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor
from transformers import GenerationMixin, PreTrainedModel, ProcessorMixin

from ..views.unwrap_model import unwrap_model
from .image_requests import (
    ImagePrompt,
    ImageRequests,
    ImageSource,
    Message,
    image_and_messages,
    open_image,
    requests_of,
)

if TYPE_CHECKING:
    from PIL import Image

UNUSED = ("labels",)
"""What a processor may return that only training reads."""


def image_inputs(model: PreTrainedModel, processor: Any, images: ImageRequests) -> dict[str, Any]:  # noqa: ANN401
    """Return the main inputs of `generate()` for an image and a question.

        model.generate(**image_inputs(model, processor, images), logits_processor=[...])

    Args:
        model: A vision-language model.
        processor: The model's processor.
        images: `(image, question)`, chat messages with one image, or a list of either.

    Returns:
        What the processor returns for the prompts, padded on the left, on the model's device.

    Raises:
        ValueError: As :class:`VisionPrompter`.
    """
    prompter = VisionPrompter(model, processor)
    return prompter.inputs(prompter.prompts(images))


class VisionPrompter:
    """A vision-language model with its processor.

    Args:
        model: The model that generates.
        processor: The model's own (`AutoProcessor.from_pretrained`).

    Raises:
        ValueError: A model that reads no images or makes its text in a way that cannot be followed; a processor that is
            none.
    """

    def __init__(self, model: PreTrainedModel, processor: Any) -> None:  # noqa: ANN401
        self.model = unwrap_model(model, "model")
        self.processor = processor
        _check_model(self.model)
        if not isinstance(processor, ProcessorMixin) or not hasattr(processor, "image_processor"):
            raise ValueError(
                "`processor` has to be the model's processor (AutoProcessor.from_pretrained), but is a "
                f"{type(processor).__name__}"
            )
        # Gemma 3 marks the place of an image by one token and fills it with another.
        marker = getattr(processor, "boi_token", None) or getattr(processor, "image_token", None)
        if marker is None:
            raise ValueError(
                f"`processor` has to mark images by a token of its own, but {type(processor).__name__} has none"
            )
        self.marker = str(marker)

    def prompts(self, given: ImageRequests) -> list[ImagePrompt]:
        """Return the prompts of one or several requests.

        Raises:
            ValueError: No image, several images, one that cannot be read, or a processor without a chat template.
        """
        return [self._prompt(request) for request in requests_of(given)]

    def asking(self, image: Image.Image, question: str) -> ImagePrompt:
        """Return a prompt that asks a question of ours about an image.

        Raises:
            ValueError: The processor has no chat template to ask by.
        """
        return self._prompt([{"role": "user", "content": [_part(image), {"type": "text", "text": question}]}])

    def inputs(self, prompts: Sequence[ImagePrompt]) -> dict[str, Any]:
        """Return what the model reads for prompts with their images.

        Raises:
            ValueError: The processor is not the model's.
        """
        read = self._processed([prompt.text for prompt in prompts], [[prompt.image] for prompt in prompts])
        ids, image = read["input_ids"], getattr(self.model.config, "image_token_id", None)
        unknown = read.keys() - self._accepted()
        if unknown or not bool((ids == image).any(-1).all()):
            found = f"returns {', '.join(sorted(unknown))}" if unknown else f"does not mark images by token {image}"
            name = type(self.processor).__name__
            raise ValueError(f"`processor` has to be that of {type(self.model).__name__}, but {name} {found}")
        return read

    def inputs_without_images(self, prompts: Sequence[ImagePrompt], replacements: Sequence[str]) -> dict[str, Any]:
        """Return what the model reads for the prompts with texts in the places of their images.

        The marker goes, and what the model puts around an image with it; no pixels are read.

        Raises:
            ValueError: The processor makes no prompt without an image.
        """
        texts = [
            prompt.text.replace(self._surrounded(prompt.text), text.replace(self.marker, ""))
            for prompt, text in zip(prompts, replacements, strict=True)
        ]
        try:
            return self._processed(texts, None)
        except (ValueError, TypeError) as error:
            name = type(self.processor).__name__
            raise ValueError(
                f"{name} makes no prompt without an image ({error}): RITUAL and VCD need none. Or tokenize the "
                "prompts yourself and give them to the class, in place of `from_images`"
            ) from error

    def generated(self, prompt: ImagePrompt, max_new_tokens: int) -> str:
        """Return what the model says to a prompt, greedily."""
        inputs = self.inputs([prompt])
        generator: Any = self.model
        output = generator.generate(**inputs, do_sample=False, num_beams=1, max_new_tokens=max_new_tokens)
        new = output[0, inputs["input_ids"].shape[1] :]
        return self.processor.tokenizer.decode(new, skip_special_tokens=True).strip()

    def _prompt(self, request: tuple[ImageSource, str] | list[Message]) -> ImagePrompt:
        if isinstance(request, tuple):
            source, question = request
            image = open_image(source)
            if self.marker in question:  # the whole prompt, as its writer wants it
                return ImagePrompt(image, self._checked(question), question.replace(self.marker, "").strip())
            if not question.strip():
                raise ValueError("`question` has to hold a word, but is empty")
            return self.asking(image, question)
        image, messages, question = image_and_messages(request)
        if getattr(self.processor, "chat_template", None) is None:
            raise ValueError(
                f"`processor` has to have a chat template, but {type(self.processor).__name__} has none: give "
                f"(image, prompt) with the whole prompt, {self.marker!r} in it where the image goes"
            )
        text = self.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return ImagePrompt(image, self._checked(text), question)

    def _checked(self, text: str) -> str:
        if (count := text.count(self.marker)) != 1:
            raise ValueError(f"the prompt has to have {self.marker!r} in it once, but has it {count} times: {text!r}")
        return text

    def _surrounded(self, text: str) -> str:
        config, tokenizer = self.model.config, self.processor.tokenizer
        around = [getattr(config, f"vision_{end}_token_id", None) for end in ("start", "end")]
        if None in around:
            return self.marker
        start, end = tokenizer.convert_ids_to_tokens(around)
        whole = f"{start}{self.marker}{end}"
        return whole if whole in text else self.marker

    def _processed(self, texts: list[str], images: list[list[Image.Image]] | None) -> dict[str, Any]:
        bos = self.processor.tokenizer.bos_token
        # As in the processor's own apply_chat_template: a template that writes the first token has it not added again.
        written = {"add_special_tokens": False} if bos and texts[0].startswith(bos) else {}
        given = {} if images is None else {"images": images}
        read = self.processor(text=texts, **given, padding=True, padding_side="left", return_tensors="pt", **written)
        return {
            key: value.to(self.model.device) if isinstance(value, Tensor) else value
            for key, value in read.items()
            if key not in UNUSED
        }

    def _accepted(self) -> set[str]:
        return {*inspect.signature(self.model.forward).parameters, "attention_mask", "mm_token_type_ids"}


def _part(image: Image.Image) -> dict[str, Any]:
    return {"type": "image", "image": image}


def _check_model(model: PreTrainedModel) -> None:
    config, name = model.config, type(model).__name__
    served = "take LLaVA, Qwen-VL, Idefics3, SmolVLM, Gemma 3 or the like"
    if not any(hasattr(config, part) for part in ("image_token_id", "vision_config", "vq_config")):
        raise ValueError(f"`model` has to be a vision-language model, but {name} reads no images: {served}")
    if config.is_encoder_decoder:
        raise ValueError(
            f"`model` has to be decoder-only to compare images, but {name} is an encoder-decoder model: {served}"
        )
    if getattr(type(model), "generate", None) is not vars(GenerationMixin)["generate"]:
        raise ValueError(
            f"`model` has to generate as transformers does, but {name} has a generate() of its own, whose processors "
            f"are not shown the prompt: {served}"
        )
    if getattr(config, "image_token_id", None) is None:
        raise ValueError(
            f"`model` has to name its image token in `config.image_token_id`, but {name} does not: {served}"
        )
