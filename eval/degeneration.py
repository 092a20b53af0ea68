"""Degeneration: does the method repeat itself? Prefixes from running text, continued; rep-n and diversity.

The protocol of Su et al. 2022 (arXiv 2202.06417) on WikiText: 32 tokens of a paragraph are continued by 128. Only
paragraphs that go on as long are used, so that what the author wrote can be measured as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from counterfoil.models import LanguageModel

from .decoders import Decoder
from .decodings import Decoding
from .likelihood import Progress
from .repetition import repetition
from .results import Figure, MethodResult, TaskResult
from .source import Source, limited

NAME = "degeneration"
VERSION = 1

_HEADING = re.compile(r"\s*=.*=\s*")


@dataclass(frozen=True)
class Passage:
    """A paragraph, cut in two.

    Args:
        tokens: Tokens to continue.
        prefix: The same as text.
        reference: What the author wrote behind them, as many tokens as are generated, decoded.
    """

    tokens: tuple[int, ...]
    prefix: str
    reference: str


def read_passages(source: Source, language: LanguageModel, *, prefix_tokens: int, new_tokens: int) -> list[Passage]:
    """The paragraphs of a WikiText file (a paragraph a line, headings between `=`) that are long enough.

    Raises:
        ValueError: None is, or a number is below 1.
    """
    for name, value in (("prefix_tokens", prefix_tokens), ("new_tokens", new_tokens)):
        if value < 1:
            raise ValueError(f"`{name}` has to be at least 1, but is {value}")
    tokenizer = language.tokenizer
    lines = [line.strip() for line in source.text.splitlines()]
    paragraphs = [line for line in lines if line and not _HEADING.fullmatch(line)]
    passages = []
    for paragraph in paragraphs:
        ids = tokenizer(paragraph)["input_ids"]
        if len(ids) >= prefix_tokens + new_tokens:
            cut = [ids[:prefix_tokens], ids[prefix_tokens : prefix_tokens + new_tokens]]
            passages.append(Passage(tuple(cut[0]), *tokenizer.batch_decode(cut, skip_special_tokens=True)))
    if not passages:
        raise ValueError(
            f"{source.name} has to hold a paragraph of {prefix_tokens + new_tokens} tokens, but holds none. Lower the "
            "number of tokens"
        )
    return passages


def evaluate(
    path: Path,
    language: LanguageModel,
    decodings: Sequence[Decoding],
    *,
    prefix_tokens: int = 32,
    new_tokens: int = 128,
    limit: int | None = 100,
    seed: int = 0,
    batch_size: int = 8,
    simctg_compatible: bool = False,
    progress: Progress | None = None,
) -> TaskResult:
    """rep-2, rep-3, rep-4 and diversity of every decoding, and of what the authors wrote.

    Args:
        path: The file.
        language: The model.
        decodings: The methods; deterministic each.
        prefix_tokens: How many tokens of a paragraph are continued.
        new_tokens: By how many at most; fewer where the model ends the text.
        limit: How many paragraphs, drawn by `seed`; `None` for all.
        seed: Of the draw and of the bootstrap.
        batch_size: How many are continued at once.
        simctg_compatible: See :func:`.repetition.repetition`.
        progress: Told how far it is.

    Raises:
        ValueError: A decoding that compares prompts, of which there is only one here; or no paragraph is long enough.
    """
    for decoding in decodings:
        if decoding.takes_contrast:
            raise ValueError(f"`method` has to work on one prompt for {NAME}, but {decoding.method} compares two")
    source = Source.read(path)
    found = read_passages(source, language, prefix_tokens=prefix_tokens, new_tokens=new_tokens)
    passages = limited(found, limit, seed)
    total, texts = len(decodings) * len(passages), []
    decoders = [Decoder(decoding, language) for decoding in decodings]
    for decoder in decoders:
        of_one: list[str] = []
        for start in range(0, len(passages), batch_size):
            of_one += _continued(decoder, passages[start : start + batch_size], new_tokens)
            if progress is not None:
                progress(len(texts) * len(passages) + len(of_one), total)
        texts.append(of_one)
    rows = [
        MethodResult(decoder.label, decoder.settings, _figures(of_one, simctg_compatible, seed))
        for decoder, of_one in zip(decoders, texts, strict=True)
    ]
    references = [passage.reference for passage in passages]
    rows.append(MethodResult("the authors", {}, _figures(references, simctg_compatible, seed)))
    settings = {"prefix_tokens": prefix_tokens, "new_tokens": new_tokens, "limit": limit, "seed": seed}
    return TaskResult(
        task=NAME,
        version=VERSION,
        model=language.name,
        source=source,
        n=len(passages),
        settings={**settings, "simctg_compatible": simctg_compatible, "long_enough": len(found)},
        methods=tuple(rows),
        samples=tuple(
            {
                "prefix": passage.prefix,
                "reference": passage.reference,
                "continuations": {decoder.label: of_one[i] for decoder, of_one in zip(decoders, texts, strict=True)},
            }
            for i, passage in enumerate(passages)
        ),
    )


def _continued(decoder: Decoder, passages: Sequence[Passage], new_tokens: int) -> list[str]:
    language = decoder.language
    ids = torch.tensor([passage.tokens for passage in passages], device=language.model.device)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    model: Any = language.model
    output = model.generate(
        **inputs,
        **decoder.options(inputs),
        do_sample=False,
        max_new_tokens=new_tokens,
        pad_token_id=language.tokenizer.pad_token_id,
    )
    return language.tokenizer.batch_decode(output[:, ids.shape[1] :], skip_special_tokens=True)


def _figures(texts: Sequence[str], simctg_compatible: bool, seed: int) -> dict[str, Figure]:
    found = repetition(texts, simctg_compatible=simctg_compatible, seed=seed)
    return {
        **{f"rep-{n}": Figure(value, digits=2) for n, value in found.rep.items()},
        "diversity": Figure(found.diversity, found.diversity_interval, digits=2),
        "words": Figure(found.words, digits=1),
    }
