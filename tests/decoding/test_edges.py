"""Lengths, vocabularies and scores at their edges, offloaded and compiled models: right, or refused by name."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from accelerate import cpu_offload, disk_offload
from counterfoil.decoding import (
    CADLogitsProcessor,
    CIDLogitsProcessor,
    ContrastiveDecodingLogitsProcessor,
    ContrastiveSearchLogitsProcessor,
    CutContext,
    DoLaLogitsProcessor,
    EarlyExit,
    batched_views,
    contrastive_search,
)
from transformers import CompileConfig, LogitsProcessor, PreTrainedModel

from tests.support.families import tiny_family
from tests.support.kinds_of_views import MAKE, PROMPTS, generate
from tests.support.tiny_models import padded, random_prompts, tiny_model

PATHS = {"processor": {}, "batched_views": {"custom_generate": batched_views}}
YARN = {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4, "original_max_position_embeddings": 32}


def contrast(length: int, seed: int = 3) -> dict[str, torch.Tensor]:
    return padded(random_prompts([length], seed))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("family", ["gpt2", "opt", "codegen"])
def test_a_contrast_that_outgrows_a_table_of_positions_is_refused_by_name(family: str, path: str) -> None:
    model = tiny_model(family) if family != "codegen" else tiny_family(family)
    cad = CADLogitsProcessor(model, contrast(250), strength=1.0)
    prompt = random_prompts([3], seed=4)
    assert len(generate(model, prompt, cad, max_new_tokens=7, **PATHS[path])[0]) == 7
    kind = type(model).__name__
    with pytest.raises(ValueError, match=f"has to fit the 256 positions of {kind} with all its new tokens"):
        generate(model, prompt, cad, max_new_tokens=20, **PATHS[path])
    with pytest.raises(ValueError, match=f"has to fit the 256 positions of {kind}, but is 257"):
        generate(model, prompt, CADLogitsProcessor(model, contrast(257)), max_new_tokens=1, **PATHS[path])


@pytest.mark.parametrize("scaled", [{}, {"rope_parameters": YARN}])
@pytest.mark.parametrize("path", PATHS)
def test_rope_reads_beyond_the_positions_of_the_configuration(path: str, scaled: dict[str, Any]) -> None:
    model = tiny_family("llama", max_position_embeddings=32, **scaled)
    long, short = random_prompts([58, 20], seed=5)
    for processor in (
        CIDLogitsProcessor(model, padded([long]), strength=1.0),
        ContrastiveDecodingLogitsProcessor(model, CutContext(model, 40), strength=1.0, plausibility=0.0),
    ):
        assert len(generate(model, [short + short], processor, **PATHS[path])[0]) == 6
    expected = generate(model, [long], CADLogitsProcessor(model, padded([long]), strength=2.0))
    plain = model.generate(**padded([long]), max_new_tokens=6, do_sample=False)[:, len(long) :].tolist()
    assert expected == plain


@pytest.mark.parametrize("path", PATHS)
def test_the_amateur_needs_no_pad_token_of_the_expert(path: str) -> None:
    expert, amateur = copy.deepcopy(tiny_family("llama", vocab_size=97)), tiny_model("gpt2", seed=5)
    prompts = random_prompts([9, 3, 6], seed=6)
    expert.generation_config.pad_token_id = 96
    expert.generation_config.eos_token_id = [50, 7, 61, 33, 12, 80]
    inputs = padded(prompts)
    inputs["input_ids"][inputs["attention_mask"] == 0] = 96

    def made() -> ContrastiveDecodingLogitsProcessor:
        return ContrastiveDecodingLogitsProcessor(expert, amateur, strength=1.0, plausibility=0.05, vocabulary_size=96)

    options = {"max_new_tokens": 25, "do_sample": False, **PATHS[path]}
    together = expert.generate(**inputs, logits_processor=[made()], **options)[:, 9:].tolist()
    assert any(96 in row for row in together), "no row ends"
    for prompt, row in zip(prompts, together, strict=True):
        alone = expert.generate(**padded([prompt]), logits_processor=[made()], **options)[0, len(prompt) :].tolist()
        assert row[: len(alone)] == alone
        assert set(row[len(alone) :]) <= {96}


class At(LogitsProcessor):
    """Writes a value into the scores at one step."""

    def __init__(self, column: int | slice, value: float, length: int) -> None:
        self.column, self.value, self.length = column, value, length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if input_ids.shape[1] == self.length:
            scores = scores.clone()
            scores[:, self.column] = self.value
        return scores


@pytest.mark.parametrize("late", [0, 3])
@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (7, torch.inf, r"below \+inf, but hold \+inf: force a token by -inf"),
        (slice(None), -torch.inf, "at least one token a row, but mask"),
        (7, torch.nan, "numbers, but hold NaN"),
    ],
)
@pytest.mark.parametrize("method", MAKE)
def test_scores_that_no_rule_can_use_are_refused_at_every_step(
    method: str, column: int | slice, value: float, message: str, late: int
) -> None:
    model, length = tiny_model("llama"), len(PROMPTS[0])
    with pytest.raises(ValueError, match=message if method != "contrastive search" else "scores have to"):
        generate(model, PROMPTS[:1], [At(column, value, length + late), MAKE[method](model)])


@pytest.mark.parametrize("path", PATHS)
def test_a_row_that_has_ended_may_be_masked(path: str) -> None:
    model = tiny_model("llama")
    prompts = random_prompts([9, 6], seed=71)
    inputs = padded(prompts)
    first, _ = generate(model, prompts, MAKE["cad"](model))
    ending = first[1]  # the first row ends at its second token

    class MaskEnded(LogitsProcessor):
        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            ended = (input_ids[:, 9:] == ending).any(-1)
            return scores.masked_fill(ended[:, None], -torch.inf)

    cad = CADLogitsProcessor(model, padded(random_prompts([4], seed=72)), strength=1.0)
    options = {"max_new_tokens": 6, "do_sample": False, "eos_token_id": ending, "pad_token_id": 5, **PATHS[path]}
    plain = model.generate(**inputs, logits_processor=[copy.deepcopy(cad)], **options)
    assert torch.equal(model.generate(**inputs, logits_processor=[MaskEnded(), cad], **options), plain)


def test_an_ended_row_of_a_search_is_not_read_again() -> None:
    model = tiny_model("llama")
    prompts = random_prompts([9, 6], seed=71)
    (first, second) = generate(model, prompts, ContrastiveSearchLogitsProcessor(model))
    processor, forwards = ContrastiveSearchLogitsProcessor(model), []
    handle = model.register_forward_pre_hook(
        lambda _, __, given: forwards.append(given["input_ids"].shape[1]), with_kwargs=True
    )
    try:
        ended = generate(model, prompts, processor, eos_token_id=first[1], pad_token_id=5)
    finally:
        handle.remove()
    assert ended == [[*first[:2], *[5] * 4], second]
    assert sum(length >= 9 for length in forwards) == 2, "the prompts are read once by the model and once by the search"


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_layers_of_composite_models(family: str) -> None:
    from tests.support.tiny_vision import tiny_vision  # noqa: PLC0415

    model = tiny_vision(family).model
    by_name = DoLaLogitsProcessor(model)
    assert by_name.view.layers
    assert generate(model, PROMPTS[:1], by_name) == generate(
        model, PROMPTS[:1], DoLaLogitsProcessor(model, by_name.view.layers)
    )


@pytest.mark.parametrize("family", ["llama4_text", "lfm2", "xglm", "biogpt", "recurrent_gemma"])
def test_layers_wherever_a_family_keeps_them(family: str) -> None:
    model = tiny_family(family)
    processor = ContrastiveDecodingLogitsProcessor(model, EarlyExit(model, 2), strength=1.0, plausibility=0.0)
    plain = model.generate(**padded(PROMPTS[:1]), max_new_tokens=6, do_sample=False)[:, 9:].tolist()
    last = EarlyExit(model, model.config.num_hidden_layers)
    same = ContrastiveDecodingLogitsProcessor(model, last, strength=3.0, plausibility=0.0)
    assert generate(model, PROMPTS[:1], same) == plain, "the last layer is the model itself"
    assert len(generate(model, PROMPTS[:1], processor)[0]) == 6


@pytest.mark.parametrize("options", [{"assistant_early_exit": 2}, {"prompt_lookup_num_tokens": 2}])
@pytest.mark.parametrize("method", MAKE)
def test_a_refusal_leaves_the_whole_model_behind(method: str, options: dict[str, Any]) -> None:
    model = copy.deepcopy(tiny_model("llama"))
    plain = model.generate(**padded(PROMPTS[:1]), max_new_tokens=6, do_sample=False)
    with pytest.raises(ValueError, match="cannot follow this call: assisted decoding"):
        generate(model, PROMPTS[:1], MAKE[method](model), **options)
    assert model.config.num_hidden_layers == 4
    assert torch.equal(model.generate(**padded(PROMPTS[:1]), max_new_tokens=6, do_sample=False), plain)


def offloaded(how: str, folder: Path) -> PreTrainedModel:
    model = copy.deepcopy(tiny_model("llama", seed=8))
    if how == "cpu_offload":
        return cpu_offload(model, execution_device=torch.device("cpu"))
    if how == "disk_offload":
        return disk_offload(model, folder, execution_device=torch.device("cpu"))
    model.save_pretrained(folder / "model")
    places = {"model.embed_tokens": "disk", "model.layers": "cpu", "model.norm": "cpu", "model.rotary_emb": "cpu",
              "lm_head": "cpu"}  # fmt: skip
    return transformers.AutoModelForCausalLM.from_pretrained(
        folder / "model", device_map=places, offload_folder=folder / "offloaded"
    ).eval()


@pytest.mark.parametrize("how", ["cpu_offload", "disk_offload", "embeddings on disk"])
def test_models_whose_weights_are_offloaded(how: str, tmp_path: Path) -> None:
    whole, model = tiny_model("llama", seed=8), offloaded(how, tmp_path)
    model.generation_config.eos_token_id = None
    assert model.device.type == "meta"
    for method, make in MAKE.items():
        assert generate(model, PROMPTS, make(model)) == generate(whole, PROMPTS, make(whole)), method
    cad, expected = MAKE["cad"](model), generate(whole, PROMPTS, MAKE["cad"](whole))
    assert generate(model, PROMPTS, cad, custom_generate=batched_views) == expected
    search = generate(whole, PROMPTS, [], custom_generate=contrastive_search)
    assert generate(model, PROMPTS, [], custom_generate=contrastive_search) == search


def test_layer_contrasts_of_a_model_compiled_as_a_whole() -> None:
    torch.compiler.reset()
    model = copy.deepcopy(tiny_model("llama", seed=12, num_hidden_layers=3))
    expected = generate(model, PROMPTS[:1], MAKE["dola"](model), max_new_tokens=3)
    model = copy.deepcopy(model)
    model.compile(backend="eager")
    assert generate(model, PROMPTS[:1], MAKE["dola"](model), max_new_tokens=3) == expected


YOUNGER = """
import pytest
from tests.support.kinds_of_views import MAKE, PROMPTS, generate
from tests.support.tiny_models import tiny_model

