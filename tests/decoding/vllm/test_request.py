"""What a request may say about its contrast, and that everything else is refused with its name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from counterfoil.decoding.vllm.contrast_params import PairRequest, has_contrast_keys, pair_request, served_methods
from counterfoil.decoding.vllm.engine_limits import EngineLimits
from hypothesis import given, settings
from hypothesis import strategies as st

unhurried = settings(deadline=None)

IDS = [5, 7, 9]
CAD = {"cf_method": "cad", "cf_contrast_ids": IDS}

RANGES: dict[str, st.SearchStrategy[Any]] = {
    "plausibility": st.floats(0, 1) | st.integers(0, 1),
    "strength": st.floats(0, 1e6) | st.integers(0, 100),
    "rule": st.sampled_from(["probability", "log_ratio"]),
    "formulation": st.sampled_from(["obrien", "li"]),
    "amateur_temperature": st.floats(0.01, 100),
}
METHODS = served_methods()
PARAMETERS = {
    name: [p.name for p in method.parameters() if not p.makes_contrast]
    for name, method in METHODS.items()
    if method.contrast != "image"
}
TEXT_METHODS = [name for name, parameters in PARAMETERS.items() if set(parameters) <= set(RANGES)]


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Any request with a contrast of text that is right."""
    method = draw(st.sampled_from(TEXT_METHODS))
    names = draw(st.sets(st.sampled_from(PARAMETERS[method])))
    ids = draw(st.lists(st.integers(0, 2**40), min_size=2, max_size=20))
    parameters = {f"cf_{name}": draw(RANGES[name]) for name in names}
    return {"cf_method": method, "cf_contrast_ids": ids, **parameters}


@unhurried
@given(requests(), st.dictionaries(st.text(min_size=1).filter(lambda key: "cf_" not in key), st.integers()))
def test_what_is_given_is_taken_and_the_rest_is_the_methods_default(keys: dict[str, Any], others: dict) -> None:
    pair = pair_request({**others, **keys})

    assert pair is not None
    assert pair.method.name == keys["cf_method"]
    assert pair.contrast_ids == tuple(keys["cf_contrast_ids"])
    parameters = {key[3:]: value for key, value in keys.items() if key[3:] in PARAMETERS[pair.method.name]}
    assert pair.method == METHODS[pair.method.name](**parameters)


@unhurried
@given(requests())
def test_a_request_survives_the_way_over_http(keys: dict[str, Any]) -> None:
    assert pair_request(json.loads(json.dumps(keys))) == pair_request(keys)


@unhurried
@given(requests(), requests())
def test_rows_are_combined_at_once_only_under_one_rule(one: dict[str, Any], two: dict[str, Any]) -> None:
    first, second = pair_request(one), pair_request(two)

    assert first is not None
    assert second is not None
    numbers = {p.name for p in first.method.parameters() if p.is_number}
    chosen = [{k: v for k, v in pair.method.settings.items() if k not in numbers} for pair in (first, second)]
    alike = type(first.method) is type(second.method) and chosen[0] == chosen[1]
    assert (first.method.group == second.method.group) == alike


@unhurried
@given(st.dictionaries(st.text().filter(lambda key: not key.startswith(("cf_", "_cf_"))), st.integers()))
def test_keys_of_others_are_left_alone(keys: dict) -> None:
    assert not has_contrast_keys(keys)
    assert pair_request(keys) is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=4)
)


