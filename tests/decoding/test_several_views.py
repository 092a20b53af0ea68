"""More than two views in generate(): other models, prompts, layers, each against full forwards."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import torch
from counterfoil.decoding import (
    ContrastLogitsProcessor,
    DExpertsLogitsProcessor,
    EarlyExit,
    OtherPrompt,
    SamePrompt,
    WeightedSumLogitsProcessor,
    batched_views,
)
from counterfoil.decoding.methods import CAD
from counterfoil.decoding.views.layer_view import CandidateLayers
from counterfoil.models import load_language_model
from transformers import LogitsProcessor

from tests.decoding.test_smollm2 import TEXT, all_logits, batch_of, layer_logits
from tests.support import oracles
from tests.support.reference import next_logits
from tests.support.tiny_models import padded, random_prompts, tiny_model

PROMPTS = random_prompts([9, 3, 6, 5], seed=71)
OTHERS = [random_prompts(lengths, seed=seed) for seed, lengths in ((72, [2, 7, 5, 1]), (73, [4, 4, 8, 2]))]
NEW = 8
MODES = {
    "greedy": {},
    "sampled": {"do_sample": True, "top_k": 20},
    "3 beams": {"num_beams": 3, "num_return_sequences": 2},
}
Reader = Callable[[list[int], int, list[int]], np.ndarray]
"""`(prompt, row, continuation)` to the logits of the next token, by a full forward."""


class Reference(LogitsProcessor):
    """A rule on the row's own scores and full forwards of every other view."""

    def __init__(self, readers: list[Reader], rule: Callable[..., np.ndarray]) -> None:
        self.readers, self.rule = readers, rule

    def __call__(self, input_ids, scores):
        rows_each, length, rows = len(input_ids) // len(PROMPTS), max(map(len, PROMPTS)), []
        for row, (ids, main) in enumerate(zip(input_ids.tolist(), scores.double().numpy(), strict=True)):
            prompt = row // rows_each
            others = np.stack([reader(PROMPTS[prompt], prompt, ids[length:]) for reader in self.readers])
            rows.append(oracles.log_softmax(self.rule(main, others)))
        return torch.tensor(np.stack(rows), dtype=torch.float32)


def same(model) -> Reader:
    return lambda prompt, row, new: next_logits(model, prompt + new)


def other(model, prompts) -> Reader:
    return lambda prompt, row, new: next_logits(model, prompts[row] + new)


@torch.no_grad()
def early(model, layer: int, ids: list[int]) -> np.ndarray:
    hidden = model(torch.tensor([ids]), output_hidden_states=True, use_cache=False).hidden_states[layer][0, -1]
    return model.lm_head(model.model.norm(hidden)).double().numpy()


def experts(case: str):
    """The views of a case, made anew, and how each is read by a full forward."""
    model, tuned, untuned = tiny_model("llama"), tiny_model("gpt2", seed=5), tiny_model("gpt2", seed=6)
    prompts = [padded(OTHERS[0]), padded(OTHERS[1], side="right")]
    cases = {
        "two models": ([tuned, untuned], [same(tuned), same(untuned)]),
        "two prompts": (prompts, [other(model, OTHERS[0]), other(model, OTHERS[1])]),
        "a prompt and an early exit": (
            [prompts[0], EarlyExit(model, 2)],
            [other(model, OTHERS[0]), lambda prompt, row, new: early(model, 2, prompt + new)],
        ),
        "two prompts of one other model": (
            [OtherPrompt(tuned, prompts[0]), SamePrompt(tuned)],
            [other(tuned, OTHERS[0]), same(tuned)],
        ),
    }
    return cases[case]


CASES = ["two models", "two prompts", "a prompt and an early exit", "two prompts of one other model"]


def generate(processors, **options):
    torch.manual_seed(0)
    given = {"do_sample": False, "max_new_tokens": NEW, **options}
    return tiny_model("llama").generate(**padded(PROMPTS), logits_processor=processors, **given)


