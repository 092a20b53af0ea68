"""Does a continuation belong to its prompt, and how far does it lie from human text?

Coherence, by both definitions of the papers on contrastive search:

    log-likelihood   mean over the tokens of the continuation of log p(token | prompt, tokens before)
                     Su and Collier, arXiv 2210.14140, who measure with OPT-2.7b
    cosine           cosine of the sentence embeddings of prompt and continuation
                     Su et al., arXiv 2202.06417, and Li et al., arXiv 2210.15097, who measure with SimCSE

MAUVE (Pillutla et al., NeurIPS 2021, arXiv 2102.01454) is the authors' library, mauve-text, on features of a model: the
last hidden state at the last token. The papers' features are GPT-2-large's.

The measuring models are chosen by the caller: figures of different measuring models are not comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from counterfoil.decoding.by_name import Decoding
from counterfoil.decoding.decoder import Decoder
from counterfoil.models import LanguageModel
from numpy.typing import NDArray

from ..engines.teacher_forcing import option_log_probabilities
from ..requests import Choice

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LEAST = 40
"""Pairs under which no score is given: with the library's bins of ten texts each, it would rest on three or less."""


def mean_log_likelihoods(
    prompts: Sequence[str], continuations: Sequence[str], language: LanguageModel, *, batch_size: int = 8
) -> list[float | None]:
    """Return the first definition, in nats a token; `None` for an empty continuation."""
    plain = [Decoder(Decoding("none"), language)]
    lengths = [len(language.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in continuations]
    pairs = zip(prompts, continuations, lengths, strict=True)
    choices = [Choice(prompt, (text,)) for prompt, text, length in pairs if length]
    sums = iter(option_log_probabilities(plain, choices, batch_size=batch_size)[0]) if choices else iter(())
    return [next(sums)[0] / length if length else None for length in lengths]


def cosines(prompts: Sequence[str], continuations: Sequence[str], embedding: SentenceTransformer) -> list[float | None]:
    """Return the second definition, in [-1, 1]; `None` for an empty continuation."""
    # One half per call, so that a text's vector does not depend on which list it stands in.
    one = embedding.encode(list(prompts), normalize_embeddings=True)
    other = embedding.encode(list(continuations), normalize_embeddings=True)
    return [float(a @ b) if text.strip() else None for a, b, text in zip(one, other, continuations, strict=True)]


def mauve(
    references: Sequence[str],
    continuations: Sequence[str],
    language: LanguageModel,
    *,
    equal_lengths: bool = True,
    longest: int | None = None,
    seed: int = 25,
) -> float | None:
    """Return the score in percent, `None` for fewer than :data:`LEAST` pairs.

    Args:
        references: What people wrote.
        continuations: What the method wrote, in the same order. Empty ones are left out with their pair.
        language: The model that gives the features.
        equal_lengths: Cut each pair to the shorter of the two, as Su and Collier (arXiv 2210.14140) do.
        longest: The most tokens of a text that are read; `None` for all.
        seed: Of the clustering; 25 is the library's.

    Raises:
        ImportError: Without mauve-text; the message has the `pip install` line.
    """
    tokenizer = language.tokenizer
    pairs = []
    for reference, continuation in zip(references, continuations, strict=True):
        one, other = (
            tokenizer(text, add_special_tokens=False)["input_ids"][:longest] for text in (reference, continuation)
        )
        length = min(len(one), len(other))
        if length:
            pairs.append((one[:length], other[:length]) if equal_lengths else (one, other))
    if len(pairs) < LEAST:
        return None
    try:
        from mauve import compute_mauve  # noqa: PLC0415  (seconds to import)
    except ImportError as error:
        raise ImportError(f'MAUVE needs mauve-text ({error}): pip install "counterfoil[eval]"') from error
    found: Any = compute_mauve(
        p_features=_features([one for one, _ in pairs], language),
        q_features=_features([other for _, other in pairs], language),
        seed=seed,
        verbose=False,
    )
    return 100 * float(found.mauve)


@torch.no_grad()
def _features(texts: Sequence[Sequence[int]], language: LanguageModel) -> NDArray[np.float32]:
    """Return the last hidden state at each text's last token, `[texts, dimensions]`."""
    device = language.model.device
    rows = []
    for ids in texts:
        output = language.model(torch.tensor([ids], device=device), output_hidden_states=True, logits_to_keep=1)
        rows.append(output.hidden_states[-1][0, -1].float().cpu())
    return torch.stack(rows).numpy()