model = tiny_model("llama", seed=12, num_hidden_layers=3)
model.compile(backend="eager")
generate(model, PROMPTS[:1], [], max_new_tokens=2)
with pytest.raises(ValueError, match="no hooks that are younger than its compilation: make the processor before"):
    generate(model, PROMPTS[:1], MAKE["dola"](model), max_new_tokens=3)
"""


def test_layer_contrasts_that_are_younger_than_the_compilation_are_refused() -> None:
    # In a process of its own: what earlier tests compiled decides whether a forward is compiled anew, hooks and all.
    places = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [places, os.environ.get("PYTHONPATH")]))}
    run = subprocess.run([sys.executable, "-c", YOUNGER], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_layer_contrasts_with_a_compiled_static_cache() -> None:
    torch.compiler.reset()
    model = copy.deepcopy(tiny_model("llama", seed=12, num_hidden_layers=3))
    expected = generate(model, PROMPTS[:1], MAKE["dola"](model), cache_implementation="static")
    config = CompileConfig(backend="eager", mode=None)
    config._compile_all_devices = True  # type: ignore[attr-defined]  # what transformers does on CUDA
    options = {"cache_implementation": "static", "compile_config": config}
    assert generate(model, PROMPTS[:1], MAKE["dola"](model), **options) == expected
