"""Contrastive search on the real classes, against an uncached loop written from the equation."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
from counterfoil.decoding import ContrastiveSearchLogitsProcessor, contrastive_search
from counterfoil.decoding.search.support import why_not_packed
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from tests.support.contrastive_search_reference import reference_search
from tests.support.families import tiny_family
from tests.support.tiny_models import CONFIGURATIONS, padded, random_prompts, tiny_model

ALPHA, K, NEW = 0.6, 4, 12
PROMPTS = random_prompts([12, 5, 9, 1], seed=31)
# With windows of 8 the sliding models cross theirs in the prompt and again while they generate.
PACKED = ["llama", "qwen3", "mistral", "gemma3_text", "gpt2", "gpt_neox", "opt"]
# Soft-capped logits, routed experts, latent keys, sinks, attention that is not looked up by name.
PACKED_TOO = ["gemma2", "mixtral", "deepseek_v3", "gpt_oss", "gptj", "falcon_rotary"]
K_FOLD = ["bloom", "qwen3_next", "mamba", "falcon", "gpt_neo", "mpt"]
GROUPED = {key: value for key, value in CONFIGURATIONS["llama"].items() if key != "num_hidden_layers"}
MORE_CONFIGURATIONS = {
    "gemma2": {**GROUPED, "num_hidden_layers": 2, "sliding_window": 8, "query_pre_attn_scalar": 8},
    "mixtral": {**GROUPED, "num_hidden_layers": 2, "num_local_experts": 4},
    "deepseek_v3": {
        **GROUPED, "num_hidden_layers": 2, "num_key_value_heads": 4, "head_dim": 4, "kv_lora_rank": 8,
        "q_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 8, "n_routed_experts": 4,
        "num_experts_per_tok": 2, "n_group": 2, "topk_group": 1, "moe_intermediate_size": 16,
        "first_k_dense_replace": 1, "n_shared_experts": 1,
    },
    "gpt_oss": {
        **GROUPED, "num_hidden_layers": 2, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 8,
    },
    "gptj": {"vocab_size": 96, "n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4, "n_positions": 256},
    "falcon_rotary": {
        "model_type": "falcon", "vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "alibi": False,
    },
    "falcon": {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "alibi": True},
    "gpt_neo": {
        "vocab_size": 96, "hidden_size": 32, "num_layers": 2, "attention_types": [[["global", "local"], 1]],
        "num_heads": 4, "max_position_embeddings": 256, "window_size": 8, "eos_token_id": 2,
    },
    "mpt": {"vocab_size": 96, "d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 256, "use_cache": True},
}  # fmt: skip


def model_of(family: str, implementation: str | None = None) -> PreTrainedModel:
    if family in CONFIGURATIONS and implementation is None:
        return tiny_model(family)
    torch.manual_seed(0)
    config = AutoConfig.for_model(**{"model_type": family, **{**CONFIGURATIONS, **MORE_CONFIGURATIONS}[family]})
    model = AutoModelForCausalLM.from_config(config, attn_implementation=implementation).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.25)
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    return model


def search(model: PreTrainedModel, prompts: list[list[int]], **options) -> list[list[int]]:
    arguments = {"penalty_alpha": ALPHA, "top_k": K, "max_new_tokens": NEW, **options}
    inputs = padded(prompts)
    output = model.generate(**inputs, custom_generate=contrastive_search, **arguments)
    return output[:, inputs["input_ids"].shape[1] :].tolist()


def assert_equals_reference(model: PreTrainedModel, alpha: float = ALPHA, k: int = K) -> None:
    expected = [reference_search(model, prompt, alpha, k, NEW) for prompt in PROMPTS]
    assert len({token for row in expected for token in row}) > 12, "the reference says too little to compare with"
    options = {"penalty_alpha": alpha, "top_k": k}
    assert [search(model, [prompt], **options)[0] for prompt in PROMPTS] == expected
    assert search(model, PROMPTS, **options) == expected


@pytest.mark.parametrize("family", PACKED)
@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_one_forward_a_token_gives_the_tokens_of_the_equation(family: str, implementation: str) -> None:
    model = model_of(family, implementation)
    assert_equals_reference(model)
    assert why_not_packed(model) is None
    assert model.config._attn_implementation == implementation


@pytest.mark.parametrize("family", PACKED_TOO)
def test_so_do_models_with_peculiarities(family: str) -> None:
    model = model_of(family)
    assert_equals_reference(model)
    assert why_not_packed(model) is None


@pytest.mark.parametrize(("alpha", "k"), [(0.0, 3), (1.0, 3), (0.4, 8), (0.7, 1), (0.5, 96)])
def test_other_strengths_and_widths(alpha: float, k: int) -> None:
    assert_equals_reference(tiny_model("llama"), alpha, k)


def test_zero_strength_is_greedy_search() -> None:
    model = tiny_model("gemma3_text")
    greedy = model.generate(**padded(PROMPTS), do_sample=False, max_new_tokens=NEW)
    assert search(model, PROMPTS, penalty_alpha=0.0, top_k=5) == greedy[:, 12:].tolist()


@pytest.mark.parametrize("family", K_FOLD)
def test_other_models_run_their_candidates_as_copies_and_say_so_once(family: str) -> None:
    model = model_of(family)
    with pytest.warns(UserWarning, match="cannot take the candidates of contrastive search side by side"):
        search(model, PROMPTS[:1], max_new_tokens=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert_equals_reference(model)


@pytest.mark.parametrize("family", ["bert", "megatron-bert", "modernbert-decoder"])
def test_the_last_hidden_states_are_compared_and_not_what_a_head_makes_of_them(family: str) -> None:
    model = tiny_family(family)
    reason = why_not_packed(model)
    assert reason is not None
    assert "output head" in reason
    for seed in (31, 32):
        for prompt in random_prompts([12, 5, 9], seed=seed):
            assert search(model, [prompt], top_k=3)[0] == reference_search(model, prompt, ALPHA, 3, NEW)


@pytest.mark.parametrize("family", ["minicpm3", "cohere2", "granite"])
def test_a_factor_before_the_head_changes_no_cosine(family: str) -> None:
    assert why_not_packed(tiny_family(family)) is None


@pytest.mark.parametrize("processor", [False, True])
def test_a_model_without_a_cache_is_refused_by_name(processor: bool) -> None:
    model = tiny_family("openai-gpt")
    options = {"logits_processor": [ContrastiveSearchLogitsProcessor(model)]} if processor else {}
    with pytest.raises(ValueError, match=r"has to keep a cache .* OpenAIGPTLMHeadModel"):
        model.generate(**padded(PROMPTS[:1]), max_new_tokens=2, **(options or {"custom_generate": contrastive_search}))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_biased_key_positions_are_found_out(dtype: torch.dtype) -> None:
    # MPT takes the mask without complaint and gives wrong hidden states: only trying it tells.
    reason = why_not_packed(model_of("mpt").to(dtype))
    assert reason is not None


def test_a_short_window_of_the_attention_itself_is_no_secret() -> None:
    reason = why_not_packed(model_of("gpt_neo"))
    assert reason is not None
    assert "local attention" in reason


@pytest.mark.parametrize("family", ["llama", "gemma3_text", "gpt2"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_packed_and_stays_finite(family: str, dtype: torch.dtype) -> None:
    model = model_of(family).to(dtype) if family != "llama" else model_of(family, "sdpa").to(dtype)
    try:
        output = model.generate(
            **padded(PROMPTS), custom_generate=contrastive_search, max_new_tokens=NEW,
            return_dict_in_generate=True, output_logits=True,
        )  # fmt: skip
        assert why_not_packed(model) is None
        assert output.sequences.shape == (4, 12 + NEW)
        assert all(logits.dtype == torch.float32 and logits.isfinite().all() for logits in output.logits)
    finally:
        model.float()


def test_a_zero_padding_embedding_makes_no_nan() -> None:
    model = model_of("llama", "sdpa")
    with torch.no_grad():
        model.get_input_embeddings().weight[0] = 0
    assert_equals_reference(model)


def test_caches_grow_when_the_reserve_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterfoil.decoding.search.loop._MAX_RESERVED_TOKENS", 1)
    for family in ("llama", "gemma3_text"):
        model = tiny_model(family)
        expected = [reference_search(model, prompt, ALPHA, K, 40) for prompt in PROMPTS[:2]]
        assert search(model, PROMPTS[:2], max_new_tokens=40) == expected


def test_a_prompt_read_in_chunks_gives_the_same_tokens() -> None:
    for family in ("llama", "gemma3_text", "mistral"):
        model = tiny_model(family)
        assert search(model, PROMPTS, prefill_chunk_size=5) == search(model, PROMPTS)


@pytest.mark.parametrize("family", ["llama", "mistral", "gemma3_text"])
def test_chunks_may_be_longer_together_than_what_was_reserved(family: str) -> None:
    model = tiny_model(family) if family == "llama" else tiny_model(family, sliding_window=32)
    prompts = random_prompts([60, 31], seed=31)
    for rows in (prompts, prompts[:1]):
        assert search(model, rows, max_new_tokens=3, prefill_chunk_size=5) == search(model, rows, max_new_tokens=3)


@pytest.mark.parametrize("family", ["llama", "qwen3_next"])
def test_a_static_cache_is_served_by_another_kind(family: str) -> None:
    model = tiny_model(family)
    assert search(model, PROMPTS, cache_implementation="static") == search(model, PROMPTS)


@torch.no_grad()
def test_the_verdict_does_not_depend_on_the_mode_of_the_model() -> None:
    """A model in training drops out at random, which no packed step could repeat; the verdict is kept for good."""
    model = copy.deepcopy(tiny_model("llama"))
    layers = list(model.modules())
    for module in layers:
        if hasattr(module, "attention_dropout"):
            module.attention_dropout = 0.5
    model.train()
    frozen = model.get_output_embeddings().eval()
    assert why_not_packed(model) is None
    assert [module.training for module in layers] == [module is not frozen for module in layers]
