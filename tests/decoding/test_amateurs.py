"""Contrastive decoding under every kind of amateur, and DoLa, against their uncached references."""

from __future__ import annotations

import copy
import functools
import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from counterfoil.decoding import (
    CADLogitsProcessor,
    ContrastiveDecodingLogitsProcessor,
    CutContext,
    DoLaLogitsProcessor,
    EarlyExit,
    OtherPrompt,
    SamePrompt,
    batched_views,
)
from transformers import LogitsProcessor, RepetitionPenaltyLogitsProcessor

from tests.support import oracles
from tests.support.reference import ReferenceProcessor, next_logits, reference_greedy
from tests.support.tiny_models import VOCABULARY, padded, random_prompts, tiny_model

NEW = 8
PROMPTS = random_prompts([9, 3, 6, 5], seed=21)
LAYERED = ["llama", "gpt2", "qwen3", "gemma3_text", "gpt_neox", "opt", "bloom"]
FORMULATIONS = {
    "obrien": {"plausibility": 0.05, "strength": 1.0},
    "li": {"plausibility": 0.05, "formulation": "li", "amateur_temperature": 0.5},
}
BEAMS = {"num_beams": 3, "num_return_sequences": 2}


def generate(model, prompts, processors, **options):
    torch.manual_seed(0)
    return model.generate(
        **padded(prompts), logits_processor=processors, max_new_tokens=NEW, **{"do_sample": False, **options}
    )


@torch.no_grad()
def layer_logits(model, ids: list[int], layer: int, *, norm: bool) -> np.ndarray:
    """The early head written out: hidden state of all layers from an uncached forward, the family's norm, its head."""
    hidden = model(torch.tensor([ids]), output_hidden_states=True, use_cache=False).hidden_states[layer][0, -1]
    decoder = model.get_decoder()
    name = next(n for n in ("norm", "ln_f", "final_layer_norm") if hasattr(decoder, n))
    if norm and layer < model.config.num_hidden_layers:
        hidden = getattr(decoder, name)(hidden)
    return model.get_output_embeddings()(hidden).double().numpy()


def amateur_of(kind: str, model):
    """The processor's amateur and, for the reference, its logits after a prompt and a continuation."""
    if kind == "smaller model":
        small = tiny_model("gpt2", seed=5)
        return small, lambda prompt, new: next_logits(small, prompt + new)
    if kind == "early exit":
        return EarlyExit(model, 2), lambda prompt, new: layer_logits(model, prompt + new, 2, norm=True)
    if kind == "cut context":
        return CutContext(model, 2), lambda prompt, new: next_logits(model, prompt[-2:] + new)
    other = random_prompts([4] * len(PROMPTS), seed=8)
    return (
        OtherPrompt(model, padded(other)),
        lambda prompt, new: next_logits(model, other[PROMPTS.index(prompt)] + new),
    )


@pytest.mark.parametrize("formulation", FORMULATIONS)
@pytest.mark.parametrize("kind", ["smaller model", "early exit", "cut context", "other prompt"])
def test_contrastive_decoding_equals_its_reference_for_every_row(kind: str, formulation: str) -> None:
    model = tiny_model("llama")
    parameters = FORMULATIONS[formulation]
    amateur, reference = amateur_of(kind, model)
    output = generate(model, PROMPTS, [ContrastiveDecodingLogitsProcessor(model, amateur, **parameters)])
    oracle = functools.partial(oracles.contrastive_decoding, **parameters)
    for i, prompt in enumerate(PROMPTS):
        expected = reference_greedy(model, prompt, functools.partial(reference, prompt), oracle, NEW)
        assert output[i, 9:].tolist() == expected, f"row {i}"


@pytest.mark.parametrize("family", LAYERED)
def test_early_exits_follow_beams_because_they_ride_on_the_main_forward(family: str) -> None:
    model = tiny_model(family)
    parameters = FORMULATIONS["obrien"]
    exit_processor = ContrastiveDecodingLogitsProcessor(model, EarlyExit(model, 2), **parameters)

    class Reference(ReferenceProcessor):
        def __call__(self, input_ids, scores):
            rows = []
            for row, main in zip(input_ids.tolist(), scores.double().numpy(), strict=True):
                prompt = next(p for p in PROMPTS if row[9 - len(p) : 9] == p)
                other = layer_logits(model, prompt + row[9:], 2, norm=True)
                rows.append(oracles.log_softmax(self.rule(main, other)))
            return torch.tensor(np.stack(rows), dtype=torch.float32)

    reference = Reference(model, PROMPTS, functools.partial(oracles.contrastive_decoding, **parameters), 9)
    assert generate(model, PROMPTS, [exit_processor], **BEAMS).tolist() == (
        generate(model, PROMPTS, [reference], **BEAMS).tolist()
    )


