"""A vision-language model in this process: yes or no read off the first token, and descriptions.

The picture is read once for all methods. What a method answers greedily and with what probability it would say yes when
it draws at random both follow from its scores of the first token, so that nothing has to be drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from counterfoil.decoding import ContrastLogitsProcessor
from counterfoil.decoding.by_name import PLAIN, Decoding, check_accepted, method_names, parameters_of
from counterfoil.decoding.decoder import GREEDY, ImageDecoder
from counterfoil.decoding.images import draw_transform, image_inputs
from counterfoil.decoding.images.image_requests import open_image
from counterfoil.decoding.methods.code import CODE
from counterfoil.decoding.methods.method import labelled
from counterfoil.models import VisionModel
from counterfoil.models.checkpoints import revision_of
from PIL import Image
from torch import Tensor

from ..requests import Description, Look, Request, Response, YesNo

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from ..task import Task

Opened = tuple[Image.Image, str]
Control = Literal["temperature", "transformed"]
CONTROLS: tuple[Control, ...] = ("temperature", "transformed")
"""What RITUAL's own paper lacks: the same sharpening and cut without a second picture, and the second picture alone."""

WORDS = {True: ("yes", "Yes", " yes", " Yes"), False: ("no", "No", " no", " No")}
FAR = 1e6


@dataclass(frozen=True)
class Method:
    """A way to answer.

    Args:
        decoding: The decoding.
        control: `"temperature"`, RITUAL with the picture itself for the second view; `"transformed"`, an answer from
            RITUAL's second view alone; `None` for the decoding itself.
    """

    decoding: Decoding
    control: Control | None = None

    @property
    def name(self) -> str:
        """Return the control, or the method of the decoding."""
        return self.control or self.decoding.method


def method(name: str, parameters: Mapping[str, Any] | None = None) -> Method:
    """Return a way to answer by its name.

    Raises:
        ValueError: An unknown name, or a parameter that it has not.
    """
    given = dict(parameters or {})
    for control in CONTROLS:
        if name == control:
            shown = {"transform": "identity"} if control == "temperature" else {}
            return Method(Decoding("ritual", given | shown), control)
    known = (PLAIN, *method_names(image=True), *CONTROLS)
    if name not in known:
        raise ValueError(f"`method` has to be one of {', '.join(known)}, but is {name!r}")
    return Method(Decoding(name, given))


def methods(names: str, parameters: Mapping[str, Any]) -> list[Method]:
    """Return the ways to answer that a command line names.

    Args:
        names: Names with commas between them.
        parameters: Values by name, each for every method that has it; `None` is not given, and a list of values makes
            as many methods.

    Raises:
        ValueError: As :func:`method`, and for a parameter that none of the methods has.
    """
    asked = [name.strip() for name in names.split(",")]
    given = {name: value for name, value in parameters.items() if value is not None}
    accepted = {name: [p.name for p in parameters_of(method(name).decoding.method)] for name in asked}
    check_accepted(given, accepted)
    return [
        method(name, chosen)
        for name in asked
        for chosen in combinations({key: value for key, value in given.items() if key in accepted[name]})
    ]


