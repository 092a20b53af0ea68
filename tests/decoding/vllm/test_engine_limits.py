"""What an engine has room for, and that everything else is refused with its reason."""

from __future__ import annotations

from typing import Any

import pytest
from counterfoil.decoding.vllm.contrast_params import parse_contrast
from counterfoil.decoding.vllm.engine_limits import EngineLimits
from hypothesis import given, settings
from hypothesis import strategies as st

CAD = {"cf_method": "cad", "cf_contrast_ids": [5, 7, 9]}
THREE = {"cf_method": "dexperts", "cf_contrast_ids": [[5, 7], [8] * 6]}
LIMITS = EngineLimits(max_model_len=64, max_num_seqs=4, vocabulary_size=100, blocks=9, block_size=8)


@pytest.mark.parametrize(
    ("limits", "keys", "prompt", "asked", "message"),
    [
        (EngineLimits(64, 1, 100), CAD, 8, None, "two sequences at a time, but --max-num-seqs is 1"),
        (LIMITS, CAD, 1, None, "the prompt has to have at least 2 tokens"),
        (LIMITS, CAD, 64, None, "the prompt has to be shorter than .* 64 tokens, but has 64"),
        (LIMITS, {**CAD, "cf_contrast_ids": [1] * 64}, 8, None, "the contrast has to be shorter than"),
        (LIMITS, {**CAD, "cf_contrast_ids": [1, 100]}, 8, None, "below 100, but holds 100"),
        (LIMITS, {**CAD, "cf_contrast_ids": [1] * 40}, 40, None, "there is room for 0 new tokens"),
        (LIMITS, CAD, 8, 57, r"prompt \(8 tokens\), contrast \(3\) and 57 new tokens .* room for 19 new tokens"),
        (EngineLimits(64, 2, 100), THREE, 8, None, "needs 3 sequences at a time, but --max-num-seqs is 2"),
        (LIMITS, THREE, 8, 11, r"contrast \(2, 6\) and 11 new tokens .* room for 9 new tokens"),
        (LIMITS, {**THREE, "cf_contrast_ids": [[5, 7], [1, 100]]}, 8, None, "below 100, but holds 100"),
        (LIMITS, {**THREE, "cf_contrast_ids": [[5, 7], [1] * 64]}, 8, None, "the contrast has to be shorter than"),
    ],
)
def test_what_does_not_fit_the_engine_is_refused(
    limits: EngineLimits, keys: dict[str, Any], prompt: int, asked: int | None, message: str
) -> None:
    params = parse_contrast(keys)
    assert params is not None
    with pytest.raises(ValueError, match=message):
        limits.check(params, prompt, asked)


@settings(deadline=None)
@given(st.lists(st.integers(2, 60), min_size=2, max_size=8), st.integers(4, 200), st.sampled_from([1, 4, 16]))
def test_a_pair_that_fits_has_a_block_for_each_of_its_tokens(lengths: list[int], blocks: int, size: int) -> None:
    limits = EngineLimits(max_model_len=64, max_num_seqs=2, vocabulary_size=10, blocks=blocks, block_size=size)
    room = limits.room(*lengths)
    if room > 0:
        needed = sum(-(-(length + room) // size) for length in lengths)
        assert needed <= blocks - 1
        assert max(lengths) + room <= 64
