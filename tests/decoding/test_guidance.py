"""Classifier-free guidance in generate(), beside transformers' own `guidance_scale=`: equal where that is right.

Where it is not (docs/methods/cfg.md has the table), the reference is transformers' processor made anew at every step,
which has neither a cache nor a prompt to mistake, on each row alone.
"""

from __future__ import annotations

import functools
import os

import numpy as np
import pytest
import torch
from counterfoil.decoding import CutContext, Decoder, Decoding, GuidanceLogitsProcessor, batched_views
from counterfoil.decoding.methods import CFG
from counterfoil.models import LanguageModel, load_language_model
from transformers import LogitsProcessor
from transformers.generation.logits_process import UnbatchedClassifierFreeGuidanceLogitsProcessor

from tests.decoding.test_smollm2 import TEXT, batch_of
from tests.support import oracles
from tests.support.reference import ReferenceProcessor
from tests.support.tiny_language import tiny_language
from tests.support.tiny_models import padded, random_prompts, tiny_model

PROMPTS, NEGATIVES = random_prompts([9, 3, 6, 5], seed=21), random_prompts([2, 7, 5, 1], seed=22)
ALIKE = random_prompts([5] * 4, seed=23)
SCALE, NEW = 1.7, 8
SAMPLED = {"do_sample": True, "temperature": 0.8, "top_k": 20}
MODES = {"greedy": {}, "sampled": SAMPLED, "beams": {"num_beams": 3}, "sampled beams": {"num_beams": 3, **SAMPLED}}
SOAK = bool(int(os.environ.get("COUNTERFOIL_SOAK", "0")))