def combinations(parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return all combinations of values; what is no list has one value."""
    lists = [value if isinstance(value, list) else [value] for value in parameters.values()]
    return [dict(zip(parameters, values, strict=True)) for values in product(*lists)]


class VisionEngine:
    """Answers with a loaded vision-language model.

    Args:
        vision: The model.
        seed: The n-th request of a run draws its transformation and its noise with `seed + n`.
        batch_size: Requests in one forward.

    Raises:
        ValueError: The tokenizer has no yes or no.
    """

    def __init__(self, vision: VisionModel, *, seed: int = 0, batch_size: int = 32) -> None:
        self.vision, self.seed, self.at_once = vision, seed, batch_size
        self.model: Any = vision.model
        self.processor = vision.processor
        self._words = _first_tokens(vision.processor.tokenizer)
        self._revision = revision_of(vision.name, vision.model)
        self._described: dict[tuple[bytes, str, int], str] = {}

    @property
    def name(self) -> str:
        """Return the model's name."""
        return self.vision.name

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the engine, revision of the weights, precision and seed."""
        dtype = str(self.model.dtype).removeprefix("torch.")
        return {"engine": "transformers, images", "revision": self._revision, "dtype": dtype, "seed": self.seed}

    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """Return the model's tokenizer."""
        return self.processor.tokenizer

    def described(self, method: Method) -> tuple[str, str, Mapping[str, Any]]:
        """Return a method's name, its label and all its parameters."""
        settings = method.decoding.settings
        if method.control is None:
            return method.name, method.decoding.label, settings
        kept = ("strength", "plausibility") if method.control == "temperature" else ("transform",)
        return method.name, labelled(method.control, {name: settings[name] for name in kept}), settings

    def refuses(self, task: Task, method: Method) -> str | None:
        """Return `None`: every method answers every request."""
        return None

    @torch.no_grad()
    def answer(self, methods: Sequence[Method], requests: Sequence[Request]) -> list[list[Response]]:
        """Return what each method says to each request, computed in batches."""
        found: list[list[Response]] = [[] for _ in methods]
        for batch in _consecutive(cast("Sequence[Look]", requests), self.at_once):
            shown = [(open_image(request.picture.source), request.text) for request in batch]
            seed = self.seed + batch[0].place
            if isinstance(batch[0], YesNo):
                answers = self._votes(methods, shown, seed)
            else:
                longest = cast("Description", batch[0]).max_new_tokens
                answers = [self._texts(method, shown, seed, longest) for method in methods]
            for of_one, some in zip(found, answers, strict=True):
                of_one.extend(some)
        return found

    def descriptions(self, images: Sequence[Image.Image], asked: str, max_new_tokens: int) -> list[str]:
        """Return the model's own descriptions, as CODE asks for them: each picture once, many in a batch."""
        keyed = {(image.tobytes(), asked, max_new_tokens): image for image in images}
        new = [key for key in keyed if key not in self._described]
        for low in range(0, len(new), self.at_once):
            keys = new[low : low + self.at_once]
            inputs = image_inputs(self.model, self.processor, [(keyed[key], asked) for key in keys])
            written = self.model.generate(**inputs, do_sample=False, max_new_tokens=max_new_tokens)
            texts = written[:, inputs["input_ids"].shape[1] :]
            read = self.processor.tokenizer.batch_decode(texts, skip_special_tokens=True)
            self._described |= {key: text.strip() for key, text in zip(keys, read, strict=True)}
        return [self._described[image.tobytes(), asked, max_new_tokens] for image in images]

    def _votes(self, methods: Sequence[Method], shown: Sequence[Opened], seed: int) -> list[list[dict[str, float]]]:
        inputs = image_inputs(self.model, self.processor, list(shown))
        main = self._first(inputs)
        found = []
        for method in methods:
            seen, processors = self._prepared(method, shown, seed)
            scores = main
            if method.control == "transformed":
                scores = self._first(image_inputs(self.model, self.processor, seen))
            for processor in processors:
                scores = processor(inputs["input_ids"], scores)
            found.append(self._read(scores, main))
        return found

    def _texts(self, method: Method, shown: Sequence[Opened], seed: int, max_new_tokens: int) -> list[str]:
        seen, processors = self._prepared(method, shown, seed)
        inputs = image_inputs(self.model, self.processor, seen)
        new = self.model.generate(**inputs, **GREEDY, logits_processor=processors, max_new_tokens=max_new_tokens)
        texts = new[:, inputs["input_ids"].shape[1] :]
        return [text.strip() for text in self.processor.tokenizer.batch_decode(texts, skip_special_tokens=True)]

    def _prepared(
        self, method: Method, shown: Sequence[Opened], seed: int
    ) -> tuple[list[Opened], list[ContrastLogitsProcessor]]:
        """Return what the model is to read under a method, and the processors that go with it.

        Args:
            method: The method.
            shown: Pictures with questions.
            seed: The n-th of them draws with `seed + n`.
        """
        decoding = method.decoding
        if method.control == "transformed":
            chosen = decoding.parameters.get("transform")
            transforms = [draw_transform(image, seed + i, chosen) for i, (image, _) in enumerate(shown)]
            return [(change(image), asked) for change, (image, asked) in zip(transforms, shown, strict=True)], []
        if decoding.method == CODE.name:
            (code,) = decoding.methods
            described = self._descriptions_for(cast("CODE", code), [image for image, _ in shown])
            decoding = Decoding(CODE.name, {**decoding.parameters, "description": described})
        return list(shown), self._decoder(decoding).processors(list(shown), seed)

    def _descriptions_for(self, code: CODE, images: Sequence[Image.Image]) -> Sequence[str]:
        given = code.description
        if given is None:
            return self.descriptions(images, code.instruction, code.description_tokens)
        return [given] * len(images) if isinstance(given, str) else given

    def _decoder(self, decoding: Decoding) -> ImageDecoder:
        return ImageDecoder(decoding, self.vision)

    def _first(self, inputs: Mapping[str, Any]) -> Tensor:
        """Return the logits of the first token, [requests, vocabulary]."""
        return self.model(**inputs, logits_to_keep=1).logits[:, -1].float()

    def _read(self, scores: Tensor, main: Tensor) -> list[dict[str, float]]:
        """Return the response to each question.

        If a method's cut leaves one answer, the picture alone orders such questions beyond all others.
        """
        said = {there: scores[:, words].logsumexp(-1) for there, words in self._words.items()}
        margin = said[True] - said[False]
        seen = main[:, self._words[True]].logsumexp(-1) - main[:, self._words[False]].logsumexp(-1)
        score = torch.where(margin.isfinite(), margin, margin.nan_to_num(0, 1, -1).sign() * FAR + seen)
        columns = (margin > 0).double().tolist(), margin.sigmoid().nan_to_num(0.0).tolist(), score.tolist()
        return [{"greedy": g, "sampled": p, "score": s} for g, p, s in zip(*columns, strict=True)]


def _consecutive(requests: Sequence[Look], size: int) -> Iterator[list[Look]]:
    """Return the requests in batches whose places count up by one, since methods draw with seeds that do."""
    batch: list[Look] = []
    for request in requests:
        if batch and (len(batch) == size or not _continues(batch[-1], request)):
            yield batch
            batch = []
        batch.append(request)
    if batch:
        yield batch


def _continues(one: Look, other: Look) -> bool:
    alike = type(one) is type(other) and getattr(one, "max_new_tokens", 0) == getattr(other, "max_new_tokens", 0)
    return alike and other.place == one.place + 1


def _first_tokens(tokenizer: Any) -> dict[bool, list[int]]:  # noqa: ANN401
    """Return the tokens that begin a yes and those that begin a no."""
    begun = {there: {_first_token(tokenizer, spelling) for spelling in said} for there, said in WORDS.items()}
    neither = begun[True] & begun[False]
    found = {there: sorted(one for one in tokens - neither if one is not None) for there, tokens in begun.items()}
    if not (found[True] and found[False]):
        raise ValueError("`processor` has to have a tokenizer that knows yes and no, but has not")
    return found


def _first_token(tokenizer: Any, text: str) -> int | None:  # noqa: ANN401
    tokens = tokenizer(text, add_special_tokens=False).input_ids
    return tokens[0] if tokens and tokens[0] != tokenizer.unk_token_id else None
