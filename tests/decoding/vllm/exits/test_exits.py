"""Early exits in a real engine: the tokens are those of generate() with the same exits, and of full forwards."""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed")

import numpy as np
import torch
from counterfoil.decoding import (
    ContrastiveDecodingLogitsProcessor,
    DExpertsLogitsProcessor,
    DoLaLogitsProcessor,
    EarlyExit,
    WeightedSumLogitsProcessor,
)
from counterfoil.decoding.vllm import llm_kwargs
from counterfoil.decoding.vllm.engine_limits import EARLY_EXITS
from counterfoil.decoding.vllm.exits.config import PREFIX
from counterfoil.decoding.vllm.exits.model import check_configuration
from counterfoil.models import LanguageModel, load_language_model
from transformers import AutoConfig
from vllm import ModelRegistry, SamplingParams
from vllm.exceptions import VLLMValidationError

from tests.support import oracles
from tests.support.engine import Engine
from tests.support.pair_cases import TEXT, all_logits, early_logits, plainly
from tests.support.tiny_engine import VOCABULARY, tiny_model

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800)]

EXITS = (10, 15)
NEW = 8
KINDS = ["dexperts", "contrastive_decoding", "li", "weighted_sum"]


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return load_language_model()


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(early_exits=EXITS)


@pytest.fixture(scope="module")
def prompts(lm: LanguageModel) -> list[list[int]]:
    ids = lm.tokenizer(TEXT)["input_ids"]
    return [ids[7 * i : 7 * i + 2 + 9 * i] for i in range(6)]