class MadeAnew(LogitsProcessor):
    """transformers' processor on the whole negative sequence of each row alone, without cache or padding."""

    def __init__(self, model, negatives: list[list[int]], prompt_length: int, scale: float = SCALE) -> None:
        self.model, self.negatives, self.prompt_length, self.scale = model, negatives, prompt_length, scale

    def __call__(self, input_ids, scores):
        rows_each = len(input_ids) // len(self.negatives)
        rows = []
        for row in range(len(input_ids)):
            ids = torch.tensor([self.negatives[row // rows_each]])
            whole = torch.cat([ids, input_ids[row : row + 1, self.prompt_length :]], 1)
            theirs = UnbatchedClassifierFreeGuidanceLogitsProcessor(self.scale, self.model, whole, use_cache=False)
            rows.append(theirs(input_ids[row : row + 1], scores[row : row + 1]))
        return torch.cat(rows)


def generate(model, inputs, processors=(), **options):
    torch.manual_seed(0)
    given = {"do_sample": False, "max_new_tokens": NEW, **options}
    return model.generate(**inputs, logits_processor=list(processors), **given).tolist()


def theirs(model, inputs, negative=None, scale=SCALE, **options):
    """`generate(guidance_scale=...)` of transformers."""
    if negative is not None:
        options["negative_prompt_ids"] = negative["input_ids"]
        options["negative_prompt_attention_mask"] = negative["attention_mask"]
    return generate(model, inputs, guidance_scale=scale, **options)


@pytest.mark.parametrize("custom", [None, batched_views], ids=["two forwards", "one forward"])
@pytest.mark.parametrize("mode", ["greedy", "sampled"])
@pytest.mark.parametrize("family", ["llama", "gpt2", "qwen3", "mistral", "opt"])
def test_tokens_are_those_of_transformers_where_it_is_right(family: str, mode: str, custom) -> None:
    model, options = tiny_model(family), MODES[mode]
    for prompts, negatives in ((PROMPTS, None), (PROMPTS, ALIKE), (PROMPTS[:1], NEGATIVES[1:2])):
        inputs, negative = padded(prompts), None if negatives is None else padded(negatives)
        ours = GuidanceLogitsProcessor(model, negative, guidance_scale=SCALE)
        assert generate(model, inputs, [ours], custom_generate=custom, **options) == theirs(
            model, inputs, negative, **options
        )


@pytest.mark.parametrize("custom", [None, batched_views], ids=["two forwards", "one forward"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("negatives", [None, NEGATIVES], ids=["unconditional", "negative prompts"])
def test_in_every_mode_tokens_are_those_of_its_processor_made_anew(negatives, mode: str, custom) -> None:
    model, inputs, options = tiny_model("llama"), padded(PROMPTS), MODES[mode]
    given = None if negatives is None else padded(negatives, side="right")
    ours = GuidanceLogitsProcessor(model, given, guidance_scale=SCALE)
    read = negatives or [prompt[-1:] for prompt in PROMPTS]
    reference = MadeAnew(model, read, inputs["input_ids"].shape[1])
    expected = generate(model, inputs, [reference], **options)
    assert generate(model, inputs, [ours], custom_generate=custom, **options) == expected
    assert expected != generate(model, inputs, **options)


WRONG = {
    "beams": ("llama", PROMPTS[:1], NEGATIVES[1:2], {"num_beams": 3}),
    "beams, unconditional": ("llama", PROMPTS, None, {"num_beams": 3}),
    "negative prompts of several lengths": ("gpt2", PROMPTS, NEGATIVES, {}),
    "one negative prompt for several": ("llama", PROMPTS, NEGATIVES[1:2], {}),
    "several samples": ("llama", PROMPTS, ALIKE, {"num_return_sequences": 3, **SAMPLED}),
    "a cache of its own kind": ("mamba", PROMPTS, ALIKE, {}),
}
"""Where transformers' `guidance_scale=` does not give its own equation, or raises: the rows of the page's table."""


@pytest.mark.parametrize("case", WRONG)
def test_where_transformers_is_wrong_the_equation_holds(case: str) -> None:
    family, prompts, negatives, options = WRONG[case]
    model, inputs = tiny_model(family), padded(prompts)
    if family == "mamba":
        inputs = padded(random_prompts([6] * 4, seed=24))
    negative = None if negatives is None else padded(negatives)
    read = negatives or [prompt[-1:] for prompt in prompts]
    if len(read) == 1:
        read = read * len(prompts)
    expected = generate(model, inputs, [MadeAnew(model, read, inputs["input_ids"].shape[1])], **options)
    ours = GuidanceLogitsProcessor(model, negative, guidance_scale=SCALE)
    assert generate(model, inputs, [ours], **options) == expected
    try:
        found = theirs(model, inputs, negative, **options)
    except (RuntimeError, ValueError, IndexError, AttributeError, TypeError) as error:
        found = error
    assert found != expected


@pytest.mark.parametrize(
    ("main", "negative"),
    [([1.0, 2.0, -torch.inf], [0.5, 0.0, -torch.inf]), ([1.0, 2.0, 0.0], [0.5, 0.0, -torch.inf])],
    ids=["by both views", "by the negative view"],
)
def test_what_is_forbidden_makes_nan_in_transformers_and_none_here(main: list[float], negative: list[float]) -> None:
    class Model:
        def __call__(self, input_ids, **_):
            return type("Output", (dict,), {"logits": torch.tensor([[negative]])})()

    their = UnbatchedClassifierFreeGuidanceLogitsProcessor(1.5, Model(), torch.zeros(1, 1, dtype=torch.long))
    assert bool(their(torch.zeros(1, 1, dtype=torch.long), torch.tensor([main])).isnan().any())  # type: ignore[arg-type]
    ours = CFG().scores(torch.tensor([main]), torch.tensor([negative]))
    assert not bool(ours.isnan().any())
    assert (ours[0] == -torch.inf).tolist() == [value == -torch.inf for value in main]


def test_one_object_serves_many_calls() -> None:
    model = tiny_model("llama")
    ours = GuidanceLogitsProcessor(model, guidance_scale=SCALE, trace=True)
    for prompts in (PROMPTS, PROMPTS[:2], PROMPTS[1:]):
        inputs = padded(prompts)
        sequences = generate(model, inputs, [ours])
        assert sequences == theirs(model, inputs)
        trace = ours.trace(torch.tensor(sequences))
        assert trace.difference.shape == (len(prompts), NEW)
    reused = UnbatchedClassifierFreeGuidanceLogitsProcessor(SCALE, model)
    assert generate(model, padded(PROMPTS[:1]), [reused]) == theirs(model, padded(PROMPTS[:1]))
    # transformers' own object goes on with the first call's negative sequence.
    assert generate(model, padded(PROMPTS[1:2]), [reused]) != theirs(model, padded(PROMPTS[1:2]))


def test_encoder_decoder_models_take_a_negative_prompt_for_their_encoder() -> None:
    model = tiny_model("t5")
    inputs, negative = padded(PROMPTS, side="right"), padded(NEGATIVES, side="right")
    rule = functools.partial(oracles.cfg, guidance_scale=SCALE)
    ours = GuidanceLogitsProcessor(model, negative, guidance_scale=SCALE)
    assert generate(model, inputs, [ours]) == generate(model, inputs, [ReferenceProcessor(model, NEGATIVES, rule, 1)])
    with pytest.raises(ValueError, match="`model` has to be decoder-only to read the main prompt"):
        GuidanceLogitsProcessor(model)


def test_a_view_may_stand_for_the_negative_prompt() -> None:
    model, inputs = tiny_model("llama"), padded(PROMPTS)
    ours = GuidanceLogitsProcessor(model, CutContext(model, 2), guidance_scale=SCALE)
    read = [prompt[-2:] for prompt in PROMPTS]
    assert generate(model, inputs, [ours]) == generate(model, inputs, [MadeAnew(model, read, 9)])


def test_by_its_name_it_takes_a_negative_prompt_or_none() -> None:
    lm = tiny_language()
    decoder = Decoder(Decoding("cfg", {"guidance_scale": SCALE}), lm)
    inputs = padded(PROMPTS)
    assert (decoder.decoding.takes_contrast, decoder.decoding.needs_contrast) == (True, False)
    for negative in (None, padded(ALIKE)):
        assert generate(lm.model, inputs, **_without_processors(decoder.options(inputs, negative))) == theirs(
            lm.model, inputs, negative
        )


def _without_processors(options):
    return {"processors": options["logits_processor"], "custom_generate": options["custom_generate"]}


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return load_language_model()


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("mode", ["greedy", "sampled", "beams"])
@pytest.mark.parametrize("size", [1, 4])
def test_smollm2_gives_the_tokens_of_transformers(lm: LanguageModel, size: int, mode: str) -> None:
    count, new = (24, 12) if SOAK else (4, 4)
    ids = lm.tokenizer(TEXT)["input_ids"]
    rows = [ids[start : start + int(n)] for start, n in enumerate(np.linspace(1, 100, count).astype(int))]
    options = {"max_new_tokens": new, "eos_token_id": None, **MODES[mode]}
    for i in range(0, count, size):
        inputs = batch_of(lm, rows[i : i + size])
        # Negative prompts of one length: transformers pads them wrongly.
        negatives = [ids[k + 40 : k + 52] for k in range(i, i + size)]
        for negative in (None, negatives):
            given = None if negative is None else batch_of(lm, negative)
            ours = GuidanceLogitsProcessor(lm.model, given, guidance_scale=SCALE)
            found = generate(lm.model, inputs, [ours], custom_generate=batched_views if i % 2 else None, **options)
            if mode == "beams":
                read = negative or [row[-1:] for row in rows[i : i + size]]
                reference = MadeAnew(lm.model, read, inputs["input_ids"].shape[1])
                assert found == generate(lm.model, inputs, [reference], **options)
            else:
                assert found == theirs(lm.model, inputs, given, **options)
