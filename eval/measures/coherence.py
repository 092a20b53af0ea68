"""Does a continuation belong to its prompt? Both definitions of the papers on contrastive search.

    log-likelihood   mean over the tokens of the continuation of log p(token | prompt, tokens before)
                     Su and Collier, arXiv 2210.14140, who measure with OPT-2.7b
    cosine           cosine of the sentence embeddings of prompt and continuation
                     Su et al., arXiv 2202.06417, and Li et al., arXiv 2210.15097, who measure with SimCSE

The measuring models are chosen by the caller: figures of different measuring models are not comparable.
"""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.decoding.by_name import Decoding
from counterfoil.decoding.decoder import Decoder
from counterfoil.models import LanguageModel
from sentence_transformers import SentenceTransformer

from ..engines.teacher_forcing import option_log_probabilities
from ..requests import Choice


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