@pytest.mark.parametrize("mode", [{}, BEAMS, {"do_sample": True, "num_return_sequences": 2}])
def test_a_smaller_model_under_beams_and_sampling(mode: dict) -> None:
    model, small = tiny_model("llama"), tiny_model("gpt2", seed=5)
    oracle = functools.partial(oracles.contrastive_decoding, plausibility=0.05, strength=1.0)
    processor = ContrastiveDecodingLogitsProcessor(model, small, plausibility=0.05, strength=1.0)
    reference = ReferenceProcessor(small, PROMPTS, oracle, 9)
    assert (
        generate(model, PROMPTS, [processor], **mode).tolist() == generate(model, PROMPTS, [reference], **mode).tolist()
    )


@pytest.mark.parametrize("family", LAYERED)
def test_the_exit_after_the_last_layer_is_the_model(family: str) -> None:
    model = tiny_model(family)
    last = model.config.num_hidden_layers
    processor = ContrastiveDecodingLogitsProcessor(
        model, EarlyExit(model, last), plausibility=0.0, strength=1.0, trace=True
    )
    output = generate(model, PROMPTS, [processor])
    trace = processor.trace(output)
    torch.testing.assert_close(trace.main, trace.contrast, atol=1e-4, rtol=1e-4)
    assert output.tolist() == generate(model, PROMPTS, []).tolist()


def dola_reference(model, layers: list[int], prompt: list[int], norm: bool) -> tuple[list[int], list[int]]:
    chosen = []

    def early(new: list[int]) -> np.ndarray:
        final = np.exp(oracles.log_softmax(next_logits(model, prompt + new)))
        candidates = [layer_logits(model, prompt + new, layer, norm=norm) for layer in layers]
        divergences = [oracles.jensen_shannon(final, np.exp(oracles.log_softmax(z))) for z in candidates]
        chosen.append(layers[int(np.argmax(divergences))])
        return candidates[int(np.argmax(divergences))]

    return reference_greedy(model, prompt, early, oracles.dola, NEW), chosen


@pytest.mark.parametrize("family", LAYERED)
@pytest.mark.parametrize(("layers", "norm"), [("low", False), ("high", False), ([1, 3], True), (2, False)])
def test_dola_equals_its_reference_for_every_row(family: str, layers, norm: bool) -> None:
    model = tiny_model(family)
    processor = DoLaLogitsProcessor(model, layers, norm=norm, trace=True)
    output = generate(model, PROMPTS, [processor])
    recorded = processor.trace(output).coefficients["layer"]
    for i, prompt in enumerate(PROMPTS):
        expected, chosen = dola_reference(model, list(processor.method.layers), prompt, norm)
        assert output[i, 9:].tolist() == expected, f"row {i}"
        assert recorded[i].tolist() == chosen


PENALTY = 1.2


def released_dola(model, layers: list[int], prompt: list[int], new_tokens: int) -> list[int]:
    """The authors' loop for one prompt, uncached: `relative_top=0.1`, then the penalty on the differences."""
    ids, head = list(prompt), model.get_output_embeddings()
    for _ in range(new_tokens):
        with torch.no_grad():
            hidden = model(torch.tensor([ids]), output_hidden_states=True, use_cache=False).hidden_states
            final = head(hidden[-1][:, -1]).double()
            early = torch.stack([head(hidden[layer][:, -1]).double() for layer in layers])
        mixture = 0.5 * (final.softmax(-1) + early.softmax(-1))
        kl = [
            torch.nn.functional.kl_div(one.log_softmax(-1), mixture, reduction="none").mean(-1)
            for one in (final.expand_as(early), early)
        ]
        place = int((0.5 * (kl[0] + kl[1])).mean(-1).argmax())
        scores = final.log_softmax(-1)
        scores[scores < scores.max() + np.log(0.1)] = -np.inf
        scores = scores - early[place].log_softmax(-1)
        for token in set(ids):
            scores[0, token] = scores[0, token] * PENALTY if scores[0, token] < 0 else scores[0, token] / PENALTY
        ids.append(int(scores.argmax()))
    return ids[len(prompt) :]


