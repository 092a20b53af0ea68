"""Vision-language models of real classes on tiny random configurations, with real processors and a word tokenizer.

Images are read through transformers' Pillow backends. `"w7"` is token 7, as in `tiny_language`; the markers that each
family puts around images have tokens from 96 on.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from tests.support.tiny_models import VOCABULARY

MARKERS = (
    "<image>", "<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>", "<boi>", "<eoi>",
    "<fake_token_around_image>", "<end_of_utterance>", "<global-img>",
    *(f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2)),
)  # fmt: skip
MARKER = {marker: VOCABULARY + i for i, marker in enumerate(MARKERS)}
WIDTH = VOCABULARY + 24
TEXT = {
    "vocab_size": WIDTH, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 1024,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
SIGHT = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }} {% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for part in m['content'] %}{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %} "
    "{% endfor %}{% endif %} {% endfor %}{% if add_generation_prompt %}w4 {% endif %}"
)


@dataclass(frozen=True)
class TinyVision:
    """A model and its processor."""

    model: PreTrainedModel
    processor: Any
    tower: torch.nn.Module
    """What reads the pixels."""


def images(sizes: Sequence[tuple[int, int]], seed: int = 0) -> list[Image.Image]:
    """Images of noise, `(width, height)` each."""
    generator = np.random.default_rng(seed)
    return [Image.fromarray(generator.integers(0, 256, (height, width, 3), np.uint8)) for width, height in sizes]


@functools.cache
def tiny_vision(family: str, seed: int = 0) -> TinyVision:
    """The model of a family, whose logits are spread widely enough to have no near ties and depend on the image."""
    config, processor, tower = FAMILIES[family]()
    torch.manual_seed(seed)
    model = transformers.AutoModelForImageTextToText.from_config(config).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                seen = "vision" in name or "visual" in name
                parameter.normal_(0, 0.4 if "projector" in name or "connector" in name or seen else 0.25)
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    # A marker in the continuation would be taken for an image by a forward over the whole sequence.
    model.generation_config.suppress_tokens = list(range(VOCABULARY, WIDTH))
    return TinyVision(model, processor, functools.reduce(getattr, tower.split("."), model))


def _tokenizer(**special: str) -> PreTrainedTokenizerFast:
    names = {0: "<pad>", 1: "<s>", 2: "</s>", 3: "<unk>"}
    words = {names.get(token, f"w{token}"): token for token in range(VOCABULARY)} | MARKER
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.add_special_tokens([AddedToken(marker, normalized=False, special=True) for marker in MARKERS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        padding_side="left", extra_special_tokens=special,
    )  # fmt: skip


def _template(image: str) -> str:
    return TEMPLATE.replace("IMAGE", image)


def _llava() -> tuple[Any, Any, str]:
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(**SIGHT, image_size=28, patch_size=14, projection_dim=16),
        text_config=transformers.LlamaConfig(**TEXT), image_token_index=MARKER["<image>"], image_seq_length=4,
        vision_feature_layer=-1,
    )  # fmt: skip
    pixels = transformers.CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    processor = transformers.LlavaProcessor(
        pixels, _tokenizer(), patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=_template("<image>"),
    )  # fmt: skip
    return config, processor, "model.vision_tower"


def _llava_next() -> tuple[Any, Any, str]:
    grid = [[28, 56], [56, 28], [56, 56]]
    config = transformers.LlavaNextConfig(
        vision_config=transformers.CLIPVisionConfig(**SIGHT, image_size=28, patch_size=14, projection_dim=16),
        text_config=transformers.LlamaConfig(**TEXT), image_token_index=MARKER["<image>"], image_grid_pinpoints=grid,
        vision_feature_layer=-1,
    )  # fmt: skip
    pixels = transformers.LlavaNextImageProcessorPil(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}, image_grid_pinpoints=grid
    )
    processor = transformers.LlavaNextProcessor(
        pixels, _tokenizer(), patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=_template("<image>"),
    )  # fmt: skip
    return config, processor, "model.vision_tower"


def _qwen2_5_vl() -> tuple[Any, Any, str]:
    config = transformers.Qwen2_5_VLConfig(
        vision_config={
            "hidden_size": 16, "intermediate_size": 24, "depth": 2, "num_heads": 2, "out_hidden_size": 32,
            "patch_size": 14, "window_size": 56, "fullatt_block_indexes": [1],
        },
        text_config={**_without_head_dim(), "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2],
                                                                "rope_theta": 10000.0}},
        image_token_id=MARKER["<|image_pad|>"], video_token_id=MARKER["<|video_pad|>"],
        vision_start_token_id=MARKER["<|vision_start|>"], vision_end_token_id=MARKER["<|vision_end|>"],
    )  # fmt: skip
    return config, _qwen_processor(transformers.Qwen2_5_VLProcessor, 14), "model.visual"


def _qwen3_vl() -> tuple[Any, Any, str]:
    config = transformers.Qwen3VLConfig(
        vision_config={
            "hidden_size": 16, "intermediate_size": 24, "depth": 2, "num_heads": 2, "out_hidden_size": 32,
            "patch_size": 16, "deepstack_visual_indexes": [0, 1], "num_position_embeddings": 16,
        },
        text_config={**TEXT, "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2],
                                                 "mrope_interleaved": True, "rope_theta": 10000.0}},
        image_token_id=MARKER["<|image_pad|>"], video_token_id=MARKER["<|video_pad|>"],
        vision_start_token_id=MARKER["<|vision_start|>"], vision_end_token_id=MARKER["<|vision_end|>"],
    )  # fmt: skip
    return config, _qwen_processor(transformers.Qwen3VLProcessor, 16), "model.visual"


def _without_head_dim() -> dict[str, Any]:
    return {key: value for key, value in TEXT.items() if key != "head_dim"}


def _qwen_processor(kind: Any, patch: int) -> Any:
    pixels = transformers.Qwen2VLImageProcessorPil(
        size={"shortest_edge": 4 * patch * patch, "longest_edge": 24 * patch * patch}, patch_size=patch, merge_size=2
    )

    class WithoutVideos(kind):
        """transformers checks the missing reader of videos by a class that it can name with torchvision only."""

        def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
            return None if argument is None else super().check_argument_for_proper_class(argument_name, argument)

    return WithoutVideos(pixels, _tokenizer(), chat_template=_template("<|vision_start|><|image_pad|><|vision_end|>"))


def _idefics3() -> tuple[Any, Any, str]:
    config = transformers.Idefics3Config(
        vision_config={**SIGHT, "image_size": 28, "patch_size": 7}, text_config=transformers.LlamaConfig(**TEXT),
        image_token_id=MARKER["<image>"], scale_factor=2, pad_token_id=0,
    )  # fmt: skip
    try:
        pixels = transformers.Idefics3ImageProcessorPil(size={"longest_edge": 56}, max_image_size={"longest_edge": 28})
    except ImportError:  # in the oldest version that is accepted, though it computes without
        pytest.skip(f"transformers {transformers.__version__} asks for torchvision for the pictures of Idefics3")
    processor = transformers.Idefics3Processor(
        pixels, _tokenizer(), image_seq_len=4, chat_template=_template("<image>")
    )
    return config, processor, "model.vision_model"


def _smolvlm() -> tuple[Any, Any, str]:
    # The class of its processor differs by videos, for which it asks for torchvision and num2words.
    _, processor, tower = _idefics3()
    config = transformers.SmolVLMConfig(
        vision_config={**SIGHT, "image_size": 28, "patch_size": 7}, text_config=transformers.LlamaConfig(**TEXT),
        image_token_id=MARKER["<image>"], scale_factor=2, pad_token_id=0,
    )  # fmt: skip
    return config, processor, tower


def _gemma3() -> tuple[Any, Any, str]:
    config = transformers.Gemma3Config(
        vision_config={**SIGHT, "image_size": 28, "patch_size": 7},
        text_config={**TEXT, "sliding_window": 16, "query_pre_attn_scalar": 8,
                     "layer_types": ["sliding_attention", "full_attention"]},
        image_token_index=MARKER["<image>"], boi_token_index=MARKER["<boi>"], eoi_token_index=MARKER["<eoi>"],
        mm_tokens_per_image=4, tie_word_embeddings=False,
    )  # fmt: skip
    tokenizer = _tokenizer(image_token="<image>", boi_token="<boi>", eoi_token="<eoi>")
    pixels = transformers.Gemma3ImageProcessorPil(size={"height": 28, "width": 28})
    processor = transformers.Gemma3Processor(pixels, tokenizer, image_seq_length=4, chat_template=_template("<boi>"))
    return config, processor, "model.vision_tower"


def _paligemma() -> tuple[Any, Any, str]:
    config = transformers.PaliGemmaConfig(
        vision_config={**SIGHT, "image_size": 28, "patch_size": 14, "model_type": "siglip_vision_model"},
        text_config={**TEXT, "model_type": "gemma"}, image_token_index=MARKER["<image>"], projection_dim=32,
        tie_word_embeddings=False,
    )  # fmt: skip
    pixels = transformers.SiglipImageProcessorPil(size={"height": 28, "width": 28})
    pixels.image_seq_length = 4
    processor = transformers.PaliGemmaProcessor(pixels, _tokenizer(image_token="<image>"))
    return config, processor, "model.vision_tower"


FAMILIES = {
    "llava": _llava,
    "llava_next": _llava_next,
    "qwen2_5_vl": _qwen2_5_vl,
    "qwen3_vl": _qwen3_vl,
    "idefics3": _idefics3,
    "smolvlm": _smolvlm,
    "gemma3": _gemma3,
    "paligemma": _paligemma,
}
