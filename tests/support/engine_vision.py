"""A tiny vision-language model that vLLM can serve on a CPU, saved to a folder: Idefics3, the architecture of SmolVLM.

Of the families in `tiny_vision` it is the one whose code in vLLM imports without torchvision; its heads are of the
smallest size that vLLM's attention on a CPU has.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers

from tests.support import oracles
from tests.support.tiny_models import VOCABULARY
from tests.support.tiny_vision import MARKER, SIGHT, TEXT, WIDTH, TinyVision, _template, _tokenizer

SIDE = 28
FORBIDDEN = dict.fromkeys(range(VOCABULARY, WIDTH), -100.0)
"""A `logit_bias` against markers in a continuation, which a forward over the whole sequence would take for pictures."""


@functools.cache
def saved_vision(longest: int = SIDE) -> tuple[Path, TinyVision]:
    """The folder, and the same model and processor in transformers.

    Args:
        longest: The longest side that an image is brought to; above that of a tile it is cut into several.
    """
    text = {**TEXT, "hidden_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32}
    config = transformers.Idefics3Config(
        vision_config={**SIGHT, "image_size": SIDE, "patch_size": 7}, text_config=transformers.LlamaConfig(**text),
        image_token_id=MARKER["<image>"], scale_factor=2, pad_token_id=0, tie_word_embeddings=False,
    )  # fmt: skip
    pixels = transformers.Idefics3ImageProcessorPil(
        size={"longest_edge": longest}, max_image_size={"longest_edge": SIDE}
    )
    processor = transformers.Idefics3Processor(
        pixels, _tokenizer(), image_seq_len=4, chat_template=_template("<image>")
    )
    torch.manual_seed(0)
    model = transformers.AutoModelForImageTextToText.from_config(config).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.3 if "vision" in name or "connector" in name else 0.2)
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-vision-"))
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder, TinyVision(model, processor, model.model.vision_model)


@torch.no_grad()
def all_logits(vision: TinyVision, inputs: dict, new: list[int]) -> np.ndarray:
    """Float64 logits `[new, vocab]` before each new token, markers forbidden."""
    ids = torch.cat([inputs["input_ids"], torch.tensor([new], dtype=torch.long)], 1)
    others = {name: value for name, value in inputs.items() if name not in ("input_ids", "attention_mask")}
    length = inputs["input_ids"].shape[1]
    logits = vision.model(input_ids=ids, **others, use_cache=False).logits[0, length - 1 : -1].double().numpy()
    logits[:, VOCABULARY:] -= 100
    return logits


def vcd(main: np.ndarray, other: np.ndarray) -> np.ndarray:
    """VCD's scores of one row, with the defaults of the method."""
    return oracles.mask(oracles.cad(main, other, 1.0), main, 0.1)