@pytest.mark.parametrize("layers", ["low", "high", [2]])
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_released_dola_with_a_repetition_penalty_is_the_authors_loop(family: str, layers) -> None:
    model = tiny_model(family)
    prompts = random_prompts([7] * 6, seed=31)
    processor = DoLaLogitsProcessor(model, layers, norm=False, released=True)
    expected = [released_dola(model, list(processor.method.layers), prompt, NEW) for prompt in prompts]
    penalised = [processor, RepetitionPenaltyLogitsProcessor(PENALTY)]
    assert generate(model, prompts, penalised)[:, 7:].tolist() == expected
    assert generate(model, prompts, penalised, custom_generate=batched_views)[:, 7:].tolist() == expected
    normalised = [DoLaLogitsProcessor(model, layers, norm=False), RepetitionPenaltyLogitsProcessor(PENALTY)]
    assert generate(model, prompts, normalised)[:, 7:].tolist() != expected


@pytest.mark.parametrize(
    ("count", "tied", "bucket", "expected"),
    [
        (30, 1, "low", [2, 4, 6, 8, 10, 12, 14]),
        (30, 1, "high", [15, 17, 19, 21, 23, 25, 27, 29]),
        (32, 0, "low", list(range(0, 16, 2))),
        (48, 0, "low", list(range(0, 20, 2))),
        (48, 0, "high", list(range(28, 48, 2))),
        (2, 1, "low", [1]),
    ],
)
def test_dola_candidates_are_those_of_the_paper(count: int, tied: int, bucket: str, expected: list[int]) -> None:
    model = tiny_model("llama", num_hidden_layers=count, tie_word_embeddings=bool(tied))
    assert list(DoLaLogitsProcessor(model, bucket).method.layers) == expected  # type: ignore[arg-type]


def test_another_view_of_the_same_model_does_not_reach_the_taps() -> None:
    model = tiny_model("llama")
    contrasts = random_prompts([4] * 4, seed=9)
    early = functools.partial(ContrastiveDecodingLogitsProcessor, model, plausibility=0.05, strength=1.0)
    after = generate(
        model, PROMPTS, [CADLogitsProcessor(model, padded(contrasts), strength=0.0), early(EarlyExit(model, 2))]
    )
    assert after.tolist() == generate(model, PROMPTS, [early(EarlyExit(model, 2))]).tolist()


def test_hooks_go_with_the_processor() -> None:
    model = tiny_model("llama", seed=3)
    before = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
    processor = DoLaLogitsProcessor(model, [0, 1])
    assert [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()] != before
    del processor
    gc.collect()
    assert [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()] == before


def test_a_view_of_another_model_than_the_one_that_generates_is_refused() -> None:
    processor = DoLaLogitsProcessor(tiny_model("llama", seed=4))
    with pytest.raises(ValueError, match="`model` has to be the model that generates"):
        generate(tiny_model("llama"), PROMPTS, [processor])


