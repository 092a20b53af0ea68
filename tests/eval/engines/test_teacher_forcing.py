"""The log-probability of given options against a reference token by token, without cache, batch or padding."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import torch
from counterfoil.decoding import decoder as decoders
from counterfoil.decoding.by_name import Decoding
from counterfoil.decoding.decoder import Decoder
from counterfoil.eval.engines.teacher_forcing import option_log_probabilities
from counterfoil.eval.requests import Choice
from transformers import LogitsProcessor

from tests.support import oracles
from tests.support.reference import next_logits
from tests.support.tiny_language import text, tiny_language
from tests.support.tiny_models import random_prompts

PROMPTS = random_prompts([9, 3, 6], seed=31)
CONTRASTS = random_prompts([2, 7, 5], seed=32)
OPTIONS = [random_prompts(lengths, seed=33 + i) for i, lengths in enumerate([[1, 3], [2, 2, 4], [1, 1]])]
CHOICES = [
    Choice(text(prompt), tuple(f" {text(option)}" for option in options), text(contrast))
    for prompt, options, contrast in zip(PROMPTS, OPTIONS, CONTRASTS, strict=True)
]
SMALL = tiny_language("gpt2", seed=5)
METHODS = [
    Decoding("none"),
    Decoding("cad", {"strength": 1.5}),
    Decoding("cid", {"strength": 20.0}),
    Decoding("cid", {"strength": 1.0, "rule": "log_ratio", "plausibility": 0.001}),
    Decoding("contrastive_decoding", {"amateur": "small", "plausibility": 0.001, "strength": 0.7}),
    Decoding("contrastive_decoding", {"amateur": "small", "cut_context": 2, "plausibility": 0.001}),
    Decoding(
        "contrastive_decoding",
        {"cut_context": 1, "plausibility": 0.001, "formulation": "li", "amateur_temperature": 0.5},
    ),
    Decoding("contrastive_decoding", {"early_exit": 2, "plausibility": 0.001}),
    Decoding("contrastive_decoding", {"early_exit": 4, "plausibility": 0.001}),
    Decoding("dola", {"layers": 1, "plausibility": 0.001}),
    Decoding("dola", {"layers": (0, 2, 3), "plausibility": 0.001}),
    Decoding("dola", {"layers": (1, 2), "plausibility": 0.001, "norm": False}),
]


@pytest.fixture(autouse=True)
def small_amateur(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders, "load_language_model", lambda name, device: {"small": SMALL}[name])


def labelled(decoding: Decoding) -> str:
    return f"{decoding.method} {dict(decoding.parameters)}"


@torch.no_grad()
def layer_logits(ids: list[int], layer: int, *, norm: bool) -> np.ndarray:
    model = tiny_language().model
    hidden = model(torch.tensor([ids]), output_hidden_states=True, use_cache=False).hidden_states[layer][0, -1]
    if norm and layer < model.config.num_hidden_layers:
        hidden = model.model.norm(hidden)
    return model.lm_head(hidden).double().numpy()


def scores(decoding: Decoding, prompt: list[int], contrast: list[int], done: list[int]) -> np.ndarray:
    """The method's scores of the next token, from its equation."""
    given, model = dict(decoding.parameters), tiny_language().model
    main = next_logits(model, prompt + done)
    if decoding.method == "none":
        return main
    if decoding.method in ("cad", "cid"):
        return getattr(oracles, decoding.method)(main, next_logits(model, contrast + done), **given)
    if decoding.method == "dola":
        layers, norm = given.pop("layers"), given.pop("norm", True)
        early = [layer_logits(prompt + done, n, norm=norm) for n in ((layers,) if isinstance(layers, int) else layers)]
        final = np.exp(oracles.log_softmax(main))
        chosen = max(early, key=lambda z: oracles.jensen_shannon(final, np.exp(oracles.log_softmax(z))))
        return oracles.dola(main, chosen, **given)
    reader = SMALL.model if given.pop("amateur", None) else model
    if layer := given.pop("early_exit", None):
        other = layer_logits(prompt + done, layer, norm=True)
    else:
        other = next_logits(reader, prompt[-given.pop("cut_context", len(prompt)) :] + done)
    return oracles.contrastive_decoding(main, other, **given)


def expected(decoding: Decoding) -> list[list[float]]:
    return [
        [
            sum(
                oracles.log_softmax(scores(decoding, prompt, contrast, option[:n]))[token]
                for n, token in enumerate(option)
            )
            for option in options
        ]
        for prompt, contrast, options in zip(PROMPTS, CONTRASTS, OPTIONS, strict=True)
    ]


def computed(*decodings: Decoding, batch_size: int = 16, choices: list[Choice] = CHOICES) -> list[list[list[float]]]:
    language = tiny_language()
    return option_log_probabilities([Decoder(d, language) for d in decodings], choices, batch_size=batch_size)


