"""Drafts change nothing but the number of forwards: tokens, scores, traces and calls are those without them."""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import math
import random
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from counterfoil.decoding import (
    CADLogitsProcessor,
    CIDLogitsProcessor,
    ContrastiveDecodingLogitsProcessor,
    ContrastiveSearchLogitsProcessor,
    ContrastLogitsProcessor,
    CutContext,
    DExpertsLogitsProcessor,
    DoLaLogitsProcessor,
    EarlyExit,
    OtherPrompt,
    batched_views,
    drafted_views,
)
from counterfoil.decoding.generation.batched_model import BatchedSequences
from counterfoil.decoding.methods import CODE, M3ID
from packaging.version import Version
from scipy.stats import chi2
from transformers import GenerationConfig, LogitsProcessor

from tests.support.drafts import counted_forwards, drafting, longest_drafts
from tests.support.families import tiny_family
from tests.support.reference import next_logits
from tests.support.streamers import Recorder
from tests.support.tiny_models import CONFIGURATIONS, VOCABULARY, padded, random_prompts, tiny_model

NEW = 24
FAMILIES = ["llama", "gpt2", "qwen3", "mistral", "gemma3_text", "gpt_neox", "bloom", "opt", "qwen3_moe"]
PROMPTS, CONTRASTS = random_prompts([14, 5, 9], seed=51), random_prompts([3, 12, 6], seed=52)
# Prompts of few words repeat themselves, so that there is something to copy.
REPEATING, REPEATING_CONTRASTS = ([[token % 6 + 3 for token in row] for row in rows] for rows in (PROMPTS, CONTRASTS))
VIEWS: dict[str, Callable[[Any, int], ContrastLogitsProcessor]] = {
    "cad": lambda m, n: CADLogitsProcessor(m, padded(CONTRASTS[:n]), strength=0.7, trace=True),
    "cid": lambda m, n: CIDLogitsProcessor(m, padded(CONTRASTS[:n]), strength=5.0, trace=True),
    "code": lambda m, n: ContrastLogitsProcessor(m, OtherPrompt(m, padded(CONTRASTS[:n])), CODE(), trace=True),
    "m3id": lambda m, n: ContrastLogitsProcessor(m, OtherPrompt(m, padded(CONTRASTS[:n])), M3ID(), trace=True),
}
MODES: dict[str, dict[str, Any]] = {
    "greedy": {},
    "sampling": {"do_sample": True},
    "temperature and top-k": {"do_sample": True, "temperature": 0.7, "top_k": 8},
    "top-p, two samples": {"do_sample": True, "top_p": 0.9, "num_return_sequences": 2},
    "repetition penalty": {"repetition_penalty": 1.3},
    "no 3-gram twice": {"no_repeat_ngram_size": 3},
    "ends": {"eos_token_id": list(range(60, 96)), "pad_token_id": 0},
}


