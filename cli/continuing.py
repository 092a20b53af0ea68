"""A prompt and its two continuations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from counterfoil.decoding.by_name import Decoding

if TYPE_CHECKING:
    from counterfoil.models import LanguageModel

    from .looking import ImageRequest


@dataclass(frozen=True)
class Sampling:
    """How to sample.

    Args:
        temperature: Above 0.
        top_p: In (0, 1].
        seed: Of both continuations.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"--temperature has to be above 0, but is {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"--top-p has to be above 0 and at most 1, but is {self.top_p}")

    @classmethod
    def asked_for(cls, sample: bool, **given: float | None) -> Self | None:
        """What the command line says, `None` for greedy decoding.

        Raises:
            ValueError: Out of range, or given without `sample`.
        """
        known: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if known and not sample:
            raise ValueError(f"--{next(iter(known)).replace('_', '-')} goes with --sample, which is missing. Add it")
        return cls(**known) if sample else None


@dataclass(frozen=True)
class Request:
    """What to continue, and how.

    Args:
        decoding: The method.
        prompt: The text.
        contrast: The other text of a method that compares two.
        chat: Whether the texts are what a user says in a chat.
        max_new_tokens: At least 1.
        sampling: `None` for greedy decoding.

    Raises:
        ValueError: Something missing, or something that the method has no use for.
    """

    decoding: Decoding
    prompt: str
    contrast: str | None
    chat: bool
    max_new_tokens: int
    sampling: Sampling | None

    def __post_init__(self) -> None:
        method = self.decoding.method
        if self.decoding.takes_image:
            raise ValueError(f"--image is missing: {method} compares an image with a view of it. Add it and --question")
        if method == "none":
            raise ValueError("--method has to be a contrastive one, but is none: plain decoding is shown beside it")
        for name, text in (("prompt", self.prompt), ("contrast", self.contrast)):
            if text is not None and not text.strip():
                raise ValueError(f"--{name} has to hold a word, but is empty")
        if self.decoding.takes_contrast and self.contrast is None:
            raise ValueError(f"--contrast is missing: {method} compares the prompt with another one. Add it")
        if not self.decoding.takes_contrast and self.contrast is not None:
            raise ValueError(f"--contrast has to be left out for {method}, which reads one prompt only")
        if self.max_new_tokens < 1:
            raise ValueError(f"--max-new-tokens has to be at least 1, but is {self.max_new_tokens}")
        if self.sampling and method == "contrastive_search":
            raise ValueError("--sample has to be left out for contrastive_search, which is deterministic")

    def recorded(self) -> dict[str, Any]:
        """What was asked, for the JSON."""
        return {"prompt": self.prompt, "contrast": self.contrast, "chat": self.chat}


@dataclass(frozen=True)
class Continued:
    """Both continuations.

    Args:
        request: What was asked for.
        model: The model's name.
        label: The method with its parameters.
        settings: All parameters of the method.
        contrastive: Text by the method.
        plain: Text by the model alone, all else equal.
        views: What an image was compared with, by name: the transformation that was drawn, the description.
    """

    request: Request | ImageRequest
    model: str
    label: str
    settings: Mapping[str, Any]
    contrastive: str
    plain: str
    views: Mapping[str, str] = field(default_factory=dict)


def sampled_alike(sampling: Sampling | None) -> dict[str, Any]:
    """Keywords of `generate()`, with the generator set to the same draw for whatever comes next."""
    if sampling is None:
        return {"do_sample": False}
    import torch  # noqa: PLC0415

    torch.manual_seed(sampling.seed)
    return {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}


def continued(request: Request, language: LanguageModel) -> Continued:
    """Decodes the prompt by the method and plainly.

    Raises:
        ValueError: A parameter out of range, or a model that cannot serve the method.
        ModelLoadError: The amateur cannot be loaded.
    """
    from counterfoil.decoding.decoder import Decoder  # noqa: PLC0415  (imports torch)

    inputs = _tokens(request.prompt, request, language)
    contrast = None if request.contrast is None else _tokens(request.contrast, request, language)
    decoder = Decoder(request.decoding, language)
    return Continued(
        request=request,
        model=language.name,
        label=request.decoding.label,
        settings=request.decoding.settings,
        contrastive=_text(inputs, decoder.options(inputs, contrast), request, language),
        plain=_text(inputs, {}, request, language),
    )


def _tokens(text: str, request: Request, language: LanguageModel) -> Mapping[str, Any]:
    tokenizer = language.tokenizer
    if not request.chat:
        return tokenizer(text, return_tensors="pt").to(language.model.device)
    if tokenizer.chat_template is None:
        raise ValueError(f"--chat needs a model with a chat template, but {language.name} has none. Leave it out")
    said: Any = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    return said.to(language.model.device)


def _text(inputs: Mapping[str, Any], method: Mapping[str, Any], request: Request, language: LanguageModel) -> str:
    model: Any = language.model
    output = model.generate(
        **inputs,
        **method,
        **sampled_alike(request.sampling),
        max_new_tokens=request.max_new_tokens,
        pad_token_id=language.tokenizer.pad_token_id,
    )
    new = output[:, inputs["input_ids"].shape[1] :]
    return language.tokenizer.batch_decode(new, skip_special_tokens=True)[0]
