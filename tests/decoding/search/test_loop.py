"""Contrastive search under everything that can be said to `generate()`; at zero strength it is plain greedy search."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from counterfoil.decoding import DoLaLogitsProcessor, contrastive_search
from counterfoil.decoding.views.forward_recorder import CACHE_NAME
from transformers import (
    DynamicCache,
    GenerationConfig,
    LogitsProcessor,
    StaticCache,
    StoppingCriteria,
    TextIteratorStreamer,
)
from transformers.generation.streamers import BaseStreamer

from tests.support.tiny_models import padded, random_prompts, tiny_model

NEW = 10
MODEL = tiny_model("llama")
PROMPTS = random_prompts([9, 3, 6, 5], seed=33)
INPUTS = padded(PROMPTS)


def search(**options):
    return MODEL.generate(**{**INPUTS, "custom_generate": contrastive_search, "max_new_tokens": NEW, **options})


def greedy(**options):
    return MODEL.generate(**{**INPUTS, "do_sample": False, "max_new_tokens": NEW, **options})


class Recorder(BaseStreamer):
    def __init__(self) -> None:
        self.pieces: list[list] = []
        self.ended = 0

    def put(self, value: torch.Tensor) -> None:
        self.pieces.append(value.tolist())

    def end(self) -> None:
        self.ended += 1


class SayToken(LogitsProcessor):
    """Leaves one token at a given length."""

    def __init__(self, length: int, token: int) -> None:
        self.length, self.token = length, token

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if input_ids.shape[1] != self.length:
            return scores
        only = torch.full_like(scores, -torch.inf)
        only[:, self.token] = 0.0
        return only


class Broken(StoppingCriteria):
    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        raise RuntimeError("broken on purpose")


def end_tokens() -> list[int]:
    """A token that one row says early and another late, or never, under contrastive search."""
    rows = search().tolist()
    said = [row[len(rows[0]) - NEW :] for row in rows]
    candidates = [t for t in said[0][2:6] if t not in said[1]]
    return candidates[:1]


def test_a_finished_row_is_padded_while_others_go_on() -> None:
    (end,) = end_tokens()
    free, stopped = search()[:, 9:], search(eos_token_id=end, pad_token_id=0)[:, 9:]
    assert stopped.shape == free.shape
    for without, row in zip(free.tolist(), stopped.tolist(), strict=True):
        length = without.index(end) + 1 if end in without else NEW
        assert row == without[:length] + [0] * (NEW - length)
    assert 0 in stopped[0]
    assert 0 not in stopped[1]


@pytest.mark.parametrize("options", [{"max_length": 14}, {"max_new_tokens": 3}, {"min_new_tokens": 6}])
def test_lengths_are_kept_as_greedy_search_keeps_them(options: dict) -> None:
    end = int(greedy()[0, 11])
    options = {**options, "eos_token_id": end, "pad_token_id": 0}
    if "max_length" in options:
        options["max_new_tokens"] = None
    assert torch.equal(search(penalty_alpha=0.0, **options), greedy(**options))


def test_forbidden_tokens_are_never_chosen() -> None:
    # min_new_tokens leaves eos out; with as many candidates as words every forbidden one is among them.
    end = int(search(top_k=96)[0, 9])
    output = search(top_k=96, eos_token_id=end, min_new_tokens=NEW, pad_token_id=0, penalty_alpha=0.9)
    assert (output[:, 9:] != end).all()


def test_stopping_criteria_of_the_caller_stop() -> None:
    wanted = greedy()[0, 9:]

    class StopAfter(StoppingCriteria):
        def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
            return input_ids[:, -1] == wanted[4]

    options = {"stopping_criteria": [StopAfter()]}
    assert torch.equal(
        search(penalty_alpha=0.0, input_ids=INPUTS["input_ids"][:1], attention_mask=None, **options),
        greedy(input_ids=INPUTS["input_ids"][:1], attention_mask=None, **options),
    )


def test_a_criterion_sees_the_scores_where_they_are_kept() -> None:
    seen = []

    class Look(StoppingCriteria):
        def __call__(self, input_ids: torch.Tensor, scores: tuple, **_: object) -> torch.Tensor:
            seen.append(len(scores))
            return torch.zeros(len(input_ids), dtype=torch.bool)

    search(stopping_criteria=[Look()], return_dict_in_generate=True, output_scores=True)
    assert seen == list(range(1, NEW + 1))


@pytest.mark.parametrize(
    "options",
    [{"repetition_penalty": 1.7}, {"no_repeat_ngram_size": 1}, {"bad_words_ids": [[5], [17], [40]]}],
    ids=str,
)
def test_other_processors_act_before_the_candidates_are_chosen(options: dict) -> None:
    assert torch.equal(search(penalty_alpha=0.0, **options), greedy(**options))
    assert not torch.equal(search(**options), search())


def test_a_processor_may_write_into_its_scores() -> None:
    class InPlace(LogitsProcessor):
        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            scores[:, 40:] = -torch.inf
            return scores

    assert (search(logits_processor=[InPlace()])[:, 9:] < 40).all()


def test_the_model_can_be_trained_afterwards() -> None:
    search()
    with torch.enable_grad():
        MODEL(**INPUTS, labels=INPUTS["input_ids"]).loss.backward()
    assert MODEL.get_input_embeddings().weight.grad is not None
    MODEL.zero_grad()


def test_a_processor_can_leave_one_token() -> None:
    output = search(logits_processor=[SayToken(9 + 3, 77)])
    assert (output[:, 9 + 3] == 77).all()


def test_the_output_is_that_of_generate() -> None:
    options = {"return_dict_in_generate": True, "output_scores": True, "output_logits": True, "repetition_penalty": 1.3}
    mine, plain = search(penalty_alpha=0.0, **options), greedy(**options)
    assert type(mine) is type(plain)
    assert torch.equal(mine.sequences, plain.sequences)
    for ours, theirs in zip(mine.scores + mine.logits, plain.scores + plain.logits, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    assert search(return_dict_in_generate=True).scores is None


@pytest.mark.parametrize("family", ["llama", "mistral", "gemma3_text"])
def test_the_returned_cache_is_the_one_greedy_search_leaves(family: str) -> None:
    model = tiny_model(family)
    outputs = [
        model.generate(**INPUTS, max_new_tokens=NEW, return_dict_in_generate=True, **options)
        for options in ({"do_sample": False}, {"custom_generate": contrastive_search, "penalty_alpha": 0.0})
    ]
    plain, mine = (output[CACHE_NAME] for output in outputs)
    assert isinstance(mine, DynamicCache)
    assert mine.get_seq_length() == plain.get_seq_length() == 9 + NEW - 1
    mask = torch.cat((INPUTS["attention_mask"], torch.ones(4, NEW + 1, dtype=torch.long)), 1)
    longer = torch.cat((outputs[0].sequences, torch.tensor([[7]] * 4)), 1)
    after = [
        model(
            longer[:, -2:], attention_mask=mask, position_ids=(mask.cumsum(1) - 1)[:, -2:], **{CACHE_NAME: cache}
        ).logits
        for cache in (plain, mine)
    ]
    torch.testing.assert_close(after[0], after[1], atol=1e-4, rtol=1e-4)


def test_a_cache_of_the_callers_own_is_filled() -> None:
    cache = DynamicCache(config=MODEL.config)
    output = search(**{CACHE_NAME: cache}, return_dict_in_generate=True)
    assert output[CACHE_NAME] is cache
    assert cache.get_seq_length() == 9 + NEW - 1


def test_a_second_call_is_a_fresh_one() -> None:
    first = search()
    MODEL.generate(**padded(random_prompts([4], seed=9)), custom_generate=contrastive_search, max_new_tokens=3)
    assert torch.equal(search(), first)


@pytest.mark.parametrize("name", ["streamer", "token_streamer"])
@pytest.mark.parametrize("rows", [1, 4])
def test_tokens_are_streamed_one_by_one(rows: int, name: str) -> None:
    inputs = {name: value[:rows] for name, value in INPUTS.items()}
    streamer = Recorder()
    output = search(**inputs, **{name: streamer})
    assert streamer.pieces[0] == inputs["input_ids"].tolist()
    assert streamer.pieces[1:] == output[:, 9:].T.tolist()
    assert streamer.ended == 1


@pytest.mark.parametrize("name", ["streamer", "token_streamer"])
def test_a_consumer_is_not_left_waiting_by_an_error(name: str) -> None:
    streamer = Recorder()
    with pytest.raises(RuntimeError, match="broken on purpose"):
        search(stopping_criteria=[Broken()], **{name: streamer})
    assert streamer.ended == 1


def test_an_iterator_streams_the_text() -> None:
    class Words:
        def decode(self, ids: list[int], **_: object) -> str:
            return " ".join(map(str, ids)) + " "

    streamer = TextIteratorStreamer(Words(), skip_prompt=True, timeout=5)  # pyright: ignore
    output = search(**{name: value[:1] for name, value in INPUTS.items()}, token_streamer=streamer)
    assert "".join(streamer).split() == [str(token) for token in output[0, 9:].tolist()]


def test_the_model_is_left_as_it_was() -> None:
    head = MODEL.get_output_embeddings()
    before = MODEL.config._attn_implementation, len(head._forward_pre_hooks)
    search()
    assert (MODEL.config._attn_implementation, len(head._forward_pre_hooks)) == before
    with pytest.raises(RuntimeError, match="broken on purpose"):
        search(stopping_criteria=[Broken()])
    with pytest.raises(IndexError):
        search(logits_processor=[SayToken(9, 1000)])
    assert (MODEL.config._attn_implementation, len(head._forward_pre_hooks)) == before


def test_an_error_inside_the_forward_restores_the_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    search(max_new_tokens=1)
    calls = []

    def fail(*_: object) -> None:
        calls.append(MODEL.config._attn_implementation)
        if len(calls) == 3:
            raise MemoryError

    hook = MODEL.model.layers[1].register_forward_pre_hook(fail)
    try:
        with pytest.raises(MemoryError):
            search()
    finally:
        hook.remove()
    assert calls == ["sdpa", "counterfoil_packed_sdpa", "counterfoil_packed_sdpa"]
    assert MODEL.config._attn_implementation == "sdpa"


def test_nothing_is_kept_after_a_call() -> None:
    model = tiny_model("gpt2")
    model.generate(**INPUTS, custom_generate=contrastive_search, max_new_tokens=1)
    caches = []
    hook = model.transformer.register_forward_pre_hook(
        lambda _m, _a, kwargs: caches.append(weakref.ref(kwargs[CACHE_NAME])), with_kwargs=True
    )
    try:
        model.generate(**INPUTS, custom_generate=contrastive_search, max_new_tokens=3, use_cache=True)
    finally:
        hook.remove()
    gc.collect()
    assert caches
    assert all(cache() is None for cache in caches)


CONFIGURATIONS = [
    ({}, {}, (0.6, 4)),
    ({"penalty_alpha": 0.3, "top_k": 6}, {}, (0.3, 6)),
    ({}, {"penalty_alpha": 0.3, "top_k": 6}, (0.3, 6)),
    ({"top_k": 3}, {"penalty_alpha": 0.3, "top_k": 6}, (0.3, 3)),
    ({}, {"penalty_alpha": 0.3}, (0.3, 4)),
    ({}, {"top_k": 20}, (0.6, 4)),
    ({"top_k": 50}, {}, (0.6, 50)),
]


@pytest.mark.parametrize(("keywords", "configured", "meant"), CONFIGURATIONS, ids=str)
def test_where_the_parameters_come_from(keywords: dict, configured: dict, meant: tuple[float, int]) -> None:
    config = GenerationConfig(max_new_tokens=NEW, **configured)
    output = search(generation_config=config, **keywords)
    assert torch.equal(output, search(penalty_alpha=meant[0], top_k=meant[1]))


REFUSED = [
    ({"penalty_alpha": 1.5}, r"`penalty_alpha` has to be in \[0, 1\], but is 1.5"),
    ({"penalty_alpha": float("nan")}, r"`penalty_alpha` has to be in \[0, 1\], but is nan"),
    ({"top_k": 0}, "`top_k` has to be an integer of at least 1, but is 0"),
    ({"top_k": 2.5}, "`top_k` has to be an integer of at least 1, but is 2.5"),
    ({"top_k": 97}, "`top_k` has to be at most the size of the vocabulary, 96, but is 97"),
    ({"do_sample": True}, "`do_sample` has to be False .* but is True: pass do_sample=False"),
    ({"num_beams": 2}, "`num_beams` has to be 1 .* but is 2"),
    ({"num_return_sequences": 2, "num_beams": 2}, "has to be 1 .* but is 2"),
    ({"use_cache": False}, "`use_cache` has to be True .* but is False"),
    ({"prompt_lookup_num_tokens": 3}, "`prompt_lookup_num_tokens` has to be None .* but is 3"),
    ({"return_dict_in_generate": True, "output_hidden_states": True}, "`output_hidden_states` has to be False"),
    ({"cache_implementation": "offloaded"}, "`cache_implementation` has to be .* but is 'offloaded'"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_cannot_be_done_is_refused_by_name(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search(**options)


def test_a_cache_that_holds_tokens_is_refused() -> None:
    cache = DynamicCache(config=MODEL.config)
    MODEL(torch.tensor([[3, 4, 5]] * 4), **{CACHE_NAME: cache})
    with pytest.raises(ValueError, match=f"`{CACHE_NAME}` has to be empty .* but holds 3 tokens"):
        search(**{CACHE_NAME: cache})


def test_a_filled_static_cache_is_refused() -> None:
    cache = StaticCache(config=MODEL.config, max_cache_len=32)
    MODEL(torch.tensor([[3, 4, 5]] * 4), **{CACHE_NAME: cache})
    with pytest.raises(ValueError, match=f"`{CACHE_NAME}` has to be empty"):
        search(**{CACHE_NAME: cache})


def test_an_encoder_decoder_model_is_refused() -> None:
    with pytest.raises(ValueError, match="`model` has to be a decoder-only model, but is T5"):
        tiny_model("t5").generate(**INPUTS, custom_generate=contrastive_search, max_new_tokens=2)


def test_embeddings_may_take_the_place_of_tokens() -> None:
    embeddings = MODEL.get_input_embeddings()(INPUTS["input_ids"])
    output = MODEL.generate(
        inputs_embeds=embeddings, attention_mask=INPUTS["attention_mask"], custom_generate=contrastive_search,
        max_new_tokens=NEW,
    )  # fmt: skip
    assert torch.equal(output, search()[:, 9:])


def test_a_layer_contrast_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="DoLaLogitsProcessor cannot be combined with contrastive search"):
        search(logits_processor=[DoLaLogitsProcessor(MODEL)])
