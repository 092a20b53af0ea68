"""What a request may say about its contrast, and that everything else is refused with its name."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from counterfoil.decoding.vllm.contrast_params import (
    ContrastParams,
    ParsedArgs,
    flag_keys,
    general_keys,
    has_contrast_keys,
    parse_contrast,
    served_methods,
)
from hypothesis import given, settings
from hypothesis import strategies as st

unhurried = settings(deadline=None)

IDS = [5, 7, 9]
CAD = {"cf_method": "cad", "cf_contrast_ids": IDS}

RANGES: dict[str, st.SearchStrategy[Any]] = {
    "plausibility": st.floats(0, 1) | st.integers(0, 1),
    "strength": st.floats(0, 1e6) | st.integers(0, 100),
    "guidance_scale": st.floats(0, 10) | st.integers(0, 10),
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
TEXT_METHODS = [
    name for name, parameters in PARAMETERS.items() if set(parameters) <= set(RANGES) and METHODS[name].contrasts == 1
]


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Any request with a contrast of text that is right."""
    method = draw(st.sampled_from(TEXT_METHODS))
    names = draw(st.sets(st.sampled_from(PARAMETERS[method])))
    ids = draw(st.lists(st.integers(0, 2**40), min_size=2, max_size=20))
    parameters = {f"cf_{name}": draw(RANGES[name]) for name in names}
    return {"cf_method": method, "cf_contrast_ids": ids, **parameters}


@unhurried
@given(requests(), st.dictionaries(st.text(min_size=1).filter(lambda key: "cf_" not in key.lower()), st.integers()))
def test_what_is_given_is_taken_and_the_rest_is_the_methods_default(keys: dict[str, Any], others: dict) -> None:
    params = parse_contrast({**others, **keys})

    assert params is not None
    assert params.method.name == keys["cf_method"]
    assert params.contrast_ids == (tuple(keys["cf_contrast_ids"]),)
    parameters = {key[3:]: value for key, value in keys.items() if key[3:] in PARAMETERS[params.method.name]}
    assert params.method == METHODS[params.method.name](**parameters)


@unhurried
@given(requests())
def test_a_request_survives_the_way_over_http(keys: dict[str, Any]) -> None:
    assert parse_contrast(json.loads(json.dumps(keys))) == parse_contrast(keys)


@unhurried
@given(requests(), requests())
def test_rows_are_combined_at_once_only_by_one_rule(one: dict[str, Any], two: dict[str, Any]) -> None:
    first, second = parse_contrast(one), parse_contrast(two)

    assert first is not None
    assert second is not None
    numbers = {p.name for p in first.method.parameters() if p.is_number}
    chosen = [{k: v for k, v in params.method.settings.items() if k not in numbers} for params in (first, second)]
    alike = type(first.method) is type(second.method) and chosen[0] == chosen[1]
    assert (first.method.group == second.method.group) == alike


