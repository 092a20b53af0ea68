"""A model with its LoRA adapter against the model without it, in one engine that holds the weights once."""

from __future__ import annotations

import copy
import functools
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed")

import numpy as np
import peft
import torch
import transformers
from vllm import SamplingParams
from vllm.lora.request import LoRARequest

from tests.support import oracles
from tests.support.engine import Engine
from tests.support.pair_cases import all_logits
from tests.support.tiny_models import COMMON

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800)]

NEW = 12


@functools.cache
def saved_models():
    """The folders of a tiny model and of an adapter to it; the model without and with it, in transformers."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32}
    config = transformers.LlamaConfig(**{**COMMON, **sizes}, tie_word_embeddings=False)
    base = transformers.LlamaForCausalLM(config).float().eval()
    with torch.no_grad():
        for parameter in base.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.2)
    root = Path(tempfile.mkdtemp(prefix="counterfoil-adapter-"))
    base.save_pretrained(root / "base")
    settings = peft.LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "up_proj"])
    adapted = peft.get_peft_model(copy.deepcopy(base), settings).eval()
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.2)
    adapted.save_pretrained(root / "adapter")
    return root / "base", root / "adapter", base, adapted


@pytest.fixture(scope="module")
def engine() -> Engine:
    options = {"enable_lora": True, "max_lora_rank": 8, "max_loras": 2, "skip_tokenizer_init": True}
    return Engine(str(saved_models()[0]), max_model_len=128, max_num_seqs=8, **options)


def test_with_and_without_the_adapter(engine: Engine) -> None:
    _, folder, base, adapted = saved_models()
    prompts = [[5, 9, 13, 21], [7, 7, 30, 31, 32, 33, 40], [50, 51, 52]]
    keys = {"cf_method": "contrastive_decoding", "cf_without_adapter": 1, "cf_strength": 0.8}
    pair, plain = (
        SamplingParams(temperature=0, max_tokens=NEW, ignore_eos=True, detokenize=False, extra_args=extra)
        for extra in (keys, None)
    )
    adapter = LoRARequest("adapter", 1, str(folder))
    for _ in range(2):  # the second time from the prefix cache, which must not mix the two up
        found = engine.tokens(prompts * 3, [pair] * 3 + [plain] * 6, lora_request=[adapter] * 6 + [None] * 3)
        rule = functools.partial(oracles.contrastive_decoding, strength=0.8)
        for prompt, new in zip(prompts, found[:3], strict=True):
            main, other = all_logits(adapted, prompt, new), all_logits(base, prompt, new)
            assert new == [int(rule(m, o).argmax()) for m, o in zip(main, other, strict=True)]
        for model, offset in ((adapted, 3), (base, 6)):
            for prompt, new in zip(prompts, found[offset : offset + 3], strict=True):
                assert new == np.argmax(all_logits(model, prompt, new), -1).tolist()
    assert found[:3] != found[3:6] != found[6:]


@pytest.mark.parametrize(
    ("adapter", "places", "reason"), [(False, 2, "the model alone"), (True, 1, "--max-loras is 1")]
)
def test_refused_with_the_reason(engine: Engine, adapter: bool, places: int, reason: str) -> None:
    keys = {"cf_method": "cid", "cf_without_adapter": 1}
    params = SamplingParams(temperature=0, max_tokens=NEW, detokenize=False, extra_args=keys)
    settings = engine.scheduler.vllm_config.lora_config
    request = LoRARequest("adapter", 1, str(saved_models()[1])) if adapter else None
    settings.max_loras, before = places, settings.max_loras
    try:
        output = engine.outputs([[5, 6, 7]], [params], lora_request=[request])[0].outputs[0]
    finally:
        settings.max_loras = before
    assert (list(output.token_ids), output.finish_reason) == ([], "error")
    assert reason in str(output.stop_reason)