def test_a_vocabulary_that_differs_is_refused_and_one_that_differs_in_padding_is_cut() -> None:
    model = tiny_model("llama")
    wide = tiny_model("gpt2", seed=6, vocab_size=VOCABULARY + 32)
    with pytest.raises(ValueError, match=r"96 logits and the contrast 128.*vocabulary_size=len\(tokenizer\)"):
        generate(model, PROMPTS, [ContrastiveDecodingLogitsProcessor(model, wide)])
    size = 90
    processor = ContrastiveDecodingLogitsProcessor(model, wide, plausibility=0.0, strength=1.0, vocabulary_size=size)
    output = generate(model, PROMPTS[:1], [processor])

    def rule(main: np.ndarray, other: np.ndarray) -> np.ndarray:
        scores = np.full(VOCABULARY, -np.inf)
        scores[:size] = oracles.cad(main[:size], other[:size], 1.0)
        return scores

    expected = reference_greedy(model, PROMPTS[0], lambda new: next_logits(wide, PROMPTS[0] + new), rule, NEW)
    assert output[0, len(PROMPTS[0]) :].tolist() == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda m: ContrastiveDecodingLogitsProcessor(m, m, plausibility=3),
            r"`plausibility` has to be in \[0, 1\], but is 3",
        ),
        (
            lambda m: ContrastiveDecodingLogitsProcessor(m, m, strength=-1),
            "`strength` has to be a number of at least 0, but is -1",
        ),
        (
            lambda m: ContrastiveDecodingLogitsProcessor(m, m, strength=float("nan")),
            "`strength` has to be .* but is nan",
        ),
        (
            lambda m: ContrastiveDecodingLogitsProcessor(m, m, formulation="other"),
            "`formulation` has to be one of 'obrien', 'li', but is 'other'",
        ),
        (
            lambda m: ContrastiveDecodingLogitsProcessor(m, m, amateur_temperature=0),
            "`amateur_temperature` has to be a number above 0, but is 0",
        ),
        (
            lambda m: ContrastiveDecodingLogitsProcessor(m, m, vocabulary_size=0),
            "`vocabulary_size` has to be at least 1",
        ),
        (lambda m: EarlyExit(m, 0), r"`layer` has to be in \[1, 4\], but is 0"),
        (lambda m: EarlyExit(m, 5), r"`layer` has to be in \[1, 4\], but is 5"),
        (lambda m: CutContext(m, 0), "`last` has to be an integer of at least 1, but is 0"),
        (lambda m: CutContext(m, 2.5), "`last` has to be an integer of at least 1, but is 2.5"),
        (lambda m: EarlyExit(m, True), r"`layer` has to be in \[1, 4\], but is True"),
        (lambda m: DoLaLogitsProcessor(m, [1, 1]), r"`layers` has to be different layers, .* but is \[1, 1\]"),
        (
            lambda m: ContrastiveDecodingLogitsProcessor(m, "gpt2"),
            "`amateur` has to be a transformers model, but is str",
        ),
        (lambda m: CADLogitsProcessor("gpt2", padded([[5]])), "`model` has to be a transformers model, but is str"),
        (
            lambda m: EarlyExit(tiny_model("opt", word_embed_proj_dim=16), 2),
            "has to make its logits by final norm and head .* but OPTForCausalLM makes them otherwise",
        ),
        (lambda m: DoLaLogitsProcessor(m, "middle"), "`layers` has to be 'low', 'high'.* but is 'middle'"),
        (lambda m: DoLaLogitsProcessor(m, [4]), r"`layers` has to be different layers in \[0, 3\], but is \(4,\)"),
        (lambda m: DoLaLogitsProcessor(m, []), r"`layers` has to be different layers, .* but is \[\]"),
        (lambda m: DoLaLogitsProcessor(tiny_model("t5")), "`model` has to be decoder-only"),
        (lambda m: EarlyExit(tiny_model("t5"), 1), "`model` has to be decoder-only"),
        (lambda m: SamePrompt(tiny_model("t5")), "`model` has to be decoder-only"),
        (lambda m: CADLogitsProcessor(m, padded([[5]]), strength=-0.1), "`strength` has to be a number of at least 0"),
        (
            lambda m: CADLogitsProcessor(m, padded([[5]]), strength=10**400),
            "`strength` has to be a number of at least 0",
        ),
        (
            lambda m: CADLogitsProcessor(m, padded([[5]]), strength=1e39),
            r"`strength` has to be a number of at most 1e\+06",
        ),
        (lambda m: CADLogitsProcessor(m, padded([[5]]), strength="1"), "`strength` has to be .* but is '1'"),
    ],
)
def test_parameters_out_of_range_are_refused_when_made(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(tiny_model("llama"))


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (torch.full((1, VOCABULARY), float("nan")), "main view have to be numbers, but hold NaN"),
        (torch.full((1, VOCABULARY), -torch.inf), "has to allow at least one token a row"),
    ],
)
def test_scores_that_cannot_be_contrasted_are_refused(scores: torch.Tensor, message: str) -> None:
    processor = CADLogitsProcessor(tiny_model("llama"), padded([[5, 6]]))
    with pytest.raises(ValueError, match=message):
        processor(torch.tensor([[7, 8]]), scores)


