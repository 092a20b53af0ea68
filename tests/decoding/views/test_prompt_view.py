"""Prompt views against their uncached, unbatched, unpadded reference, whatever happens to the main sequence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from counterfoil.decoding.prompts.prompt import as_prompt
from counterfoil.decoding.views import CutContext, OtherPrompt, SamePrompt
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.kinds_of_views import Call
from tests.support.reference import next_logits
from tests.support.tiny_models import VOCABULARY, padded, random_prompts, tiny_model

MODEL = "llama"


def expected(contrasts: list[list[int]], ids: torch.Tensor, prompt_length: int, family: str = MODEL) -> torch.Tensor:
    each = len(ids) // len(contrasts)
    rows = [
        next_logits(tiny_model(family), contrasts[i // each] + row[prompt_length:])
        for i, row in enumerate(ids.tolist())
    ]
    return torch.tensor(np.stack(rows), dtype=torch.float32)


def agree(actual: torch.Tensor, reference: torch.Tensor) -> None:
    torch.testing.assert_close(actual, reference, atol=2e-4, rtol=2e-4)


lengths = st.lists(st.integers(1, 9), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None)
@given(contrast_lengths=lengths, beams=st.integers(1, 3), side=st.sampled_from(["left", "right"]), data=st.data())
def test_a_view_follows_whatever_generate_does(
    contrast_lengths: list[int], beams: int, side: str, data: st.DataObject
) -> None:
    prompts = len(contrast_lengths)
    contrasts = random_prompts(contrast_lengths, seed=sum(contrast_lengths))
    view = OtherPrompt(tiny_model(MODEL), padded(contrasts, side=side))
    tokens = st.lists(st.integers(3, VOCABULARY - 1), min_size=prompts * beams, max_size=prompts * beams)
    for _ in range(data.draw(st.integers(1, 2), label="generate() calls")):
        call = Call(view)
        prompt_length = data.draw(st.integers(1, 6))
        ids = torch.tensor(random_prompts([prompt_length] * prompts, seed=prompt_length)).repeat_interleave(beams, 0)
        agree(call.logits(ids), expected(contrasts, ids, prompt_length))
        for _ in range(data.draw(st.integers(0, 4), label="steps")):
            event = data.draw(st.sampled_from(["token", "token", "beams", "several tokens", "a token taken back"]))
            if event == "beams":
                within = torch.tensor(
                    data.draw(st.lists(st.integers(0, beams - 1), min_size=len(ids), max_size=len(ids)))
                )
                ids = ids[within + torch.arange(len(ids)) // beams * beams]
            if event == "a token taken back" and ids.shape[1] > prompt_length:
                ids = ids[:, :-1]
            for _ in range(3 if event == "several tokens" else 1):
                ids = torch.cat([ids, torch.tensor(data.draw(tokens))[:, None]], dim=-1)
            agree(call.logits(ids), expected(contrasts, ids, prompt_length))


def test_rows_of_different_prompts_are_not_confused_when_their_main_ids_are_equal() -> None:
    contrasts = random_prompts([4, 6], seed=5)
    view = OtherPrompt(tiny_model(MODEL), padded(contrasts))
    call = Call(view)
    ids = torch.tensor([[7, 8]] * 4)
    call.logits(ids)
    ids = torch.cat([ids, torch.tensor([[9], [10], [9], [10]])], -1)
    call.logits(ids)
    ids = torch.cat([ids[[1, 0, 3, 2]], torch.tensor([[11]] * 4)], -1)
    agree(call.logits(ids), expected(contrasts, ids, 2))


def test_a_permutation_of_beams_is_followed_on_the_cache() -> None:
    contrasts = random_prompts([4], seed=5)
    view = OtherPrompt(tiny_model(MODEL), padded(contrasts))
    call = Call(view)
    ids = torch.tensor([[7, 8]] * 3)
    call.logits(ids)
    ids = torch.cat([ids, torch.tensor([[9], [10], [11]])], -1)
    call.logits(ids)
    lengths = []
    hook = tiny_model(MODEL).register_forward_pre_hook(
        lambda _, __, kwargs: lengths.append(kwargs["input_ids"].shape), with_kwargs=True
    )
    call.logits(torch.cat([ids[[2, 2, 0]], torch.tensor([[12]] * 3)], -1))
    hook.remove()
    assert lengths == [(3, 1)]


def test_one_prefill_serves_all_beams_of_a_prompt() -> None:
    view = OtherPrompt(tiny_model(MODEL), padded(random_prompts([5, 3], seed=1)))
    shapes = []
    hook = tiny_model(MODEL).register_forward_pre_hook(
        lambda _, __, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    Call(view).logits(torch.tensor([[7, 8]] * 8))
    hook.remove()
    assert shapes == [(2, 5)]


@pytest.mark.parametrize("family", ["llama", "gpt2", "opt"])
def test_the_same_prompt_is_read_without_its_padding(family: str) -> None:
    prompts = random_prompts([6, 2, 4], seed=3)
    ids = padded(prompts)["input_ids"]
    view = SamePrompt(tiny_model(family))
    agree(Call(view, in_generate=False).logits(ids), expected(prompts, ids[:, :0], 0, family))


def test_a_leading_pad_token_that_all_rows_share_is_a_token() -> None:
    prompts = [[0, *row] for row in random_prompts([6, 2], seed=3)]
    ids = padded(prompts)["input_ids"]
    view = SamePrompt(tiny_model(MODEL))
    agree(Call(view, in_generate=False).logits(ids), expected(prompts, ids[:, :0], 0))


def test_a_given_mask_overrules_the_guess() -> None:
    prompts = random_prompts([3, 2], seed=3)
    inputs = padded([[4, *prompts[0]], prompts[1]])
    ids = torch.cat([torch.zeros(2, 1, dtype=torch.long), inputs["input_ids"]], -1)
    mask = torch.cat([torch.zeros(2, 1, dtype=torch.long), inputs["attention_mask"]], -1)
    view = SamePrompt(tiny_model(MODEL), mask)
    agree(Call(view).logits(ids), expected([[4, *prompts[0]], prompts[1]], ids[:, :0], 0))


@pytest.mark.parametrize("last", [1, 3, 50])
def test_a_cut_context_sees_the_end_of_the_prompt_and_all_that_follows(last: int) -> None:
    prompts = random_prompts([6, 2], seed=4)
    ids = padded(prompts)["input_ids"]
    view = CutContext(tiny_model(MODEL), last)
    call = Call(view, in_generate=False)
    cut = [row[-last:] for row in prompts]
    agree(call.logits(ids), expected(cut, ids[:, :0], 0))
    grown = torch.cat([ids, torch.tensor([[9], [10]])], -1)
    agree(call.logits(grown), expected(cut, grown, 6))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([1, 2], "`contrast` has to be what a tokenizer returns"),
        ({"ids": torch.ones(1, 2)}, r"but is \['ids'\]"),
        ({"input_ids": torch.ones(1, 2)}, "integers of shape .* but is torch.float32"),
        ({"input_ids": torch.ones(2, dtype=torch.long)}, r"but is torch.int64 of shape \[2\]"),
        ({"input_ids": torch.ones(1, 0, dtype=torch.long)}, "at least one token a row"),
        (
            {"input_ids": torch.ones(1, 2, dtype=torch.long), "attention_mask": torch.zeros(1, 2)},
            "at least one token a row",
        ),
        ({"input_ids": torch.ones(1, 2, dtype=torch.long), "attention_mask": torch.ones(1, 3)}, r"but has \[1, 3\]"),
    ],
)
def test_an_unusable_contrast_is_refused_when_made(inputs: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_prompt(inputs, "contrast")


def test_a_contrast_of_another_batch_size_is_refused_at_the_first_call() -> None:
    view = OtherPrompt(tiny_model(MODEL), padded(random_prompts([3, 3], seed=0)))
    with pytest.raises(ValueError, match="has 2 rows beside 3 sequences"):
        Call(view).logits(torch.tensor([[7]] * 3))


def test_fewer_contrasts_than_prompts_are_refused_also_where_they_divide() -> None:
    view = OtherPrompt(tiny_model(MODEL), padded(random_prompts([3, 3], seed=0)))
    with pytest.raises(ValueError, match="rows that would share one are not alike"):
        Call(view).logits(torch.tensor([[7], [8], [9], [10]]))


def test_one_contrast_may_serve_all_prompts() -> None:
    contrasts = random_prompts([3], seed=0)
    view = OtherPrompt(tiny_model(MODEL), padded(contrasts))
    ids = torch.tensor([[7], [8], [9]])
    agree(Call(view).logits(ids), expected(contrasts, ids, 1))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([5] * 300, "has to fit the 256 positions of GPT2LMHeadModel, but is 300 tokens long"),
        ([5, 200], "have to be below the 96 tokens of GPT2LMHeadModel, but go from 5 to 200"),
    ],
)
def test_a_contrast_that_the_model_cannot_read_is_refused_by_name(row: list[int], message: str) -> None:
    view = OtherPrompt(tiny_model("gpt2"), {"input_ids": torch.tensor([row])})
    with pytest.raises(ValueError, match=message):
        Call(view).logits(torch.tensor([[7]]))
