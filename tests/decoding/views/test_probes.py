"""Models whose rows, sequences or caches do not bear what one forward for all assumes: right, or refused by name."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import pytest
import torch
from counterfoil.decoding import (
    CADLogitsProcessor,
    ContrastiveSearchLogitsProcessor,
    DoLaLogitsProcessor,
    batched_views,
    contrastive_search,
)
from counterfoil.decoding.generation.side_by_side import SideBySide
from counterfoil.decoding.views import probes
from peft import PromptEncoderConfig, PromptTuningConfig, get_peft_model
from transformers import PreTrainedModel

from tests.support.contrastive_search_reference import reference_search
from tests.support.families import tiny_family
from tests.support.reference import next_logits, reference_greedy
from tests.support.tiny_models import padded, random_prompts, tiny_model

NEW = 6
DYNAMIC = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 1e4}


@pytest.fixture(scope="module")
def models() -> dict[str, PreTrainedModel]:
    made = {family: tiny_family(family) for family in ("phi3", "axk2", "minimax", "rwkv", "recurrent_gemma")}
    dynamic = tiny_family("llama", rope_parameters=DYNAMIC, max_position_embeddings=32)
    return {**made, "dynamic llama": dynamic, "llama": tiny_model("llama")}


def continued(model: Any, prompt: list[int], *processors: Any, **options: Any) -> list[int]:
    inputs = padded([prompt])
    given = {"max_new_tokens": NEW, "do_sample": False, **options}
    return model.generate(**inputs, logits_processor=list(processors), **given)[0, len(prompt) :].tolist()


@pytest.mark.parametrize("family", ["phi3", "dynamic llama", "axk2", "minimax", "rwkv"])
@pytest.mark.parametrize("is_longer", [True, False])
def test_a_row_that_depends_on_the_longest_is_read_in_a_forward_of_its_own(
    models: dict[str, PreTrainedModel], family: str, is_longer: bool
) -> None:
    prompt, contrast = random_prompts([60, 20] if is_longer else [20, 60], seed=7)

    def found(strength: float, **options: Any) -> list[int]:
        model = copy.deepcopy(models[family])  # dynamic RoPE remembers the longest sequence from call to call
        return continued(model, prompt, CADLogitsProcessor(model, padded([contrast]), strength=strength), **options)

    with pytest.warns(UserWarning, match="computes a row otherwise beside another one .* forward of its own"):
        together = found(1.0, custom_generate=batched_views)
    assert together == found(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nothing = found(0.0, custom_generate=batched_views)
    assert nothing == found(0.0) == continued(copy.deepcopy(models[family]), prompt)
    if family in ("minimax", "rwkv"):  # the others read another text with a cache than without
        model = models[family]

        def other(new: list[int]) -> Any:
            return next_logits(model, contrast + new)

        assert together == reference_greedy(model, prompt, other, lambda z, o: 2 * z - o, NEW)


def test_so_is_one_that_depends_on_another_of_its_length(models: dict[str, PreTrainedModel]) -> None:
    model = copy.deepcopy(models["rwkv"])
    for length in (20, 24):
        prompt, contrast = random_prompts([length, length], seed=8)
        for other, strength in ((prompt, 3.0), (contrast, 0.0)):
            cad = CADLogitsProcessor(model, padded([other]), strength=strength)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = continued(model, prompt, cad, custom_generate=batched_views)
            assert found == continued(model, prompt)


def test_a_single_row_has_no_other_beside_it(models: dict[str, PreTrainedModel]) -> None:
    sequences = SideBySide(models["rwkv"])
    one = torch.ones(1, 9, dtype=torch.long)
    assert sequences.why_not_together([one], NEW) is None
    assert sequences.why_not_together([one, one], NEW) is not None


def test_it_is_told_once(models: dict[str, PreTrainedModel]) -> None:
    model = copy.deepcopy(models["rwkv"])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for length in (3, 9, 30):
            prompt, contrast = random_prompts([length, 6], seed=7)
            cad = CADLogitsProcessor(model, padded([contrast]))
            continued(model, prompt, cad, custom_generate=batched_views)
    assert sum("forward of its own" in str(warning.message) for warning in told) == 1


def test_short_rows_of_such_a_model_share_a_forward(models: dict[str, PreTrainedModel]) -> None:
    model = copy.deepcopy(models["phi3"])
    prompt, contrast = random_prompts([9, 4], seed=8)
    cad = CADLogitsProcessor(model, padded([contrast]), strength=1.0)
    forwards: list[int] = []
    model.register_forward_pre_hook(lambda _, __, given: forwards.append(len(given["input_ids"])), with_kwargs=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        continued(model, prompt, cad, custom_generate=batched_views)
        forwards.clear()
        found = continued(model, prompt, cad, custom_generate=batched_views)
    assert forwards == [2] * NEW
    assert found == continued(model, prompt, cad)


def test_a_trial_is_made_once(models: dict[str, PreTrainedModel], monkeypatch: pytest.MonkeyPatch) -> None:
    model, tried = copy.deepcopy(models["llama"]), []
    beside = probes._error_beside
    monkeypatch.setattr(probes, "_error_beside", lambda *given: tried.append(given[1]) or beside(*given))
    for length in (5, 7, 11):
        prompt, contrast = random_prompts([length, 3], seed=9)
        cad = CADLogitsProcessor(model, padded([contrast]))
        assert continued(model, prompt, cad, custom_generate=batched_views) == continued(model, prompt, cad)
    assert len(tried) == 1


def test_dynamic_rope_of_the_contrast_is_its_own() -> None:
    model = tiny_family("llama", rope_parameters=DYNAMIC, max_position_embeddings=32)
    prompt, contrast = random_prompts(
        [70, 50], seed=10
    )  # both beyond the original positions, one further than the other
    cad = CADLogitsProcessor(model, padded([contrast]), strength=1.0)
    plain = continued(copy.deepcopy(model), prompt)
    assert continued(copy.deepcopy(model), prompt, CADLogitsProcessor(model, padded([contrast]), strength=0.0)) == plain
    output = model.generate(
        **padded([prompt]), logits_processor=[cad], max_new_tokens=1, output_logits=True, return_dict_in_generate=True
    )
    alone = copy.deepcopy(tiny_family("llama", rope_parameters=DYNAMIC, max_position_embeddings=32))
    other = alone(torch.tensor([contrast])).logits[0, -1]
    expected = 2 * output.logits[0][0].log_softmax(-1) - other.log_softmax(-1)
    assert int(output.sequences[0, -1]) == int(expected.argmax())


def test_state_in_modules_is_refused_by_name(models: dict[str, PreTrainedModel]) -> None:
    model = models["recurrent_gemma"]
    prompt, contrast = random_prompts([12, 5], seed=11)
    plain = continued(model, prompt)
    cad = CADLogitsProcessor(model, padded([contrast]), strength=0.0)
    for options in ({}, {"custom_generate": batched_views}):
        with pytest.raises(ValueError, match="RecurrentGemmaForCausalLM keeps it in its modules"):
            continued(model, prompt, cad, **options)
    with pytest.raises(ValueError, match="keep a cache whose rows can be copied"):
        continued(model, prompt, custom_generate=contrastive_search)
    assert continued(model, prompt) == plain
    assert continued(model, prompt, DoLaLogitsProcessor(model, [1])) is not None, "layers need no second sequence"


def test_a_cache_that_reorders_a_part_of_its_state_is_refused_by_name(models: dict[str, PreTrainedModel]) -> None:
    model = models["minimax"]
    prompt, contrast = random_prompts([9, 9], seed=12)
    cad = CADLogitsProcessor(model, padded([contrast]), strength=1.0)
    search = ContrastiveSearchLogitsProcessor(model)
    for options in ({"custom_generate": contrastive_search}, {"logits_processor": [search]}):
        with pytest.raises(ValueError, match=r"cache whose rows can be copied .* MiniMaxForCausalLM \("):
            model.generate(**padded([prompt]), max_new_tokens=3, do_sample=False, **options)
    for custom in (None, batched_views):
        with pytest.raises(ValueError, match="MiniMaxForCausalLM keeps some outside of its cache's rows"):
            continued(model, prompt, cad, num_beams=3, custom_generate=custom)


def test_returned_sequences_of_such_a_model_are_read_row_by_row(models: dict[str, PreTrainedModel]) -> None:
    model = models["minimax"]
    prompt, contrast = random_prompts([9, 4], seed=13)
    cad = CADLogitsProcessor(model, padded([contrast]), strength=1.0, trace=True)
    torch.manual_seed(0)
    sequences = model.generate(
        **padded([prompt]), logits_processor=[cad], do_sample=True, num_return_sequences=3, max_new_tokens=4
    )
    trace = cad.trace(sequences)
    for row, ids in enumerate(sequences[:, len(prompt) :].tolist()):
        for step, token in enumerate(ids):
            other = model(torch.tensor([contrast + ids[:step]]), use_cache=False).logits[0, -1].log_softmax(-1)
            assert float(trace.contrast[row, step]) == pytest.approx(float(other[token]), abs=1e-3)


@pytest.mark.parametrize("length", [30, 33, 60])
@pytest.mark.parametrize("alpha", [0.0, 0.6])
def test_contrastive_search_uses_its_cache_where_a_model_drops_an_empty_one(
    models: dict[str, PreTrainedModel], length: int, alpha: float
) -> None:
    model, new = models["phi3"], 2
    (prompt,) = random_prompts([length], seed=14)
    expected = reference_search(model, prompt, alpha, 4, new)
    options = {"penalty_alpha": alpha, "top_k": 4}
    assert continued(model, prompt, custom_generate=contrastive_search, max_new_tokens=new, **options) == expected
    assert continued(model, prompt, ContrastiveSearchLogitsProcessor(model, **options), max_new_tokens=new) == expected


@pytest.mark.parametrize("kind", ["prompt tuning", "p-tuning"])
def test_prompts_that_peft_puts_in_front_of_padding(kind: str) -> None:
    torch.manual_seed(0)
    config = {
        "prompt tuning": PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4),
        "p-tuning": PromptEncoderConfig(task_type="CAUSAL_LM", num_virtual_tokens=4, encoder_hidden_size=16),
    }[kind]
    model = get_peft_model(copy.deepcopy(tiny_model("llama")), config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "prompt_encoder" in name:
                parameter.normal_(0, 0.25)
    prompt, contrast = random_prompts([5, 14], seed=15)
    cad = CADLogitsProcessor(model, padded([contrast]), strength=1.0)
    with pytest.warns(UserWarning, match="forward of its own"):
        found = continued(model, prompt, cad, custom_generate=batched_views)
    assert found == continued(model, prompt, cad)
    nothing = CADLogitsProcessor(model, padded([contrast]), strength=0.0)
    assert continued(model, prompt, nothing, custom_generate=batched_views) == continued(model, prompt)
