"""A tiny random model with a tokenizer whose words are its tokens: `"w7"` is token 7."""

from __future__ import annotations

import copy
import functools
from dataclasses import replace

from counterfoil.models import LanguageModel
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from tests.support.tiny_models import VOCABULARY, tiny_model


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


def with_beginning(language: LanguageModel) -> LanguageModel:
    """The same with a tokenizer that begins every text with `<s>`, and a chat template that writes one."""
    tokenizer = copy.deepcopy(language.tokenizer)
    tokenizer.bos_token = "<s>"
    single = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.backend_tokenizer.post_processor = single
    tokenizer.chat_template = "<s> {{ messages[0]['content'] }} w9"
    return replace(language, tokenizer=tokenizer)


def text(ids: list[int]) -> str:
    """The words of these tokens, 4 and above."""
    return " ".join(f"w{token}" for token in ids)
