"""A tiny random model that reads bytes, so that it knows every text, and sources for it."""

from __future__ import annotations

import functools

from counterfoil.attribution import Document
from counterfoil.models import LanguageModel
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tests.support.tiny_models import tiny_model

DOCUMENTS = (
    Document("a", "The tower is high 👍🏽. It was built in 1874.\r\nSteps lead up.", "Tower"),
    Document("b", "שלום עולם. Cafe\u0301 at noon.", ""),
)
ANSWER = "The tower was built in 1874 [1]. Cafe\u0301 at noon."
QUESTION = "When?"


@functools.cache
def byte_language(family: str = "llama") -> LanguageModel:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2, **{letter: n for n, letter in enumerate(alphabet, start=3)}}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", padding_side="left"
    )
    size = {"n_positions": 2048} if family == "gpt2" else {"max_position_embeddings": 2048}
    return LanguageModel(tiny_model(family, vocab_size=300, **size), fast, f"bytes {family}")
