"""The task of CHAIR: captions by a vision-language model under every method, or captions that are there already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from counterfoil.decoding.decoder import GREEDY
from counterfoil.decoding.images import image_inputs
from counterfoil.decoding.images.image_requests import open_image
from counterfoil.models import VisionModel
from PIL import Image

from ..dataset import Source
from ..engines.vision import Asker, labelled_as
from ..results import Figure, MethodResult, TaskResult
from .captions import Caption, Vocabulary
from .chair import describe, difference, figures
from .methods import Method
from .table import ObjectTable

NAME = "chair"
VERSION = 1

Progress = Callable[[int, int], None]


def evaluate(
    source: Source,
    images: Mapping[str, Image.Image | Path],
    table: ObjectTable,
    vocabulary: Vocabulary,
    vision: VisionModel,
    methods: Sequence[Method],
    *,
    instruction: str = "Please describe this image in detail.",
    max_new_tokens: int = 64,
    seed: int = 0,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> TaskResult:
    """CHAIR of every method's greedy captions; `difference` is in CHAIR_i, from the first method's, paired by picture.

    Args:
        source: Where the pictures are from.
        images: The pictures by name, or their files.
        table: What is in them.
        vocabulary: The words by which objects are named.
        vision: The model.
        methods: The methods, usually plain decoding first.
        instruction: What the model is asked; RITUAL's authors' words by default.
        max_new_tokens: The longest caption; 64 as theirs.
        seed: Of the methods' random choices and of the bootstrap.
        batch_size: Pictures that are read at once.
        progress: Told how far it is.
    """
    asker = Asker(vision, seed=seed, batch_size=batch_size)
    names = list(images)
    written: list[list[Caption]] = [[] for _ in methods]
    for low in range(0, len(names), batch_size):
        now = names[low : low + batch_size]
        requests = [(open_image(images[name]), instruction) for name in now]
        for method, captions in zip(methods, written, strict=True):
            texts = _captions(asker, method, requests, seed + low, max_new_tokens)
            captions += [Caption(name, text) for name, text in zip(now, texts, strict=True)]
        if progress is not None:
            progress(low + len(now), len(names))
    labels = [labelled_as(method) for method in methods]
    said = [describe(captions, table, vocabulary) for captions in written]
    rows = []
    for number, (method, label, found) in enumerate(zip(methods, labels, said, strict=True)):
        row: dict[str, Figure] = figures(found, seed=seed)
        if number:
            row["difference"] = difference(found, said[0], "CHAIR_i", seed=seed)
        rows.append(MethodResult(label, {"method": method.name, **method.decoding.settings}, row))
    samples = [
        {
            "picture": name,
            "captions": {label: captions[i].text for label, captions in zip(labels, written, strict=True)},
        }
        for i, name in enumerate(names)
    ]
    settings = {"seed": seed, "batch_size": batch_size, "instruction": instruction, "max_new_tokens": max_new_tokens}
    return TaskResult(NAME, VERSION, vision.name, source, len(names), settings, tuple(rows), tuple(samples))


def evaluate_captions(
    source: Source,
    captions: Sequence[Caption],
    table: ObjectTable,
    vocabulary: Vocabulary,
    *,
    name: str = "captions",
    seed: int = 0,
) -> TaskResult:
    """CHAIR of captions that are there already.

    Args:
        source: The file they are from.
        captions: The captions.
        table: What is in the pictures.
        vocabulary: The words by which objects are named.
        name: What wrote them.
        seed: Of the bootstrap.

    Raises:
        ValueError: A picture that the table does not know, or no caption.
    """
    row = MethodResult(name, {}, figures(describe(captions, table, vocabulary), seed=seed))
    samples = [
        {"picture": caption.picture, "caption": caption.text, "named": vocabulary.named(caption.text)}
        for caption in captions
    ]
    return TaskResult(NAME, VERSION, name, source, len(captions), {"seed": seed}, (row,), tuple(samples))


@torch.no_grad()
def _captions(
    asker: Asker,
    method: Method,
    requests: Sequence[tuple[Image.Image, str]],
    seed: int,
    max_new_tokens: int,
) -> list[str]:
    seen, processors = asker.prepared(method, requests, seed)
    inputs = image_inputs(asker.model, asker.processor, seen)
    new = asker.model.generate(**inputs, **GREEDY, logits_processor=processors, max_new_tokens=max_new_tokens)
    texts = new[:, inputs["input_ids"].shape[1] :]
    return [text.strip() for text in asker.processor.tokenizer.batch_decode(texts, skip_special_tokens=True)]
