"""Contrastive search as a processor: the tokens of the loop, and of an uncached reference."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch
from counterfoil.decoding import ContrastiveSearchLogitsProcessor, contrastive_search

from tests.support import oracles
from tests.support.tiny_models import padded, random_prompts, tiny_model

NEW = 8
PROMPTS = random_prompts([9, 3, 6, 5], seed=51)


def generate(model, prompts, processors, **options):
    torch.manual_seed(0)
    return model.generate(
        **padded(prompts), logits_processor=processors, **{"do_sample": False, "max_new_tokens": NEW, **options}
    )


@torch.no_grad()
def reference(model, prompt: list[int], penalty_alpha: float, top_k: int, new_tokens: int) -> list[int]:
    """The definition: every candidate's hidden state from a full forward of its own, in float64."""
    ids = list(prompt)
    for _ in range(new_tokens):
        outputs = model(torch.tensor([ids]), use_cache=False, output_hidden_states=True)
        history = outputs.hidden_states[-1][0].double().numpy()
        p = np.exp(oracles.log_softmax(outputs.logits[0, -1].double().numpy()))
        scores = {}
        for token in np.argsort(-p)[:top_k]:
            whole = model(torch.tensor([[*ids, int(token)]]), use_cache=False, output_hidden_states=True)
            h = whole.hidden_states[-1][0, -1].double().numpy()
            cosines = history @ h / np.linalg.norm(history, axis=-1) / np.linalg.norm(h)
            scores[int(token)] = (1 - penalty_alpha) * p[token] - penalty_alpha * cosines.max()
        ids.append(max(scores, key=lambda token: scores[token]))
    return ids[len(prompt) :]


@pytest.mark.parametrize("family", ["llama", "gpt2", "qwen3", "mistral", "gemma3_text", "gpt_neox"])
@pytest.mark.parametrize(("penalty_alpha", "top_k"), [(0.6, 4), (0.9, 8), (0.0, 3), (0.5, 1)])
def test_it_equals_the_uncached_reference_for_every_row(family: str, penalty_alpha: float, top_k: int) -> None:
    model = tiny_model(family)
    output = generate(
        model, PROMPTS, [ContrastiveSearchLogitsProcessor(model, penalty_alpha=penalty_alpha, top_k=top_k)]
    )
    for i, prompt in enumerate(PROMPTS):
        assert output[i, 9:].tolist() == reference(model, prompt, penalty_alpha, top_k, NEW), f"row {i}"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"do_sample": True, "temperature": 2.0},
        {"num_return_sequences": 2, "do_sample": True},
        {"repetition_penalty": 1.3},
        {"eos_token_id": list(range(40, 96)), "pad_token_id": 0},
        {"eos_token_id": list(range(40, 96)), "pad_token_id": 5},
    ],
)
def test_it_equals_the_loop_in_every_mode(options: dict) -> None:
    model = tiny_model("llama")
    ours = generate(model, PROMPTS, [ContrastiveSearchLogitsProcessor(model)], **options)
    deterministic = {k: v for k, v in options.items() if k not in ("do_sample", "temperature", "num_return_sequences")}
    loop = generate(model, PROMPTS, [], custom_generate=contrastive_search, penalty_alpha=0.6, top_k=4, **deterministic)
    assert ours.tolist() == loop.repeat_interleave(options.get("num_return_sequences", 1), 0).tolist()


@pytest.mark.parametrize("family", ["bloom", "opt"])
@pytest.mark.filterwarnings("ignore:.*candidates of contrastive search side by side")
def test_models_that_cannot_take_candidates_side_by_side_are_served_as_well(family: str) -> None:
    model = tiny_model(family)
    output = generate(model, PROMPTS, [ContrastiveSearchLogitsProcessor(model)])
    for i, prompt in enumerate(PROMPTS):
        assert output[i, 9:].tolist() == reference(model, prompt, 0.6, 4, NEW), f"row {i}"


def test_a_token_that_is_not_the_winner_is_followed() -> None:
    model = tiny_model("llama")
    processor = ContrastiveSearchLogitsProcessor(model)

    class Force:
        """Overrules the winner in the third step."""

        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            if input_ids.shape[1] != len(PROMPTS[0]) + 2:
                return scores
            return torch.full_like(scores, -torch.inf).index_fill(-1, torch.tensor([7]), 0.0)

    output = generate(model, PROMPTS[:1], [processor, Force()])[0].tolist()
    start = len(PROMPTS[0])
    assert output[start + 2] == 7
    assert output[start + 3 :] == reference(model, output[: start + 3], 0.6, 4, NEW - 3)


def test_one_object_serves_many_calls_and_frees_its_cache_after_each() -> None:
    model = tiny_model("llama")
    processor = ContrastiveSearchLogitsProcessor(model)
    for prompts in (PROMPTS, PROMPTS[::-1], PROMPTS[:1]):
        expected = generate(model, prompts, [ContrastiveSearchLogitsProcessor(model)])
        assert generate(model, prompts, [processor]).tolist() == expected.tolist()
        gc.collect()
        assert processor._call.current is not None
        assert not processor._call.current._states


def test_the_processor_itself_is_not_kept_alive() -> None:
    model = tiny_model("llama")
    processor = ContrastiveSearchLogitsProcessor(model)
    generate(model, PROMPTS, [processor])
    gone = weakref.ref(processor)
    del processor
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"penalty_alpha": 1.5}, r"`penalty_alpha` has to be in \[0, 1\], but is 1.5"),
        ({"top_k": 0}, "`top_k` has to be an integer of at least 1, but is 0"),
        ({"top_k": 2.5}, "`top_k` has to be an integer of at least 1, but is 2.5"),
    ],
)
def test_parameters_out_of_range_are_refused_when_made(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ContrastiveSearchLogitsProcessor(tiny_model("llama"), **arguments)


def test_what_it_cannot_serve_is_refused_by_name() -> None:
    model = tiny_model("llama")
    with pytest.raises(ValueError, match="`model` has to be decoder-only"):
        ContrastiveSearchLogitsProcessor(tiny_model("t5"))
    with pytest.raises(ValueError, match="cannot follow this call: contrastive search keeps one sequence a row"):
        generate(model, PROMPTS, [ContrastiveSearchLogitsProcessor(model)], num_beams=2)
    with pytest.raises(ValueError, match="at most the vocabulary's 96 tokens, but is 97"):
        generate(model, PROMPTS, [ContrastiveSearchLogitsProcessor(model, top_k=97)])
    with pytest.raises(ValueError, match="assisted decoding"):
        generate(model, PROMPTS[:1], [ContrastiveSearchLogitsProcessor(model)], prompt_lookup_num_tokens=2)