@unhurried
@given(st.dictionaries(st.text().filter(lambda key: not key.lower().startswith(("cf_", "_cf_"))), st.integers()))
def test_keys_of_others_are_left_alone(keys: dict) -> None:
    assert not has_contrast_keys(keys)
    assert parse_contrast(keys) is None


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
def test_whatever_comes_is_a_contrast_or_an_error_that_names_a_key(keys: dict[str, Any]) -> None:
    try:
        params = parse_contrast(keys)
    except ValueError as error:
        assert any(key in str(error) for key in keys) or "contrast" in str(error)  # noqa: PT017
    else:
        assert isinstance(params, ContrastParams)
        assert {f"cf_{name}" for name in params.method.settings} | {
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
        ({**CAD, "CF_STRENGTH": 1}, "`CF_STRENGTH` is not known: keys are in lower case, `cf_strength`"),
        ({"Cf_Method": "cad"}, "`Cf_Method` is not known: keys are in lower case, `cf_method`"),
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
        parse_contrast(keys)


def test_an_engine_with_an_amateur_contrasts_with_that_alone() -> None:
    params = parse_contrast({"cf_method": "contrastive_decoding", "cf_strength": 1.0}, amateur_model=True)
    assert params is not None
    assert params.contrast_ids == ()
    with pytest.raises(ValueError, match="not served here"):
        parse_contrast(CAD, amateur_model=True)
    with pytest.raises(ValueError, match="'dexperts', not served here"):
        parse_contrast({"cf_method": "dexperts", "cf_contrast_ids": [IDS, IDS]}, amateur_model=True)
    with pytest.raises(ValueError, match="contrasts with its amateur model"):
        parse_contrast({"cf_method": "contrastive_decoding", "cf_contrast_ids": IDS}, amateur_model=True)


def test_the_contrast_prompt_is_the_given_one_the_end_of_the_main_one_or_the_main_one() -> None:
    prompt = list(range(10))
    cut = {"cf_method": "contrastive_decoding", "cf_cut_context": 3}
    for keys, expected in [
        (CAD, IDS),
        (cut, [7, 8, 9]),
        ({**cut, "cf_cut_context": 99}, prompt),
        ({"cf_method": "cad", "cf_without_adapter": 1}, prompt),
        ({"cf_method": "cfg"}, [8, 9]),
        ({"cf_method": "cfg", "cf_contrast_ids": IDS}, IDS),
        ({"cf_method": "cfg", "cf_without_adapter": 1}, prompt),
    ]:
        params = parse_contrast(keys)
        assert params is not None
        assert params.contrast_prompts(prompt) == [expected]
        assert params.contrast_tokens(len(prompt)) == [len(expected)]


def test_what_is_parsed_is_not_parsed_again_in_the_same_process() -> None:
    params = parse_contrast(CAD)
    assert params is not None
    args = ParsedArgs({**CAD, "other": 1}, params)
    assert args == {**CAD, "other": 1}
    for kept in (args, copy.copy(args), copy.deepcopy(args)):
        assert parse_contrast(kept) == params
    assert parse_contrast(args) is params
    # The engine core gets a dictionary and makes the same of it.
    assert parse_contrast(json.loads(json.dumps(args))) == params


def test_a_negative_prompt_is_the_contrast_of_guidance_by_its_own_name() -> None:
    asked = {"cf_method": "cfg", "cf_negative_prompt": "A", "cf_guidance_scale": 2.0, "other": 1}
    general = {"cf_method": "cfg", "cf_contrast_prompt": "A", "cf_guidance_scale": 2.0, "other": 1}
    assert general_keys(asked) == general_keys(general) == general
    with pytest.raises(ValueError, match="`cf_negative_prompt` has to be the only contrast, but `cf_contrast_prompt`"):
        general_keys({**asked, "cf_contrast_prompt": "B"})
    foreign = {"cf_method": "cad", "cf_negative_prompt": "A"}
    assert general_keys(foreign) == foreign
    with pytest.raises(ValueError, match="`cf_negative_prompt` is not known: cad takes cf_strength"):
        parse_contrast(foreign)
    for method in ("nothing", ["cfg"], None):
        assert general_keys({"cf_method": method}) == {"cf_method": method}


def test_flags_are_what_takes_true_and_false() -> None:
    assert flag_keys() == {"cf_without_adapter", "cf_trace", "cf_normalize"}


def test_several_contrasts_are_lists_or_over_http_their_json() -> None:
    lists = [[5, 7], [9, 9, 9], [4, 4]]
    for ids in (lists, json.dumps(lists), tuple(map(tuple, lists))):
        params = parse_contrast({"cf_method": "weighted_sum", "cf_weights": [1, -1, 0.5], "cf_contrast_ids": ids})
        assert params is not None
        assert params.count == 3
        assert params.contrast_prompts([1, 2]) == lists
        assert params.contrast_tokens(2) == [2, 3, 2]
    two = {"cf_method": "dexperts", "cf_contrast_ids": lists[:2]}
    assert parse_contrast(two) == parse_contrast({**two, "cf_contrast_ids": json.dumps(lists[:2])})


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"cf_method": "dexperts", "cf_contrast_ids": [1, 2]}, "dexperts has to be given 2 contrasts, but is given 1"),
        ({"cf_method": "dexperts", "cf_contrast_ids": [[1, 2]] * 3}, "2 contrasts, but is given 3"),
        ({"cf_method": "dexperts", "cf_without_adapter": 1}, "2 contrasts, but is given 1"),
        ({"cf_method": "cad", "cf_contrast_ids": [[1, 2]] * 2}, "cad has to be given one contrast, but is given 2"),
        (
            {"cf_method": "weighted_sum", "cf_contrast_ids": [[1, 2]] * 2},
            r"`cf_weights` has to hold a number for each of 2 contrasts, but is \[-0.5\]",
        ),
        ({"cf_method": "dexperts", "cf_contrast_ids": [[1, 2], [3]]}, "at least 2 token ids, but holds 1"),
        ({"cf_method": "dexperts", "cf_contrast_ids": [[1, 2], []]}, "at least 2 token ids, but is empty"),
        ({"cf_method": "dexperts", "cf_contrast_ids": "[[1, 2], 3]"}, r"a list of token ids, but holds \[1, 2\]"),
        ({"cf_method": "dexperts", "cf_contrast_ids": "[" * 10**6}, "has to be a list of token ids"),
        ({"cf_method": "dexperts", "cf_contrast_ids": [[1, 2]] * 8}, "has to hold at most 7 contrasts, but holds 8"),
        ({"cf_method": "weighted_sum", "cf_weights": "1", "cf_contrast_ids": IDS}, "`cf_weights` has to be a number"),
    ],
)
def test_contrasts_that_do_not_fit_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_contrast(keys)


def test_a_trace_is_asked_for_by_a_flag() -> None:
    for value, expected in ((True, True), (1, True), (0, False), (False, False)):
        params = parse_contrast({**CAD, "cf_trace": value})
        assert params is not None
        assert params.trace is expected
    with pytest.raises(ValueError, match="`cf_trace` has to be true or false, but is 'yes'"):
        parse_contrast({**CAD, "cf_trace": "yes"})
    with pytest.raises(ValueError, match="`cf_trace` has to be left out on an engine with an amateur model"):
        parse_contrast({"cf_method": "contrastive_decoding", "cf_trace": True}, amateur_model=True)
