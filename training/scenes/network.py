"""The model of scenes: LLaVA's architecture with a vision tower of three layers and a language model of two."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from counterfoil.eval.scenes.drawing import SIDE, Scene
from torch import Tensor
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from .language import CHAT_TEMPLATE, IMAGE, token

READ = SIDE // 2
"""Height and width at which the model reads an image."""

PATCH = 8
PATCHES = (READ // PATCH) ** 2
WIDTH = 128
HEADS = 4
INITIAL = 0.08
"""Standard deviation of first weights: one over the root of the width, not the 0.02 of wide models."""


def build_tower() -> CLIPVisionModel:
    """Return a vision tower with random weights."""
    return CLIPVisionModel(_vision())


def build_model(tokenizer: PreTrainedTokenizerFast, tower: CLIPVisionModel) -> LlavaForConditionalGeneration:
    """Return a model with random weights around a trained vision tower, whose weights are copied.

    The tower hands over its last layer without the class token, as LLaVA's does its last but one: it is small, and
    its last layer is the one that was taught what each patch shows.
    """
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "bos", "eos")}
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=352,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=1024,
        initializer_range=INITIAL,
        tie_word_embeddings=False,
        **ids,
    )
    config = LlavaConfig(
        vision_config=_vision(),
        text_config=text,
        image_token_index=token(tokenizer, IMAGE),
        image_seq_length=PATCHES,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        tie_word_embeddings=False,
    )
    model = LlavaForConditionalGeneration(config)
    model.model.vision_tower.load_state_dict(tower.state_dict())
    for name, value in ids.items():
        setattr(model.generation_config, name, value)
    return model


def build_processor(tokenizer: PreTrainedTokenizerFast) -> LlavaProcessor:
    """Return the processor: Pillow alone, which halves an image by the mean of four pixels."""
    images = CLIPImageProcessorPil(
        size={"height": READ, "width": READ},
        resample=4,
        do_center_crop=False,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    return LlavaProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    )


def pixels(scenes: Sequence[Scene]) -> Tensor:
    """Return what the processor makes of the images, all at once: [scenes, 3, READ, READ]."""
    stacked = np.stack([np.asarray(scene.image, np.float32) for scene in scenes])
    halved = stacked.reshape(len(scenes), READ, 2, READ, 2, 3).mean((2, 4))
    return torch.from_numpy(halved.transpose(0, 3, 1, 2) / 127.5 - 1).contiguous()


def _vision() -> CLIPVisionConfig:
    return CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=3,
        num_attention_heads=HEADS,
        image_size=READ,
        patch_size=PATCH,
    )