@pytest.mark.parametrize("custom", [None, batched_views], ids=["processors", "batched_views"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES)
def test_dexperts_is_its_rule_on_full_forwards(case: str, mode: str, custom) -> None:
    views, readers = experts(case)
    rule = functools.partial(oracles.dexperts, strength=0.6)
    expected = generate([Reference(readers, rule)], **MODES[mode])
    ours = DExpertsLogitsProcessor(tiny_model("llama"), views, strength=0.6)
    assert generate([ours], custom_generate=custom, **MODES[mode]).tolist() == expected.tolist()
    assert expected.tolist() != generate([], **MODES[mode]).tolist()


@pytest.mark.parametrize("custom", [None, batched_views], ids=["processors", "batched_views"])
def test_a_weighted_sum_of_four_views(custom) -> None:
    model, tuned = tiny_model("llama"), tiny_model("gpt2", seed=5)
    weights = (-0.4, 0.3, -0.2)
    views = [padded(OTHERS[0]), tuned, padded(OTHERS[1])]
    readers = [other(model, OTHERS[0]), same(tuned), other(model, OTHERS[1])]
    rule = functools.partial(oracles.weighted_sum, weights=weights, main_weight=1.3)
    ours = WeightedSumLogitsProcessor(model, views, weights=weights, main_weight=1.3)
    assert generate([ours], custom_generate=custom).tolist() == generate([Reference(readers, rule)]).tolist()


@pytest.mark.parametrize(
    ("case", "forwards", "lengths"),
    [
        ("two models", {"main": 1, "tuned": 1, "untuned": 1}, 1),
        ("two prompts", {"main": 1}, 2),
        ("a prompt and an early exit", {"main": 1}, 1),
        ("two prompts of one other model", {"main": 1, "tuned": 1}, 1),
    ],
)
def test_views_that_share_a_model_share_its_forward(case: str, forwards: dict[str, int], lengths: int) -> None:
    models = {"main": tiny_model("llama"), "tuned": tiny_model("gpt2", seed=5), "untuned": tiny_model("gpt2", seed=6)}
    counted: Counter[str] = Counter()
    hooks = [
        model.register_forward_pre_hook(lambda _, __, name=name: counted.update([name]))
        for name, model in models.items()
    ]
    try:
        views, _ = experts(case)
        ours = DExpertsLogitsProcessor(models["main"], views, strength=0.6)
        counted.clear()  # an early exit tries the model once
        generate([ours], custom_generate=batched_views)
    finally:
        for hook in hooks:
            hook.remove()
    expected = Counter({name: count * NEW for name, count in forwards.items()})
    expected["main"] += lengths - 1  # the prompts alone are read apart if they are of very unlike length
    assert counted == expected


@pytest.mark.parametrize("custom", [None, batched_views], ids=["processors", "batched_views"])
def test_the_trace_has_a_row_for_each_contrast(custom) -> None:
    views, readers = experts("two prompts")
    ours = DExpertsLogitsProcessor(tiny_model("llama"), views, strength=0.6, trace=True)
    sequences = generate([ours], custom_generate=custom)
    trace = ours.trace(sequences)
    assert trace.contrast.shape == trace.difference.shape == (2, len(PROMPTS), NEW)
    length = padded(PROMPTS)["input_ids"].shape[1]
    for row, ids in enumerate(sequences[:, length:].tolist()):
        for step, token in enumerate(ids):
            found = [oracles.log_softmax(read(PROMPTS[row], row, ids[:step]))[token] for read in readers]
            assert trace.contrast[:, row, step].tolist() == pytest.approx(found, abs=1e-4)


def test_one_object_serves_many_calls_and_leaves_nothing_behind() -> None:
    views, _ = experts("two prompts of one other model")
    ours = DExpertsLogitsProcessor(tiny_model("llama"), views, strength=0.6)
    first = generate([ours], custom_generate=batched_views)
    assert torch.equal(generate([ours]), first)
    assert torch.equal(generate([ours], custom_generate=batched_views), first)


def test_views_that_do_not_fit_are_refused() -> None:
    model = tiny_model("llama")
    for given in ([], [padded(OTHERS[0])], [padded(OTHERS[0])] * 3):
        with pytest.raises(ValueError, match="dexperts has to be given 2 contrasts"):
            DExpertsLogitsProcessor(model, given)
    with pytest.raises(ValueError, match="cad has to be given one contrast, but is given 2"):
        ContrastLogitsProcessor(model, [OtherPrompt(model, padded(OTHERS[0]))] * 2, CAD())
    with pytest.raises(ValueError, match="`weights` has to hold a number for each of 2 contrasts"):
        WeightedSumLogitsProcessor(model, [padded(OTHERS[0])] * 2, weights=(1,))
    with pytest.raises(ValueError, match=r"`experts\[1\]` has to be a transformers model"):
        DExpertsLogitsProcessor(model, [padded(OTHERS[0]), "gpt2"])  # type: ignore[list-item]
    wider = tiny_model("llama", vocab_size=100)
    with pytest.raises(ValueError, match="the views have to share one vocabulary"):
        generate([DExpertsLogitsProcessor(model, [wider, model])])
    narrowed = DExpertsLogitsProcessor(model, [wider, model], vocabulary_size=96)
    assert generate([narrowed]).shape == (4, 9 + NEW)
    several = ContrastLogitsProcessor(
        model, [CandidateLayers(model, (0, 2), norm=True), SamePrompt(model)], DExpertsLogitsProcessor.method_class()
    )
    with pytest.raises(ValueError, match="the views have to share one vocabulary, but their logits are of shapes"):
        generate([several])


@pytest.mark.parametrize("custom", [None, batched_views], ids=["processors", "batched_views"])
def test_smollm2_with_its_early_exit_as_anti_expert(custom) -> None:
    lm = load_language_model()
    ids = lm.tokenizer(TEXT)["input_ids"]
    rows = [ids[i * 7 : i * 7 + 5 + 11 * i] for i in range(4)]
    told = [ids[60 + i : 75 + 2 * i] for i in range(4)]
    experts = DExpertsLogitsProcessor(lm.model, [batch_of(lm, told), EarlyExit(lm.model, 15)], strength=0.5)
    inputs = batch_of(lm, rows)
    output = lm.model.generate(
        **inputs, logits_processor=[experts], custom_generate=custom, max_new_tokens=8, do_sample=False,
        eos_token_id=None,
    )  # fmt: skip
    for prompt, expert, tokens in zip(rows, told, output[:, inputs["input_ids"].shape[1] :].tolist(), strict=True):
        main, good = all_logits(lm, prompt, tokens), all_logits(lm, expert, tokens)
        anti = layer_logits(lm, 15, True, prompt, tokens)
        assert tokens == [
            int(oracles.dexperts(m, np.stack([g, a]), strength=0.5).argmax())
            for m, g, a in zip(main, good, anti, strict=True)
        ]