class Remembering(LogitsProcessor):
    """Depends on its own calls: makes unlikely what was chosen two calls ago."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[list[int]], list[int]]] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        scores = scores.clone()
        if len(self.calls) > 1:
            for row, ids in enumerate(self.calls[-2][0]):
                scores[row, ids[-1]] -= 5
        self.calls.append((input_ids.tolist(), scores.argmax(-1).tolist()))
        return scores


def generate(model: Any, processors: list[Any], prompts: list[list[int]] = PROMPTS, **options: Any) -> Any:
    torch.manual_seed(0)
    given = {"do_sample": False, "max_new_tokens": NEW, "custom_generate": batched_views, **options}
    return model.generate(**padded(prompts), logits_processor=processors, **given)


def drafted(answers: Any, prompts: list[list[int]] = PROMPTS, **options: Any) -> Any:
    """Let the drafter know `answers`."""
    return drafting(getattr(answers, "sequences", answers), max(map(len, prompts)), **options)


def assert_close(ours: Any, theirs: Any) -> None:
    torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", VIEWS)
def test_everything_is_as_without_drafts(method: str, mode: str, rows: int) -> None:
    model = tiny_model("llama")
    outputs, traces, calls = [], [], []

    def run(**drafts: Any) -> None:
        processor, remembering = VIEWS[method](model, rows), Remembering()
        dictionary = {"return_dict_in_generate": True, "output_scores": True, "output_logits": True}
        outputs.append(generate(model, [remembering, processor], PROMPTS[:rows], **dictionary, **MODES[mode], **drafts))
        traces.append(processor.trace(outputs[-1]))
        calls.append(remembering.calls)

    run()
    with drafted(outputs[0]), counted_forwards(model) as shapes:
        run(prompt_lookup_num_tokens=6)
    without, with_drafts = outputs
    assert with_drafts.sequences.tolist() == without.sequences.tolist()
    assert calls[1] == calls[0]
    assert_close(with_drafts.scores, without.scores)
    assert_close(with_drafts.logits, without.logits)
    for name in ("main", "contrast"):
        assert_close(getattr(traces[1], name), getattr(traces[0], name))
    assert traces[1].plausible.tolist() == traces[0].plausible.tolist()
    assert_close(traces[1].coefficients, traces[0].coefficients)
    assert len(shapes) <= len(without.scores)
    if len(without.scores) == NEW:
        assert len(shapes) < (0.6 if rows == 1 else 0.9) * NEW


@pytest.mark.parametrize("mode", ["greedy", "sampling"])
@pytest.mark.parametrize("family", FAMILIES)
def test_families(family: str, mode: str) -> None:
    model = tiny_model(family) if family in CONFIGURATIONS else tiny_family(family)
    make = functools.partial(CADLogitsProcessor, model, padded(CONTRASTS[:2]), strength=1.0)
    expected = generate(model, [make()], PROMPTS[:2], **MODES[mode])
    with drafted(expected), counted_forwards(model) as shapes:
        found = generate(model, [make()], PROMPTS[:2], **MODES[mode], prompt_lookup_num_tokens=6)
    assert found.tolist() == expected.tolist()
    assert any(tokens > 1 for _, tokens in shapes[1:])
    assert len(shapes) < 0.8 * NEW


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rows", [1, 3])
def test_drafts_copied_from_the_text(mode: str, rows: int) -> None:
    """The drafter that is used, and no oracle."""
    model = tiny_model("llama")
    make = functools.partial(CADLogitsProcessor, model, padded(REPEATING_CONTRASTS[:rows]), strength=1.0)
    expected = generate(model, [make()], REPEATING[:rows], **MODES[mode], max_new_tokens=60)
    found = generate(model, [make()], REPEATING[:rows], **MODES[mode], max_new_tokens=60, prompt_lookup_num_tokens=10)
    assert found.tolist() == expected.tolist()


def test_an_answer_that_repeats_itself_takes_few_forwards() -> None:
    model = tiny_model("llama")
    # One word again and again is what every model with this processor says.
    again = lambda ids, scores: torch.nn.functional.one_hot(ids[:, -1], VOCABULARY) * 50.0 + scores  # noqa: E731
    processors = [CADLogitsProcessor(model, padded(CONTRASTS), strength=1.0), again]
    with counted_forwards(model) as shapes:
        generate(model, processors, max_new_tokens=60, prompt_lookup_num_tokens=10)
    assert len(shapes) < 30


@pytest.mark.parametrize(
    ("mistake", "accuracy"),
    [
        pytest.param(lambda draw, right: 3 + (right - 2) % (VOCABULARY - 3), 0.0, id="always wrong"),
        pytest.param(None, 1.0, id="always right"),
        pytest.param(lambda draw, right: 2, 0.5, id="the end token"),
        pytest.param(lambda draw, right: 0, 0.5, id="padding"),
        pytest.param(lambda draw, right: VOCABULARY + draw.randrange(99), 0.5, id="of no vocabulary"),
    ],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_a_drafter_is_trusted_with_nothing(mistake: Any, accuracy: float, rows: int) -> None:
    model = tiny_model("mistral")
    make = functools.partial(CADLogitsProcessor, model, padded(CONTRASTS[:rows]), strength=1.0)
    options = {"eos_token_id": [2, 77], "pad_token_id": 0}
    expected = generate(model, [make()], PROMPTS[:rows], **options)
    with drafted(expected, accuracy=accuracy, mistake=mistake), counted_forwards(model) as shapes:
        found = generate(model, [make()], PROMPTS[:rows], **options, prompt_lookup_num_tokens=6)
    assert found.tolist() == expected.tolist()
    assert len(shapes) <= expected.shape[1] - max(map(len, PROMPTS[:rows]))


def test_cache_and_mask_are_cut_together(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("gemma3_text")
    lengths = []
    original = BatchedSequences.take_back

    def take_back(self: BatchedSequences, count: int) -> None:
        original(self, count)
        assert self.ids is not None
        state = self._state
        lengths.append(self.ids.shape[1])
        assert self.cache.get_seq_length() == self.ids.shape[1]
        assert {state[name].shape[-1] for name in ("attention_mask", "position_ids")} == {self.ids.shape[1] + 1}
        # Layers with a window of 8 keep 7 tokens.
        assert [layer.keys.shape[-2] for layer in self.cache.layers] == [7, self.ids.shape[1]] * 2

    monkeypatch.setattr(BatchedSequences, "take_back", take_back)
    make = functools.partial(CADLogitsProcessor, model, padded(CONTRASTS), strength=1.0)
    expected = generate(model, [make()])
    with drafted(expected):
        generate(model, [make()], prompt_lookup_num_tokens=6)
    assert lengths == sorted(lengths)
    assert lengths


@pytest.mark.parametrize("new", [1, 2, 5])
def test_nothing_is_read_behind_the_last_token(new: int) -> None:
    model = tiny_model("llama")
    make = functools.partial(CADLogitsProcessor, model, padded(CONTRASTS[:1]), strength=1.0)
    expected = generate(model, [make()], PROMPTS[:1], max_new_tokens=new)
    with drafted(expected, accuracy=1.0), counted_forwards(model) as shapes:
        found = generate(model, [make()], PROMPTS[:1], max_new_tokens=new, prompt_lookup_num_tokens=10)
    assert found.tolist() == expected.tolist()
    assert sum(tokens for _, tokens in shapes[1:]) == new - 1


def test_learned_positions_are_not_exceeded_by_a_draft() -> None:
    model = tiny_model("gpt2", n_positions=24)
    make = functools.partial(CADLogitsProcessor, model, padded(CONTRASTS[:1]), strength=1.0)
    expected = generate(model, [make()], PROMPTS[:1], max_new_tokens=10)
    with drafted(torch.cat([expected, expected[:, -6:]], -1), accuracy=1.0):
        options = {"max_new_tokens": 10, "prompt_lookup_num_tokens": 10}
        assert generate(model, [make()], PROMPTS[:1], **options).tolist() == expected.tolist()


def test_a_criterion_stops_within_a_draft() -> None:
    model = tiny_model("llama")
    make = functools.partial(CADLogitsProcessor, model, padded(CONTRASTS[:1]), strength=1.0)
    whole = generate(model, [make()], PROMPTS[:1])
    for length in range(1, 8):
        seen: list[int] = []

        def stop(
            ids: torch.Tensor, scores: Any, length: int = length, seen: list[int] = seen, **_: Any
        ) -> torch.Tensor:
            seen.append(ids.shape[1])
            return torch.full((len(ids),), ids.shape[1] >= len(PROMPTS[0]) + length)

        with drafted(whole, accuracy=1.0):
            options = {"stopping_criteria": [stop], "prompt_lookup_num_tokens": 6}
            found = generate(model, [make()], PROMPTS[:1], **options)
        assert found.tolist() == whole[:, : len(PROMPTS[0]) + length].tolist()
        assert seen == list(range(len(PROMPTS[0]) + 1, len(PROMPTS[0]) + length + 1))


def test_a_streamer_gets_single_tokens() -> None:
    class Single(Recorder):
        def put(self, value: torch.Tensor) -> None:
            assert value.numel() == 1 or not self.tokens  # generate() puts the prompt first
            super().put(value)

    model, streamer = tiny_model("llama"), Single()
    make = functools.partial(CADLogitsProcessor, model, padded(CONTRASTS[:1]), strength=1.0)
    expected = generate(model, [make()], PROMPTS[:1])
    with drafted(expected):
        generate(model, [make()], PROMPTS[:1], streamer=streamer, prompt_lookup_num_tokens=6)
    assert streamer.tokens == expected[0].tolist()
    assert streamer.ended


def test_the_value_may_stand_in_the_configuration() -> None:
    model = tiny_model("llama")
    make = functools.partial(CADLogitsProcessor, model, padded(CONTRASTS[:1]), strength=1.0)
    expected = generate(model, [make()], PROMPTS[:1])
    config = GenerationConfig(prompt_lookup_num_tokens=6, do_sample=False, max_new_tokens=NEW, pad_token_id=0)
    with drafted(expected), counted_forwards(model) as shapes:
        options = {"custom_generate": batched_views, "generation_config": config}
        found = model.generate(**padded(PROMPTS[:1]), logits_processor=[make()], **options)
    assert found.tolist() == expected.tolist()
    assert len(shapes) < NEW
    assert config.prompt_lookup_num_tokens == 6


def test_as_an_argument_it_leaves_the_configuration_alone() -> None:
    model = tiny_model("llama")
    generate(model, [], prompt_lookup_num_tokens=6)
    assert model.generation_config.prompt_lookup_num_tokens is None


def test_the_same_seed_gives_the_same_forwards() -> None:
    model = tiny_model("llama")
    runs = []
    for _ in range(2):
        with counted_forwards(model) as shapes:
            processor = CADLogitsProcessor(model, padded(REPEATING_CONTRASTS), strength=1.0)
            found = generate(model, [processor], REPEATING, do_sample=True, top_k=5, prompt_lookup_num_tokens=6)
        runs.append((found.tolist(), list(shapes)))
    assert runs[0] == runs[1]


def test_threads_draft_for_themselves() -> None:
    model = tiny_model("llama")
    processor = CADLogitsProcessor(model, padded(REPEATING_CONTRASTS[:1]), strength=1.0)
    expected = [generate(model, [processor], [prompt]).tolist() for prompt in REPEATING]
    found: dict[int, Any] = {}

    def run(i: int) -> None:
        options = {"custom_generate": batched_views, "prompt_lookup_num_tokens": 6}
        inputs = padded([REPEATING[i]])
        given = {"do_sample": False, "max_new_tokens": NEW, **options}
        found[i] = model.generate(**inputs, logits_processor=[processor], **given).tolist()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(3)] == expected


OTHERS: dict[str, Callable[[Any], list[Any]]] = {
    "another model": lambda m: [
        ContrastiveDecodingLogitsProcessor(m, tiny_model("gpt2", seed=5), plausibility=0.05, strength=1.0)
    ],
    "two views of another model": lambda m: [
        DExpertsLogitsProcessor(m, [tiny_model("llama", seed=5), tiny_model("llama", seed=5)])
    ],
    "cut context": lambda m: [ContrastiveDecodingLogitsProcessor(m, CutContext(m, 2), plausibility=0.05, strength=1.0)],
    "two processors": lambda m: [
        CADLogitsProcessor(m, padded(CONTRASTS), strength=0.5),
        CIDLogitsProcessor(m, padded(CONTRASTS[::-1]), strength=10.0),
    ],
    "contrastive search": lambda m: [
        CADLogitsProcessor(m, padded(CONTRASTS), strength=0.5),
        ContrastiveSearchLogitsProcessor(m),
    ],
    "none": lambda m: [],
}


@pytest.mark.parametrize("others", OTHERS)
def test_other_processors(others: str) -> None:
    model = tiny_model("llama")
    expected = generate(model, OTHERS[others](model))
    for options in ({"prompt_lookup_num_tokens": 6}, {"custom_generate": drafted_views}):
        with drafted(expected), counted_forwards(model) as shapes:
            found = generate(model, OTHERS[others](model), **options)
        assert found.tolist() == expected.tolist()
        assert any(tokens > 1 for _, tokens in shapes[1:])


def test_guidance_of_transformers() -> None:
    model = tiny_model("llama")
    make = functools.partial(CADLogitsProcessor, model, padded(CONTRASTS[:1]), strength=0.5)
    expected = generate(model, [make()], PROMPTS[:1], guidance_scale=1.5)
    with drafted(expected):
        found = generate(model, [make()], PROMPTS[:1], guidance_scale=1.5, prompt_lookup_num_tokens=6)
    assert found.tolist() == expected.tolist()


REFUSED = {
    "beams": (lambda m: [], {"num_beams": 2}, "the rows of beam search change places"),
    "dola": (lambda m: [DoLaLogitsProcessor(m, [1, 2])], {}, "DoLaLogitsProcessor is a layer contrast"),
    "early exit": (
        lambda m: [ContrastiveDecodingLogitsProcessor(m, EarlyExit(m, 2))],
        {},
        "ContrastiveDecodingLogitsProcessor is a layer contrast",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_drafts_is_refused_by_name(case: str) -> None:
    make, options, message = REFUSED[case]
    model = tiny_model("llama")
    with pytest.raises(ValueError, match=f"batched_views cannot draft: {message}.*without `prompt_lookup"):
        generate(model, make(model), **options, prompt_lookup_num_tokens=6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = generate(model, make(model), **options, custom_generate=drafted_views)
    assert found.tolist() == generate(model, make(model), **options).tolist()


@pytest.mark.parametrize("value", [0, -1, True, 2.5])
def test_what_is_no_number_of_tokens_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="`prompt_lookup_num_tokens` has to be an integer of at least 1, but is"):
        generate(tiny_model("llama"), [], prompt_lookup_num_tokens=value)


@pytest.mark.parametrize("family", ["qwen3_next", "mamba"])
def test_a_cache_that_takes_nothing_back_is_refused_by_name(family: str) -> None:
    model = tiny_model(family, seed=3)
    prompts, contrasts = [PROMPTS[0]], [[*PROMPTS[0][2:], 5, 6]]  # of one length: mamba reads no padding
    make = functools.partial(CADLogitsProcessor, model, padded(contrasts), strength=1.0)
    message = f"cannot draft: {type(model).__name__} cannot read several tokens in a forward and take some back"
    with pytest.raises(ValueError, match=message):
        generate(model, [make()], prompts, prompt_lookup_num_tokens=6)
    with pytest.warns(UserWarning, match="decoding goes on without drafts"):
        found = generate(model, [make()], prompts, custom_generate=drafted_views)
    assert found.tolist() == generate(model, [make()], prompts).tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # said once
        generate(model, [make()], prompts, custom_generate=drafted_views)


def test_drafted_views_draft() -> None:
    model = tiny_model("llama")
    make = functools.partial(CADLogitsProcessor, model, padded(CONTRASTS[:1]), strength=1.0)
    expected = generate(model, [make()], PROMPTS[:1])
    with drafted(expected), counted_forwards(model) as shapes:
        found = generate(model, [make()], PROMPTS[:1], custom_generate=drafted_views)
    assert found.tolist() == expected.tolist()
    assert len(shapes) < 0.6 * NEW


AMATEURS: dict[str, Callable[[Any], list[Any]]] = {
    "alike": lambda m: [ContrastiveDecodingLogitsProcessor(m, nearly_alike(), plausibility=0.05, strength=0.3)],
    "another": lambda m: [
        ContrastiveDecodingLogitsProcessor(m, tiny_model("gpt2", seed=5), plausibility=0.05, strength=0.3)
    ],
    "with a window": lambda m: [
        ContrastiveDecodingLogitsProcessor(m, tiny_model("mistral", seed=5), plausibility=0.05, strength=0.3)
    ],
    "two views": lambda m: [DExpertsLogitsProcessor(m, [nearly_alike(), nearly_alike()], strength=0.3)],
    "and a prompt": lambda m: [
        CADLogitsProcessor(m, padded(CONTRASTS), strength=0.3),
        ContrastiveDecodingLogitsProcessor(m, nearly_alike(), plausibility=0.05, strength=0.3),
    ],
}


@functools.cache
def nearly_alike() -> Any:
    """A model that mostly says what the llama of the tests says."""
    model = copy.deepcopy(tiny_model("llama"))
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1 + 0.02 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("mode", ["greedy", "sampling", "repetition penalty", "ends"])
@pytest.mark.parametrize("copied", [None, 6])
@pytest.mark.parametrize("amateur", AMATEURS)
def test_an_amateur_drafts(amateur: str, copied: int | None, mode: str) -> None:
    model = tiny_model("llama")
    expected = generate(model, AMATEURS[amateur](model), **MODES[mode])
    options = {**MODES[mode], "num_assistant_tokens": 4, "prompt_lookup_num_tokens": copied}
    if amateur == "with a window" and Version(transformers.__version__) < Version("5.19"):
        # There a window that keeps its past takes one forward between two crops.
        with pytest.raises(ValueError, match="MistralForCausalLM cannot read several tokens in forwards of their own"):
            generate(model, AMATEURS[amateur](model), **options)
        return
    for how in (longest_drafts, contextlib.nullcontext):
        with how():
            assert generate(model, AMATEURS[amateur](model), **options).tolist() == expected.tolist()


def test_an_amateur_that_is_mostly_right_saves_forwards_of_the_expert() -> None:
    model, amateur = tiny_model("llama"), nearly_alike()
    processors = AMATEURS["alike"](model)
    with counted_forwards(model) as expected_shapes:
        expected = generate(model, processors, PROMPTS[:1])
    with longest_drafts(), counted_forwards(model) as shapes, counted_forwards(amateur) as of_amateur:
        found = generate(model, processors, PROMPTS[:1], num_assistant_tokens=4)
    assert found.tolist() == expected.tolist()
    assert len(expected_shapes) == NEW
    assert len(shapes) < NEW - 4
    assert sum(rows * tokens for rows, tokens in of_amateur[1:]) < 3 * NEW


def test_an_amateur_that_costs_as_much_as_the_expert_does_not_draft_for_long() -> None:
    model, amateur = tiny_model("llama"), tiny_model("llama", seed=9)
    make = functools.partial(ContrastiveDecodingLogitsProcessor, model, amateur, plausibility=0.05, strength=0.3)
    with counted_forwards(amateur) as shapes:
        generate(model, [make()], PROMPTS[:1], num_assistant_tokens=4, max_new_tokens=100)
    assert len(shapes) < 110


def test_traces_and_scores_of_an_amateur_that_drafts() -> None:
    model, outputs, traces = tiny_model("llama"), [], []
    for drafts in (None, 4):
        amateur = nearly_alike()
        processor = ContrastiveDecodingLogitsProcessor(model, amateur, strength=0.3, plausibility=0.05, trace=True)
        dictionary = {"return_dict_in_generate": True, "output_scores": True, "output_logits": True}
        outputs.append(generate(model, [processor], **dictionary, do_sample=True, num_assistant_tokens=drafts))
        traces.append(processor.trace(outputs[-1]))
    assert outputs[0].sequences.tolist() == outputs[1].sequences.tolist()
    assert_close(outputs[1].scores, outputs[0].scores)
    assert_close(traces[1].contrast, traces[0].contrast)
    assert traces[1].plausible.tolist() == traces[0].plausible.tolist()


def test_without_another_model_there_is_no_amateur_to_draft() -> None:
    model = tiny_model("llama")
    with pytest.raises(ValueError, match="`num_assistant_tokens` needs a view that another model reads"):
        generate(model, [CADLogitsProcessor(model, padded(CONTRASTS), strength=1.0)], num_assistant_tokens=4)


# Sampling: the law of three tokens of a vocabulary of five, against their enumeration.

WORDS, ASKED, OTHER = 5, [1, 2, 3, 4, 1, 2, 0], [0, 2, 0]
SAMPLES = 700


@functools.cache
def tiny_vocabulary() -> Any:
    model = tiny_model("llama", seed=3, vocab_size=WORDS, num_hidden_layers=1, pad_token_id=None, bos_token_id=None)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(0.4)  # so that several sequences are likely
    return model


def law_of_three() -> dict[tuple[int, ...], float]:
    """The probability of each sequence under CAD with strength 0.5."""
    model, law = tiny_vocabulary(), {}
    for words in itertools.product(range(WORDS), repeat=3):
        law[words] = 1.0
        for n, word in enumerate(words):
            main, contrast = (next_logits(model, prompt + list(words[:n])) for prompt in (ASKED, OTHER))
            scores = np.exp(1.5 * main - 0.5 * contrast)
            law[words] *= float(scores[word] / scores.sum())
    return law


def p_value(law: dict[tuple[int, ...], float], samples: list[tuple[int, ...]]) -> float:
    """Of Pearson's chi-square test; sequences that are rarely expected count together."""
    counts, n = Counter(samples), len(samples)
    cells = [(counts[words], n * p) for words, p in law.items() if n * p >= 5]
    cells.append((n - sum(count for count, _ in cells), n - sum(expected for _, expected in cells)))
    return float(chi2.sf(sum((count - e) ** 2 / e for count, e in cells), len(cells) - 1))