@pytest.mark.parametrize("decoding", METHODS, ids=labelled)
def test_each_method_equals_its_equation_token_by_token(decoding: Decoding) -> None:
    reference = expected(decoding)
    assert any(math.isfinite(value) for values in reference for value in values)
    for found, wanted in zip(computed(decoding)[0], reference, strict=True):
        assert found == pytest.approx(wanted, abs=2e-4)


def test_released_dola_sums_differences_as_they_stand() -> None:
    """As the authors' scorer of TruthfulQA does, without a mask and a softmax behind."""
    released = Decoding("dola", {"layers": (1, 2), "plausibility": 0.0, "norm": False, "released": True})

    def difference(ids: list[int], token: int) -> float:
        final = oracles.log_softmax(next_logits(tiny_language().model, ids))
        early = [oracles.log_softmax(layer_logits(ids, layer, norm=False)) for layer in (1, 2)]
        mixtures = [np.log((np.exp(final) + np.exp(one)) / 2) for one in early]
        exchanged = [
            sum((np.exp(m) * (m - view)).sum() for view in (final, one)) for m, one in zip(mixtures, early, strict=True)
        ]
        return float((final - early[int(np.argmax(exchanged))])[token])

    for prompt, options, found in zip(PROMPTS, OPTIONS, computed(released)[0], strict=True):
        wanted = [sum(difference(prompt + option[:n], token) for n, token in enumerate(option)) for option in options]
        assert found == pytest.approx(wanted, abs=2e-4)


def test_methods_scored_together_equal_each_alone_in_batches_of_one() -> None:
    together = computed(*METHODS)
    for decoding, found in zip(METHODS, together, strict=True):
        alone = computed(decoding, batch_size=1)[0]
        for values, wanted in zip(found, alone, strict=True):
            assert values == pytest.approx(wanted, abs=2e-4)


class Forced(LogitsProcessor):
    """Makes `generate()` write a given text, and keeps how likely it was under the processors before."""

    def __init__(self, tokens: list[int]) -> None:
        self.tokens, self.total = iter(tokens), 0.0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        token = next(self.tokens)
        self.total += float(scores[0].double().log_softmax(-1)[token])
        return torch.full_like(scores, -torch.inf).index_fill(-1, torch.tensor([token]), 0.0)


@pytest.mark.parametrize("decoding", METHODS[1:], ids=labelled)
def test_each_method_equals_its_processor_in_generate(decoding: Decoding) -> None:
    language = tiny_language()
    tokenize = functools.partial(language.tokenizer, return_tensors="pt")
    found = computed(decoding)[0]
    for choice, options, values in zip(CHOICES, OPTIONS, found, strict=True):
        for option, value in zip(options, values, strict=True):
            inputs = tokenize(choice.prompt)
            forced = Forced(option)
            processor = Decoder(decoding, language).processor(inputs, tokenize(choice.contrast))
            language.model.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                logits_processor=[processor, forced],
                max_new_tokens=len(option),
                do_sample=False,
            )
            assert value == pytest.approx(forced.total, abs=2e-4)


def test_an_option_that_the_plausibility_mask_excludes_is_impossible() -> None:
    likeliest = int(next_logits(tiny_language().model, PROMPTS[0]).argmax())
    other = likeliest + 1 if likeliest < 95 else likeliest - 1
    choice = Choice(text(PROMPTS[0]), (f" w{likeliest}", f" w{other}"), text(CONTRASTS[0]))
    decoding = Decoding("contrastive_decoding", {"early_exit": 1, "plausibility": 1.0})
    assert computed(decoding, choices=[choice])[0][0] == [pytest.approx(0.0), -math.inf]


def test_progress_counts_every_option_once() -> None:
    calls = []
    language = tiny_language()
    option_log_probabilities(
        [Decoder(Decoding("none"), language)], CHOICES, batch_size=2, progress=lambda *done: calls.append(done)
    )
    assert calls == [(2, 7), (4, 7), (6, 7), (7, 7)]


def test_an_empty_option_is_refused() -> None:
    with pytest.raises(ValueError, match="an option has to be at least one token long, but is ''"):
        computed(Decoding("none"), choices=[Choice("w5", ("", " w6"))])


def test_a_missing_contrast_is_refused() -> None:
    with pytest.raises(ValueError, match="`contrast_inputs` has to be given for cad"):
        computed(Decoding("cad"), choices=[Choice("w5", (" w6", " w7"))])


def test_contrastive_search_has_no_probabilities() -> None:
    with pytest.raises(ValueError, match="contrastive_search, which only chooses among them"):
        computed(Decoding("contrastive_search"))