@pytest.mark.parametrize("options", [{"prompt_lookup_num_tokens": 2}, {"assistant_model": tiny_model("llama", seed=7)}])
def test_assisted_decoding_is_refused_by_name(options: dict) -> None:
    model = tiny_model("llama")
    with pytest.raises(ValueError, match="CADLogitsProcessor cannot follow this call: assisted decoding"):
        generate(model, PROMPTS[:1], [CADLogitsProcessor(model, padded([[5, 6]]))], **options)


def test_what_a_copy_of_the_model_computes_does_not_reach_the_taps() -> None:
    model = tiny_model("llama", seed=8)
    processor = DoLaLogitsProcessor(model, [1, 2])
    copied = copy.deepcopy(model)

    class Busy(LogitsProcessor):
        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            copied(input_ids + 1)
            return scores

    assert generate(model, PROMPTS, [Busy(), processor]).tolist() == generate(model, PROMPTS, [processor]).tolist()


def test_threads_that_share_a_model_do_not_share_its_hidden_states() -> None:
    model = tiny_model("llama", seed=8)
    expected = [generate(model, [prompt], [DoLaLogitsProcessor(model, [1, 2])]).tolist() for prompt in PROMPTS]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            found = pool.map(lambda p: generate(model, [p], [DoLaLogitsProcessor(model, [1, 2])]).tolist(), PROMPTS)
            assert list(found) == expected


def test_two_processors_may_share_an_early_exit() -> None:
    model = tiny_model("llama")
    shared = EarlyExit(model, 2)
    make = functools.partial(ContrastiveDecodingLogitsProcessor, model, plausibility=0.05, strength=0.5)
    both = generate(model, PROMPTS, [make(shared), make(shared)])
    assert both.tolist() == generate(model, PROMPTS, [make(EarlyExit(model, 2)), make(EarlyExit(model, 2))]).tolist()


def test_guidance_whose_forward_comes_between_is_refused_by_name() -> None:
    model = tiny_model("llama")
    with pytest.raises(ValueError, match="cannot be combined with `guidance_scale`"):
        generate(model, PROMPTS[:1], [DoLaLogitsProcessor(model)], guidance_scale=2.0)


def test_a_tap_keeps_one_state_a_row_and_not_the_prompts() -> None:
    model = tiny_model("llama")
    processor = DoLaLogitsProcessor(model, [1])
    model(torch.ones(2, 50, dtype=torch.long))
    ((_, kept),) = processor.view._hook._latest.states.values()  # type: ignore[attr-defined]
    assert kept.untyped_storage().nbytes() == 2 * model.config.hidden_size * 4


def test_compiled_and_adapted_models_are_unwrapped() -> None:
    model, small = tiny_model("llama"), tiny_model("gpt2", seed=5)
    expected = generate(model, PROMPTS, [ContrastiveDecodingLogitsProcessor(model, small)])
    assert (
        generate(model, PROMPTS, [ContrastiveDecodingLogitsProcessor(model, torch.compile(small))]).tolist()
        == expected.tolist()
    )


def test_padding_is_known_also_where_the_amateur_names_no_pad_token() -> None:
    model, small = tiny_model("llama"), copy.deepcopy(tiny_model("gpt2", seed=5))
    small.generation_config.pad_token_id = None
    processor = ContrastiveDecodingLogitsProcessor(model, small, plausibility=0.05, strength=1.0)
    expected = [ContrastiveDecodingLogitsProcessor(model, tiny_model("gpt2", seed=5), plausibility=0.05, strength=1.0)]
    for options in ({}, BEAMS, {"custom_generate": batched_views}):
        found = generate(model, PROMPTS, [processor], **options)
        assert found.tolist() == generate(model, PROMPTS, expected, **options).tolist()
    with pytest.raises(ValueError, match="`attention_mask` has to be given for several rows"):
        processor(torch.ones(2, 3, dtype=torch.long), torch.zeros(2, VOCABULARY))


def test_a_prompt_of_embeddings_cannot_be_read_by_another_view() -> None:
    model = tiny_model("llama")
    embeddings = model.get_input_embeddings()(torch.tensor([PROMPTS[0]]))
    processor = ContrastiveDecodingLogitsProcessor(model, tiny_model("gpt2", seed=5))
    with pytest.raises(ValueError, match="has to be given as `input_ids`"):
        model.generate(inputs_embeds=embeddings, logits_processor=[processor], max_new_tokens=3)
