"""Tiny random models of the real classes, with a tokenizer of words, saved as checkpoints are."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import (
    DebertaV2Config,
    DebertaV2ForSequenceClassification,
    ModernBertConfig,
    ModernBertForTokenClassification,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
    T5Config,
    T5ForConditionalGeneration,
)

SPECIALS = ["<pad>", "</s>", "<unk>"]
WORDS = ["0", "1", "premise", "hypothesis", "predict", ":", ".", "?"]
WORDS += [word + str(n) for word in ("sun", "rain", "snow") for n in range(20)]


def tokenizer(*, pair_specials, longest):
    vocabulary = {word: n for n, word in enumerate([*SPECIALS, *WORDS])}
    backend = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = Whitespace()
    backend.post_processor = TemplateProcessing(
        single="$A </s>",
        pair="$A </s> $B </s>" if pair_specials else "$A $B </s>",
        special_tokens=[("</s>", vocabulary["</s>"])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=longest,
        model_input_names=["input_ids", "attention_mask"],
    )


def t5_config(**options):
    return T5Config(
        vocab_size=len(SPECIALS) + len(WORDS),
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=2,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
        initializer_factor=20.0,
        **options,
    )


def save_t5(folder):
    """Saves a random T5 with two layers."""
    torch.manual_seed(0)
    T5ForConditionalGeneration(t5_config()).eval().save_pretrained(folder)
    tokenizer(pair_specials=False, longest=10**30).save_pretrained(folder)


SIZES = {
    "vocab_size": len(SPECIALS) + len(WORDS),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "pad_token_id": 0,
    "type_vocab_size": 1,
    "initializer_range": 2.0,
}


def save_classifier(folder, family, labels, longest=40, seed=0):
    """Saves a random RoBERTa or DeBERTa classifier with these labels."""
    torch.manual_seed(seed)
    names = {"id2label": dict(enumerate(labels)), "label2id": {label: n for n, label in enumerate(labels)}}
    if family == "roberta":
        model = RobertaForSequenceClassification(RobertaConfig(**SIZES, **names, max_position_embeddings=64))
    else:
        relative = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}
        model = DebertaV2ForSequenceClassification(
            DebertaV2Config(**SIZES, **names, **relative, max_position_embeddings=64)
        )
    model.eval().save_pretrained(folder)
    tokenizer(pair_specials=True, longest=longest).save_pretrained(folder)


def save_token_classifier(folder, labels, seed=0):
    """Saves a random ModernBERT that classifies tokens, as LettuceDetect's models are."""
    torch.manual_seed(seed)
    names = {"id2label": dict(enumerate(labels)), "label2id": {label: n for n, label in enumerate(labels)}}
    specials = dict.fromkeys(("bos_token_id", "cls_token_id", "eos_token_id", "sep_token_id"), 1)
    sizes = {**SIZES, "initializer_range": 0.5}
    config = ModernBertConfig(**sizes, **names, **specials, max_position_embeddings=256, reference_compile=False)
    ModernBertForTokenClassification(config).eval().save_pretrained(folder)
    tokenizer(pair_specials=True, longest=200).save_pretrained(folder)
