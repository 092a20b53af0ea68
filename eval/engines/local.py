"""A model in this process, by transformers: every method, and likelihoods under every method that has any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from counterfoil.decoding.by_name import Decoding
from counterfoil.decoding.decoder import GREEDY, Decoder
from counterfoil.models import LanguageModel
from counterfoil.models.checkpoints import folder_revision, revision_of
from torch import Tensor
from transformers import PreTrainedTokenizerBase, StoppingCriteria

from ..requests import Choice, Generation, Request, Response
from .teacher_forcing import option_log_probabilities

if TYPE_CHECKING:
    from ..task import Task


class LocalEngine:
    """Answers with a loaded model.

    Args:
        language: The model.
        batch_size: How many texts it reads at once.
        chat: Put each prompt into the model's chat template, as what a user says.

    Raises:
        ValueError: `chat` with a model that has no template.
    """

    def __init__(self, language: LanguageModel, *, batch_size: int = 8, chat: bool = False) -> None:
        if chat and language.tokenizer.chat_template is None:
            raise ValueError(f"--chat needs a model with a chat template, but {language.name} has none. Leave it out")
        self.language = language
        self.at_once = batch_size
        self.chat = chat
        self._revision = revision_of(language.name, language.model)
        self._decoders: dict[int, tuple[Decoding, Decoder]] = {}

    @property
    def name(self) -> str:
        """Return the model's name."""
        return self.language.name

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the engine, revision of the weights, precision, and whether prompts are put into the chat template."""
        model = self.language.model
        return {
            "engine": "transformers",
            "revision": self._revision,
            "dtype": str(model.dtype).removeprefix("torch."),
            "chat": self.chat,
        }

    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """Return the model's tokenizer."""
        return self.language.tokenizer

    def described(self, method: Decoding) -> tuple[str, str, Mapping[str, Any]]:
        """Return a decoding's name, its label, and all its parameters with the revision of an amateur in a folder."""
        settings = method.settings
        revision = folder_revision(Path(str(settings["amateur"]))) if settings.get("amateur") else None
        known = {} if revision is None else {"amateur_revision": revision}
        return method.method, method.label, {**settings, **known}

    def refuses(self, task: Task, method: Decoding) -> str | None:
        """Return `None`: what a task cannot do under a method, the task says."""
        return None

    def answer(self, methods: Sequence[Decoding], requests: Sequence[Request]) -> list[list[Response]]:
        """Return answers, computed in batches: greedy texts, or the log-probability of each option."""
        decoders = [self._decoder(decoding) for decoding in methods]
        if all(isinstance(request, Choice) for request in requests):
            choices = [self._in_chat(cast("Choice", request)) for request in requests]
            # A chat template writes the special tokens itself.
            found = option_log_probabilities(
                decoders, choices, batch_size=self.at_once, add_special_tokens=not self.chat
            )
            return [[tuple(values) for values in of_one] for of_one in found]
        asked = [cast("Generation", request) for request in requests]
        return [self._texts(decoder, asked) for decoder in decoders]

    def _texts(self, decoder: Decoder, requests: Sequence[Generation]) -> list[Response]:
        """Return the texts in the order of the requests; a batch holds only such as end alike."""
        alike: dict[tuple[Any, ...], list[int]] = {}
        for place, request in enumerate(requests):
            kind = request.max_new_tokens, request.stop, request.contrast is None
            alike.setdefault(kind, []).append(place)
        found: dict[int, str] = {}
        for places in alike.values():
            for start in range(0, len(places), self.at_once):
                some = places[start : start + self.at_once]
                texts = self._continued(decoder, [requests[place] for place in some])
                found |= zip(some, texts, strict=True)
        return [found[place] for place in range(len(requests))]

    def _decoder(self, decoding: Decoding) -> Decoder:
        """Return the decoder, kept: one with an amateur has loaded a second model."""
        if id(decoding) not in self._decoders:
            self._decoders[id(decoding)] = decoding, Decoder(decoding, self.language)
        return self._decoders[id(decoding)][1]

    def _continued(self, decoder: Decoder, requests: Sequence[Generation]) -> list[str]:
        tokenizer, model = self.language.tokenizer, cast("Any", self.language.model)
        inputs = self._prompts(requests)
        contrasts = [request.contrast for request in requests if request.contrast is not None]
        contrast = self._tokens(contrasts) if decoder.decoding.takes_contrast and contrasts else None
        new_tokens, stop = requests[0].max_new_tokens, requests[0].stop
        length = inputs["input_ids"].shape[1]
        self._check_context(length + new_tokens)
        output = model.generate(
            **inputs,
            **decoder.options(inputs, contrast),
            **GREEDY,
            max_new_tokens=new_tokens,
            stopping_criteria=[_Stopped(tokenizer, stop, length)] if stop else [],
            pad_token_id=tokenizer.pad_token_id,
        )
        return [_ended(text, stop) for text in tokenizer.batch_decode(output[:, length:], skip_special_tokens=True)]

    def _prompts(self, requests: Sequence[Generation]) -> Any:  # noqa: ANN401  (transformers' BatchEncoding)
        tokens = [request.tokens for request in requests]
        if self.chat or any(ids is None for ids in tokens):
            return self._tokens([request.prompt for request in requests])
        padded = self.language.tokenizer.pad({"input_ids": [list(ids) for ids in tokens if ids]}, return_tensors="pt")
        return padded.to(self.language.model.device)

    def _tokens(self, prompts: Sequence[str]) -> Any:  # noqa: ANN401
        texts = [self._said(prompt) for prompt in prompts]
        # A chat template writes the special tokens itself.
        encoded = self.language.tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=not self.chat)
        return encoded.to(self.language.model.device)

    def _in_chat(self, choice: Choice) -> Choice:
        contrast = None if choice.contrast is None else self._said(choice.contrast)
        return Choice(self._said(choice.prompt), choice.options, contrast) if self.chat else choice

    def _said(self, prompt: str) -> str:
        if not self.chat:
            return prompt
        turn = [{"role": "user", "content": prompt}]
        template: Any = self.language.tokenizer.apply_chat_template
        return template(turn, add_generation_prompt=True, tokenize=False)

    def _check_context(self, tokens: int) -> None:
        config = self.language.model.config.get_text_config()
        most = getattr(config, "max_position_embeddings", None)
        if most is not None and tokens > most:
            raise ValueError(
                f"a prompt and its continuation take {tokens} tokens, but {self.name} reads {most}. Lower the number "
                "of examples or of new tokens"
            )


class _Stopped(StoppingCriteria):
    """Ends a row as soon as a stop string stands in what was written.

    transformers' `StopStringCriteria` matches tokens beforehand and refuses tokenizers that it cannot take apart;
    decoding a few words again at every step costs nothing beside the forward.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop: Sequence[str], prompt_length: int) -> None:
        self.tokenizer, self.stop, self.prompt_length = tokenizer, stop, prompt_length

    def __call__(self, input_ids: Tensor, scores: object, **kwargs: object) -> torch.BoolTensor:
        written = self.tokenizer.batch_decode(input_ids[:, self.prompt_length :], skip_special_tokens=True)
        done = [any(end in text for end in self.stop) for text in written]
        return cast("torch.BoolTensor", torch.tensor(done, device=input_ids.device))


def _ended(text: str, stop: Sequence[str]) -> str:
    """Return the text up to the first stop string."""
    return text[: min((text.find(end) for end in stop if end in text), default=len(text))]