def test_sampled_drafts_follow_the_law() -> None:
    law, model = law_of_three(), tiny_vocabulary()
    assert math.isclose(sum(law.values()), 1)
    likeliest = max(law, key=lambda words: law[words])
    processor = CADLogitsProcessor(model, padded([OTHER]), strength=0.5)
    options = {"do_sample": True, "top_k": 0, "max_new_tokens": 3, "eos_token_id": None, "pad_token_id": None}
    inputs, samples = padded([ASKED]), []
    torch.manual_seed(11)
    with counted_forwards(model) as shapes:
        for _ in range(SAMPLES):
            # The likeliest sequence is drafted: often right, often wrong.
            with drafting(torch.tensor([ASKED + list(likeliest)]), len(ASKED), accuracy=1.0):
                found = model.generate(
                    **inputs, **options, logits_processor=[processor], custom_generate=batched_views,
                    prompt_lookup_num_tokens=3,
                )  # fmt: skip
            samples.append(tuple(found[0, -3:].tolist()))
    assert SAMPLES < len(shapes) < 3 * SAMPLES - 100, "drafts were accepted"
    assert p_value(law, samples) > 1e-3


def test_the_law_would_show_drafts_that_are_taken_too_often() -> None:
    law, draw = law_of_three(), random.Random(4)
    likeliest = max(law, key=lambda words: law[words])
    words, weights = list(law), list(law.values())
    samples = [likeliest if draw.random() < 0.15 else draw.choices(words, weights)[0] for _ in range(SAMPLES)]
    assert p_value(law, samples) < 1e-3
