"""A tiny random model with a tokenizer whose words are its tokens: `"w7"` is token 7."""

from __future__ import annotations

import functools

from counterfoil.models import LanguageModel
from tiny_models import VOCABULARY, tiny_model
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast


@functools.cache
def tiny_language(family: str = "llama", seed: int = 0) -> LanguageModel:
    special = {0: "<pad>", 1: "<s>", 2: "</s>", 3: "<unk>"}
    vocabulary = {special.get(token, f"w{token}"): token for token in range(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", padding_side="left"
    )
    return LanguageModel(tiny_model(family, seed), fast, f"tiny {family}")


def text(ids: list[int]) -> str:
    """The words of these tokens, 4 and above."""
    return " ".join(f"w{token}" for token in ids)
