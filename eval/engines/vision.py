"""Yes or no, read off the first token of the answer, under every method at once.

The picture is read once for all methods. What a method answers greedily and with what probability it would say yes when
it draws at random both follow from its scores of the first token, so that nothing has to be drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from counterfoil.decoding import ContrastLogitsProcessor
from counterfoil.decoding.by_name import Decoding
from counterfoil.decoding.decoder import ImageDecoder
from counterfoil.decoding.images import draw_transform, image_inputs
from counterfoil.decoding.images.image_requests import open_image
from counterfoil.decoding.methods.code import INSTRUCTION
from counterfoil.decoding.methods.method import labelled
from counterfoil.models import VisionModel
from PIL import Image
from torch import Tensor

from ..hallucination.methods import Method

Request = tuple[Image.Image | Path, str]
Opened = tuple[Image.Image, str]
SAID = {True: ("yes", "Yes", " yes", " Yes"), False: ("no", "No", " no", " No")}
FAR = 1e6


def labelled_as(method: Method) -> str:
    """Return a way to answer with its parameters, for a table."""
    if method.control is None:
        return method.decoding.label
    kept = ("strength", "plausibility") if method.control == "temperature" else ("transform",)
    return labelled(method.control, {name: method.decoding.settings[name] for name in kept})


@dataclass
class Votes:
    """What a method says to some questions.

    Args:
        greedy: 1 where the greedy answer is yes, else 0.
        sampled: The probability of yes among yes and no, at temperature 1.
        score: Rises with the certainty of yes; where the method's cut leaves one answer, the picture alone orders them
            beyond all others.
    """

    greedy: list[float] = field(default_factory=list)
    sampled: list[float] = field(default_factory=list)
    score: list[float] = field(default_factory=list)

    def extend(self, other: Votes) -> None:
        """Adds the votes on more questions."""
        self.greedy += other.greedy
        self.sampled += other.sampled
        self.score += other.score


class Asker:
    """Asks a vision-language model.

    Args:
        vision: The model.
        seed: The n-th question of a run draws its transformation and its noise with `seed + n`.
        batch_size: Questions in one forward.

    Raises:
        ValueError: The tokenizer has no yes or no.
    """

    def __init__(self, vision: VisionModel, *, seed: int = 0, batch_size: int = 32) -> None:
        self.vision, self.seed, self.batch_size = vision, seed, batch_size
        self.model: Any = vision.model
        self.processor = vision.processor
        self._words = _answers(vision.processor.tokenizer)
        self._described: dict[bytes, str] = {}

    @torch.no_grad()
    def votes(
        self,
        requests: Sequence[Request],
        methods: Sequence[Method],
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Votes]:
        """The votes under each method.

        Args:
            requests: Pictures, or files of them, with questions.
            methods: Ways to answer.
            progress: Told how far it is.
        """
        found = [Votes() for _ in methods]
        for low in range(0, len(requests), self.batch_size):
            batch = [(open_image(image), asked) for image, asked in requests[low : low + self.batch_size]]
            inputs = image_inputs(self.model, self.processor, batch)
            main = self._first(inputs)
            for method, votes in zip(methods, found, strict=True):
                scores = self._scores(method, batch, inputs["input_ids"], main, self.seed + low)
                votes.extend(self._read(scores, main))
            if progress is not None:
                progress(min(low + self.batch_size, len(requests)), len(requests))
        return found

    def descriptions(self, images: Iterable[Image.Image]) -> list[str]:
        """The model's own descriptions, as CODE asks for them: each picture once, many in a batch."""
        keyed = {image.tobytes(): image for image in images}
        new = [key for key in keyed if key not in self._described]
        for low in range(0, len(new), self.batch_size):
            keys = new[low : low + self.batch_size]
            inputs = image_inputs(self.model, self.processor, [(keyed[key], INSTRUCTION) for key in keys])
            written = self.model.generate(**inputs, do_sample=False, max_new_tokens=512)
            texts = written[:, inputs["input_ids"].shape[1] :]
            read = self.processor.tokenizer.batch_decode(texts, skip_special_tokens=True)
            self._described |= {key: text.strip() for key, text in zip(keys, read, strict=True)}
        return [self._described[key] for key in keyed]

    def prepared(
        self, method: Method, batch: Sequence[Opened], seed: int
    ) -> tuple[list[Opened], list[ContrastLogitsProcessor]]:
        """What the model is to read under a method, and the processors that go with it.

        Args:
            method: The method.
            batch: Pictures with questions.
            seed: The n-th of them draws with `seed + n`.
        """
        decoding = method.decoding
        if method.control == "transformed":
            chosen = decoding.parameters.get("transform")
            return [
                (draw_transform(image, seed + i, chosen)(image), asked) for i, (image, asked) in enumerate(batch)
            ], []
        if decoding.method == "code" and "description" not in decoding.parameters:
            known = {image.tobytes(): image for image, _ in batch}
            written = dict(zip(known, self.descriptions(known.values()), strict=True))
            described = [written[image.tobytes()] for image, _ in batch]
            decoding = Decoding("code", {**decoding.parameters, "description": described})
        return list(batch), ImageDecoder(decoding, self.vision).processors(list(batch), seed)

    def _scores(self, method: Method, batch: Sequence[Opened], ids: Tensor, main: Tensor, seed: int) -> Tensor:
        """What the method makes of the first token: [questions, vocabulary]."""
        seen, processors = self.prepared(method, batch, seed)
        if method.control == "transformed":
            return self._first(image_inputs(self.model, self.processor, seen))
        scores = main
        for processor in processors:
            scores = processor(ids, scores)
        return scores

    def _first(self, inputs: Mapping[str, Any]) -> Tensor:
        return self.model(**inputs, logits_to_keep=1).logits[:, -1].float()

    def _read(self, scores: Tensor, main: Tensor) -> Votes:
        said = {there: scores[:, words].logsumexp(-1) for there, words in self._words.items()}
        margin = said[True] - said[False]
        seen = main[:, self._words[True]].logsumexp(-1) - main[:, self._words[False]].logsumexp(-1)
        score = torch.where(margin.isfinite(), margin, margin.nan_to_num(0, 1, -1).sign() * FAR + seen)
        return Votes((margin > 0).double().tolist(), margin.sigmoid().nan_to_num(0.0).tolist(), score.tolist())


def _answers(tokenizer: Any) -> dict[bool, list[int]]:  # noqa: ANN401
    """The tokens that begin a yes and those that begin a no."""
    begun = {there: {_first_token(tokenizer, spelling) for spelling in said} for there, said in SAID.items()}
    neither = begun[True] & begun[False]
    found = {there: sorted(one for one in tokens - neither if one is not None) for there, tokens in begun.items()}
    if not (found[True] and found[False]):
        raise ValueError("`processor` has to have a tokenizer that knows yes and no, but has not")
    return found


def _first_token(tokenizer: Any, text: str) -> int | None:  # noqa: ANN401
    tokens = tokenizer(text, add_special_tokens=False).input_ids
    return tokens[0] if tokens and tokens[0] != tokenizer.unk_token_id else None
