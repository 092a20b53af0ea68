"""An engine with two models: token-identical to two transformers forwards, and refusals of models that do not fit."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerBase

from tests.support import oracles
from tests.support.tiny_models import COMMON

pytest.importorskip("vllm", reason="the engine is vLLM's")

from counterfoil.decoding.vllm.amateur.config import amateur_kwargs
from counterfoil.models import language_model_path, load_language_model

LAYERS = 10
PROMPTS = [
    "The capital of France is",
    "Once upon a time there was a",
    "In the beginning the keeper of the lighthouse wrote in his book that the ferry had not come for nine days, " * 2,
]
REQUESTS: list[tuple[dict[str, Any] | None, Callable[..., np.ndarray]]] = [
    ({"cf_strength": 2.0}, lambda e, a: oracles.contrastive_decoding(e, a, strength=2.0)),
    (
        {"cf_strength": 0.5, "cf_plausibility": 0.02},
        lambda e, a: oracles.contrastive_decoding(e, a, strength=0.5, plausibility=0.02),
    ),
    ({"cf_formulation": "li"}, lambda e, a: oracles.contrastive_decoding(e, a, formulation="li")),
    (None, lambda e, _a: e),
]


@pytest.fixture(scope="module")
def amateur_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """SmolLM2 up to its tenth layer."""
    folder = str(tmp_path_factory.mktemp("amateur"))
    lm = load_language_model()
    model: Any = lm.model
    model.model.layers = model.model.layers[:LAYERS]
    model.config.num_hidden_layers = LAYERS
    model.save_pretrained(folder)
    lm.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def engine(amateur_path: str) -> Any:
    os.environ.update(VLLM_CPU_KVCACHE_SPACE="1", VLLM_ENABLE_V1_MULTIPROCESSING="0", VLLM_LOGGING_LEVEL="ERROR")
    from vllm import LLM  # noqa: PLC0415

    expert = language_model_path()
    # A budget below that of all prompts together, so that both models read it in chunks.
    options = {"dtype": "float32", "enforce_eager": True, "max_model_len": 256, "max_num_seqs": 4}
    return LLM(expert, max_num_batched_tokens=64, **options, **amateur_kwargs(expert, amateur_path))


@pytest.mark.engine
@pytest.mark.timeout(600)
def test_each_token_is_the_rules_on_a_forward_of_each_model(engine: Any, amateur_path: str) -> None:
    from vllm import SamplingParams  # noqa: PLC0415

    lm = load_language_model()
    amateur = AutoModelForCausalLM.from_pretrained(amateur_path, dtype=torch.float32)
    asked = [
        (lm.tokenizer(prompt)["input_ids"], keys and {"cf_method": "contrastive_decoding", **keys}, rule)
        for prompt in PROMPTS
        for keys, rule in REQUESTS
    ]
    outputs = engine.generate(
        [{"prompt_token_ids": ids} for ids, _, _ in asked],
        [SamplingParams(temperature=0, max_tokens=12, ignore_eos=True, extra_args=keys) for _, keys, _ in asked],
        use_tqdm=False,
    )
    found = [list(output.outputs[0].token_ids) for output in outputs]
    for (ids, _, rule), tokens in zip(asked, found, strict=True):
        views = [_all_logits(model, ids, tokens) for model in (lm.model, amateur)]
        assert tokens == [int(rule(e, a).argmax()) for e, a in zip(*views, strict=True)]
    plain, contrasted = found[3::4], found[0::4]
    assert all(one != other for one, other in zip(plain, contrasted, strict=True))


@pytest.mark.engine
@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"cf_method": "cad", "cf_contrast_ids": [1, 2]}, "'contrastive_decoding', but is 'cad', not served here"),
        ({"cf_method": "contrastive_decoding", "cf_contrast_ids": [1, 2]}, "contrasts with its amateur model"),
        ({"cf_method": "contrastive_decoding", "cf_strength": -1}, "`cf_strength` has to be a number of at least 0"),
    ],
)
def test_what_such_an_engine_cannot_serve_is_refused(engine: Any, keys: dict[str, Any], message: str) -> None:
    from vllm import SamplingParams  # noqa: PLC0415
    from vllm.exceptions import VLLMValidationError  # noqa: PLC0415

    with pytest.raises(VLLMValidationError, match=message):
        engine.generate([{"prompt_token_ids": [1, 2, 3]}], SamplingParams(extra_args=keys), use_tqdm=False)


def test_an_engine_that_is_switched_off_refuses_contrasts(monkeypatch: pytest.MonkeyPatch) -> None:
    from counterfoil.decoding.vllm.amateur.logits_processor import AmateurLogitsProcessor  # noqa: PLC0415
    from vllm import SamplingParams  # noqa: PLC0415

    params = SamplingParams(extra_args={"cf_method": "contrastive_decoding"})
    AmateurLogitsProcessor.validate_params(params)
    monkeypatch.setenv("COUNTERFOIL_DISABLE", "1")
    AmateurLogitsProcessor.validate_params(SamplingParams())
    with pytest.raises(ValueError, match="contrasts are switched off by COUNTERFOIL_DISABLE"):
        AmateurLogitsProcessor.validate_params(params)


@torch.no_grad()
def _all_logits(model: Any, prompt: list[int], new: list[int]) -> np.ndarray:
    return model(torch.tensor([prompt + new]), use_cache=False).logits[0, len(prompt) - 1 : -1].double().numpy()


def _saved(folder: Path, tokenizer: PreTrainedTokenizerBase, kind: str = "llama", **options: Any) -> str:
    sizes = {**COMMON, "vocab_size": len(tokenizer), **options}
    config = AutoConfig.for_model(kind, **sizes)
    config.architectures = [AutoModelForCausalLM.from_config(config).__class__.__name__]
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_models_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    tokenizer = load_language_model().tokenizer
    expert = _saved(tmp_path / "expert", tokenizer)
    other_family = _saved(tmp_path / "qwen", tokenizer, "qwen3")
    with pytest.raises(ValueError, match=r"family, but .* is a LlamaForCausalLM and .* a Qwen3ForCausalLM"):
        amateur_kwargs(expert, other_family)
    padded = _saved(tmp_path / "padded", tokenizer, vocab_size=len(tokenizer) + 64)
    with pytest.raises(ValueError, match=r"have to share one vocabulary, but .* has 49152 tokens and .* 49216"):
        amateur_kwargs(expert, padded)
    tokenizer.add_tokens(["<one more>"])
    other_tokens = _saved(tmp_path / "tokens", tokenizer, vocab_size=len(tokenizer) - 1)
    with pytest.raises(ValueError, match="with other meanings"):
        amateur_kwargs(expert, other_tokens)