@unhurried
@given(
    st.dictionaries(
        st.sampled_from(["cf_method", "cf_contrast_ids", "cf_cut_context", "cf_without_adapter", "cf_documents"])
        | st.sampled_from([f"cf_{name}" for name in RANGES])
        | st.text(max_size=3).map("cf_".__add__),
        anything | st.sampled_from(list(METHODS)),
        min_size=1,
    )
)
def test_whatever_comes_is_a_pair_or_an_error_that_names_a_key(keys: dict[str, Any]) -> None:
    try:
        pair = pair_request(keys)
    except ValueError as error:
        assert any(key in str(error) for key in keys) or "contrast" in str(error)  # noqa: PT017
    else:
        assert isinstance(pair, PairRequest)
        assert {f"cf_{name}" for name in pair.method.settings} | {
            "cf_seed",
            "cf_method",
            "cf_contrast_ids",
            "cf_cut_context",
            "cf_without_adapter",
        } >= set(keys)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"cf_strength": 1}, "`cf_method` has to be one of 'cad', .* but is missing beside `cf_strength`"),
        ({**CAD, "cf_method": "cda"}, "`cf_method` has to be one of .*, but is 'cda'"),
        ({**CAD, "cf_method": ["cad"]}, "`cf_method` has to be one of"),
        ({**CAD, "cf_strength": -0.5}, "`cf_strength` has to be a number of at least 0, but is -0.5"),
        ({**CAD, "cf_strength": "1"}, "`cf_strength` has to be a number of at least 0, but is '1'"),
        ({**CAD, "cf_strength": float("nan")}, "`cf_strength` has to be a number"),
        ({**CAD, "cf_plausibility": 1}, "`cf_plausibility` is not known: cad takes cf_strength"),
        ({**CAD, "_cf_member": 1}, "`_cf_member` has to be left out"),
        ({"cf_method": "cad"}, "cad has to be given something to contrast with"),
        ({**CAD, "cf_contrast_ids": []}, "`cf_contrast_ids` has to hold at least 2 token ids, but is empty"),
        ({**CAD, "cf_contrast_ids": [1]}, "`cf_contrast_ids` has to hold at least 2 token ids, but holds 1"),
        ({**CAD, "cf_contrast_ids": "1,2"}, "`cf_contrast_ids` has to be a list of token ids, but is '1,2'"),
        ({**CAD, "cf_contrast_ids": [1, 2.5]}, "`cf_contrast_ids` has to be a list of token ids, but holds 2.5"),
        ({**CAD, "cf_contrast_ids": [1, -1]}, "`cf_contrast_ids` has to be a list of token ids, but holds -1"),
        ({**CAD, "cf_contrast_ids": [1, True]}, "`cf_contrast_ids` has to be a list of token ids, but holds True"),
        ({"cf_method": "cad", "cf_documents": ["a"]}, "`cf_documents` has to become `cf_contrast_ids`"),
        ({"cf_method": "cad", "cf_cut_context": 4}, "`cf_cut_context` has to go with contrastive_decoding"),
        (
            {"cf_method": "contrastive_decoding", "cf_cut_context": 4, "cf_contrast_ids": IDS},
            "`cf_cut_context` has to be the only contrast",
        ),
        ({"cf_method": "contrastive_decoding", "cf_cut_context": 0}, "`cf_cut_context` has to be an integer"),
        ({"cf_method": "cad", "cf_without_adapter": 2}, "`cf_without_adapter` has to be true or false, but is 2"),
        ({"cf_method": "cid", "cf_contrast_ids": IDS, "cf_rule": "x"}, "`cf_rule` has to be one of"),
    ],
)
def test_what_is_wrong_is_named_with_its_value(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pair_request(keys)


def test_an_engine_with_an_amateur_contrasts_with_that_alone() -> None:
    pair = pair_request({"cf_method": "contrastive_decoding", "cf_strength": 1.0}, amateur_model=True)
    assert pair is not None
    assert pair.contrast_ids is None
    with pytest.raises(ValueError, match="not served here"):
        pair_request(CAD, amateur_model=True)
    with pytest.raises(ValueError, match="contrasts with its amateur model"):
        pair_request({"cf_method": "contrastive_decoding", "cf_contrast_ids": IDS}, amateur_model=True)


def test_the_other_prompt_is_the_given_one_the_end_of_the_main_one_or_the_main_one() -> None:
    prompt = list(range(10))
    cut = {"cf_method": "contrastive_decoding", "cf_cut_context": 3}
    for keys, expected in [
        (CAD, IDS),
        (cut, [7, 8, 9]),
        ({**cut, "cf_cut_context": 99}, prompt),
        ({"cf_method": "cad", "cf_without_adapter": 1}, prompt),
    ]:
        pair = pair_request(keys)
        assert pair is not None
        assert pair.other_prompt(prompt) == expected
        assert pair.other_tokens(len(prompt)) == len(expected)


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
    ],
)
def test_what_does_not_fit_the_engine_is_refused(
    limits: EngineLimits, keys: dict[str, Any], prompt: int, asked: int | None, message: str
) -> None:
    pair = pair_request(keys)
    assert pair is not None
    with pytest.raises(ValueError, match=message):
        limits.check(pair, prompt, asked)


@unhurried
@given(st.integers(2, 60), st.integers(2, 60), st.integers(4, 200), st.sampled_from([1, 4, 16]))
def test_a_pair_that_fits_has_a_block_for_each_of_its_tokens(main: int, other: int, blocks: int, size: int) -> None:
    limits = EngineLimits(max_model_len=64, max_num_seqs=2, vocabulary_size=10, blocks=blocks, block_size=size)
    room = limits.room(main, other)
    if room > 0:
        needed = sum(-(-(length + room) // size) for length in (main, other))
        assert needed <= blocks - 1
        assert max(main, other) + room <= 64