def expert_of(prompt: list[int]) -> list[int]:
    """The expert's prompt: shorter than the main one, or longer."""
    return prompt[::-1] + prompt[:3] if len(prompt) % 2 else prompt[-max(2, len(prompt) // 3) :]


def keys_of(kind: str, prompt: list[int]) -> dict[str, Any]:
    return {
        "dexperts": {
            "cf_method": "dexperts", "cf_strength": 0.5, "cf_contrast_ids": expert_of(prompt), "cf_early_exit": 15,
        },
        "contrastive_decoding": {"cf_method": "contrastive_decoding", "cf_strength": 0.7, "cf_early_exit": 15},
        "li": {"cf_method": "contrastive_decoding", "cf_formulation": "li", "cf_early_exit": [10]},
        "weighted_sum": {
            "cf_method": "weighted_sum", "cf_weights": [0.3, -0.2, -0.4], "cf_main_weight": 1.3,
            "cf_contrast_ids": expert_of(prompt), "cf_early_exit": [15, 10],
        },
    }[kind]  # fmt: skip


def processor_of(kind: str, lm: LanguageModel, prompt: list[int]) -> Any:
    model, expert = lm.model, {"input_ids": torch.tensor([expert_of(prompt)])}
    if kind == "dexperts":
        return DExpertsLogitsProcessor(model, [expert, EarlyExit(model, 15)], strength=0.5)
    if kind == "contrastive_decoding":
        return ContrastiveDecodingLogitsProcessor(model, EarlyExit(model, 15), strength=0.7)
    if kind == "li":
        return ContrastiveDecodingLogitsProcessor(model, EarlyExit(model, 10), formulation="li")
    views = [expert, EarlyExit(model, 15), EarlyExit(model, 10)]
    return WeightedSumLogitsProcessor(model, views, weights=(0.3, -0.2, -0.4), main_weight=1.3)


def rule_of(kind: str, lm: LanguageModel, prompt: list[int], new: list[int]) -> list[int]:
    """The rule's choice at each position of a continuation, on full forwards."""
    main, expert = all_logits(lm.model, prompt, new), all_logits(lm.model, expert_of(prompt), new)
    exits = {layer: early_logits(lm.model, layer, prompt, new) for layer in EXITS}
    found = []
    for i, row in enumerate(main):
        if kind == "dexperts":
            scores = oracles.dexperts(row, np.stack([expert[i], exits[15][i]]), strength=0.5)
        elif kind == "contrastive_decoding":
            scores = oracles.contrastive_decoding(row, exits[15][i], strength=0.7)
        elif kind == "li":
            scores = oracles.contrastive_decoding(row, exits[10][i], formulation="li")
        else:
            read = np.stack([expert[i], exits[15][i], exits[10][i]])
            scores = oracles.weighted_sum(row, read, weights=(0.3, -0.2, -0.4), main_weight=1.3)
        found.append(int(scores.argmax()))
    return found


def greedy(keys: dict[str, Any] | None = None, **options: Any) -> SamplingParams:
    return SamplingParams(temperature=0, max_tokens=NEW, ignore_eos=True, extra_args=keys, **options)


def served(engine: Engine, prompts: list[list[int]]) -> dict[str, list[list[int]]]:
    """What all kinds give, and plain requests among them, in one batch."""
    asked = [(kind, prompt) for prompt in prompts for kind in (*KINDS, "plain")]
    params = [greedy(keys_of(kind, prompt) if kind != "plain" else None) for kind, prompt in asked]
    found: dict[str, list[list[int]]] = {}
    for (kind, _), new in zip(asked, engine.tokens([prompt for _, prompt in asked], params), strict=True):
        found.setdefault(kind, []).append(new)
    return found


def test_served_and_in_generate_they_are_the_same_tokens(
    lm: LanguageModel, engine: Engine, prompts: list[list[int]]
) -> None:
    found = served(engine, prompts)
    for kind in KINDS:
        for prompt, new in zip(prompts, found[kind], strict=True):
            options = {"max_new_tokens": NEW, "do_sample": False, "eos_token_id": None}
            ids = torch.tensor([prompt])
            own = lm.model.generate(
                ids, attention_mask=torch.ones_like(ids), logits_processor=[processor_of(kind, lm, prompt)], **options
            )
            assert new == own[0, len(prompt) :].tolist(), kind
            assert new == rule_of(kind, lm, prompt, new), kind
        differing = sum(one != plain for one, plain in zip(found[kind], found["plain"], strict=True))
        assert differing > len(prompts) // 2, kind
    for prompt, new in zip(prompts, found["plain"], strict=True):
        assert new == plainly(lm, prompt, new)


def test_dola_of_one_layer_is_the_log_ratio_to_its_exit(
    lm: LanguageModel, engine: Engine, prompts: list[list[int]]
) -> None:
    found = engine.tokens(prompts, [greedy(keys_of("li", prompt)) for prompt in prompts])
    dola = DoLaLogitsProcessor(lm.model, 10)
    for prompt, new in zip(prompts, found, strict=True):
        ids = torch.tensor([prompt])
        own = lm.model.generate(
            ids, attention_mask=torch.ones_like(ids), logits_processor=[dola], max_new_tokens=NEW, do_sample=False,
            eos_token_id=None,
        )  # fmt: skip
        assert new == own[0, len(prompt) :].tolist()


def test_prompts_in_chunks_and_requests_that_lose_their_cache(
    lm: LanguageModel, engine: Engine, prompts: list[list[int]]
) -> None:
    preempted = engine.count_preempted()
    with engine.scarce(budget=48, slots=7):
        chunked = served(engine, prompts)
    with engine.scarce(blocks=11):
        pressed = served(engine, prompts)
    assert preempted
    for found in (chunked, pressed):
        for kind in KINDS:
            for prompt, new in zip(prompts, found[kind], strict=True):
                assert new == rule_of(kind, lm, prompt, new), kind


def test_a_contrast_that_is_an_exit_alone_is_one_sequence(engine: Engine, prompts: list[list[int]]) -> None:
    steps, pairs = [], engine.scheduler.pair_stats["pairs"]
    schedule = engine.scheduler.schedule

    def watched(*args: Any) -> Any:
        steps.append(len(engine.scheduler.requests))
        return schedule(*args)

    engine.scheduler.schedule = watched
    try:
        engine.tokens([prompts[3]], [greedy(keys_of("contrastive_decoding", prompts[3]))])
    finally:
        engine.scheduler.schedule = schedule
    assert set(steps) <= {0, 1}
    assert engine.scheduler.pair_stats["pairs"] == pairs + 1


def test_a_seed_repeats_a_sample(engine: Engine, prompts: list[list[int]]) -> None:
    keys = keys_of("contrastive_decoding", prompts[5])
    drawn = [
        engine.tokens([prompts[5]] * 3, [SamplingParams(max_tokens=NEW, seed=seed, extra_args=keys)] * 3)
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0][0] == drawn[0][1] == drawn[0][2]


def test_a_layer_of_another_engine_is_refused_by_its_number(engine: Engine, prompts: list[list[int]]) -> None:
    keys = {"cf_method": "contrastive_decoding", "cf_early_exit": 12}
    output = engine.outputs([prompts[3]], [greedy(keys)])[0].outputs[0]
    assert (list(output.token_ids), output.finish_reason) == ([], "error")
    assert "`cf_early_exit` has to be one of this engine's early exits (10, 15), but is 12" in str(output.stop_reason)


@pytest.mark.parametrize(
    ("kind", "architecture", "layers", "reason"),
    [
        (
            "gpt2",
            "GPT2LMHeadModel",
            [3],
            r"those of one of .*, but the model is a GPT2LMHeadModel",
        ),
        ("llama", "LlamaForCausalLM", [3, 32], r"has to be layers in \[1, 31\] of this model, but holds 32"),
        ("llava", "LlavaForConditionalGeneration", [3], "reads more than text"),
        ("llama", "CounterfoilExpertAndAmateur", [3], "an engine with an amateur"),
    ],
)
def test_models_whose_early_exits_are_not_served(kind: str, architecture: str, layers: list[int], reason: str) -> None:
    config = AutoConfig.for_model(kind, architectures=[architecture])
    with pytest.raises(ValueError, match=reason):
        llm_kwargs(early_exits=layers)["hf_overrides"](config)


def test_every_option_that_does_not_go_with_early_exits_is_named() -> None:
    wrong = SimpleNamespace(
        lora_config=object(), speculative_config=object(), parallel_config=SimpleNamespace(pipeline_parallel_size=2),
        model_config=SimpleNamespace(enable_prompt_embeds=True),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"LoRA adapters.*pipeline.*speculative decoding.*prompts of embeddings"):
        check_configuration(wrong)


def test_an_engines_configuration_brings_the_architecture_to_other_processes() -> None:
    overrides = llm_kwargs(early_exits=(15, 10), hf_overrides={"rope_theta": 5})["hf_overrides"]
    config = overrides(AutoConfig.for_model("llama", architectures=["LlamaForCausalLM"]))
    assert config.architectures == [PREFIX + "LlamaForCausalLM"]
    assert (config.rope_theta, getattr(config, EARLY_EXITS)) == (5, [10, 15])
    sent = pickle.dumps(overrides)
    del ModelRegistry.models[PREFIX + "LlamaForCausalLM"]
    pickle.loads(sent)
    assert PREFIX + "LlamaForCausalLM" in ModelRegistry.get_supported_archs()


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "mistral", "granite", "qwen3_moe"])
def test_other_families(family: str, tmp_path: Path) -> None:
    model, path = tiny_model(tmp_path, family, num_hidden_layers=4)
    small = {"max_model_len": 128, "max_num_seqs": 8, "num_gpu_blocks_override": 32, "skip_tokenizer_init": True}
    tiny = Engine(path, early_exits=[1, 3], **small)
    prompts = [random.Random(length).choices(range(3, VOCABULARY), k=length) for length in (2, 9, 21, 40)]
    for layer in (1, 3):
        keys = {"cf_method": "contrastive_decoding", "cf_strength": 1.0, "cf_early_exit": layer}
        found = tiny.tokens(prompts, [greedy(keys, detokenize=False)] * len(prompts))
        for prompt, new in zip(prompts, found, strict=True):
            ids = torch.tensor([prompt])
            own = model.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW, do_sample=False, eos_token_id=None,
                logits_processor=[ContrastiveDecodingLogitsProcessor(model, EarlyExit(model, layer), strength=1.0)],
            )  # fmt: skip
            assert new == own[0, len(prompt) :].tolist(), layer


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"cf_method": "dexperts", "cf_early_exit": 15}, "dexperts has to be given 2 contrasts, but is given 1"),
        ({"cf_method": "cad", "cf_early_exit": 0}, "`cf_early_exit` has to be an integer of at least 1, but is 0"),
        ({"cf_method": "cad", "cf_early_exit": [15, 15]}, "a list of different layers, but is"),
        ({"cf_method": "cad", "cf_early_exit": "15"}, "`cf_early_exit` has to be an integer"),
        ({"cf_method": "vcd", "cf_early_exit": 15}, "image made from the request's own: leave it out"),
        ({"cf_method": "cad", "cf_early_exit": 15, "cf_trace": True}, "`cf_trace` has to be left out beside"),
        (
            {"cf_method": "contrastive_decoding", "cf_early_exit": 15, "cf_cut_context": 4},
            "contrastive_decoding has to be given one contrast, but is given 2",
        ),
        (
            {"cf_method": "weighted_sum", "cf_weights": [0.1] * 8, "cf_early_exit": list(range(1, 9))},
            "at most 7 contrasts, but has 8",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(engine: Engine, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(VLLMValidationError, match=message):
        engine.outputs([[1, 2, 3]], [greedy(keys)])
