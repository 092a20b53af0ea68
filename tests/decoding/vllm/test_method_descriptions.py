"""A client knows of a server's own methods what the server describes of them."""

from __future__ import annotations

import json

import pytest
import torch
from counterfoil.decoding.methods import METHODS, rule_class
from counterfoil.decoding.vllm.contrast_params import served_methods
from counterfoil.decoding.vllm.method_descriptions import declared, describe

RULE = rule_class(
    lambda main, contrasts, params: main,
    "tests_described",
    contrasts=1,
    parameters={"strength": 1.0, "sharp": False, "way": "left"},
)
RULE.summary = "leans one way"


def test_what_is_described_is_what_a_client_declares() -> None:
    sent = json.loads(json.dumps(describe([*served_methods().values(), RULE])))
    assert [each["name"] for each in sent] == [*served_methods(), "tests_described"]
    for description in sent:
        ours = RULE if description["name"] == "tests_described" else METHODS[description["name"]]
        theirs = declared(description)
        assert (theirs.title, theirs.summary, theirs.contrast) == (ours.title, ours.summary, ours.contrast)
        assert theirs.contrasts == max(1, ours.contrasts)
        for parameter in theirs.parameters():
            same = ours.parameter(parameter.name)
            for name in ("default", "kind", "help", "at_least", "above", "at_most", "is_optional"):
                assert getattr(parameter, name) == getattr(same, name), (description["name"], parameter.name, name)
            assert parameter.choices == (same.served_choices or same.choices)
    assert [parameter.name for parameter in declared(sent[-1]).parameters()] == ["strength", "sharp", "way"]
    assert [p["name"] for d in sent for p in d["parameters"] if d["name"] == "weighted_sum"] == [
        "main_weight",
        "plausibility",
    ], "numbers of any count cannot be described"


def test_values_are_checked_and_scores_are_the_servers_own() -> None:
    (description,) = describe([RULE])
    theirs = declared(description)
    with pytest.raises(ValueError, match="`sharp` has to be true or false"):
        theirs(sharp=3)
    with pytest.raises(ValueError, match="has to be used with the server that described it"):
        theirs().scores(torch.zeros(1, 4), torch.zeros(1, 4))
    assert "tests_described" not in METHODS, "a description registers nothing"


@pytest.mark.parametrize("change", [{"parameters": [{"name": "a b"}]}, {"title": None, "name": 3, "contrasts": "many"}])
def test_what_describes_no_method_is_named(change: dict) -> None:
    (description,) = describe([RULE])
    with pytest.raises(ValueError, match="/v1/counterfoil/methods has to describe methods"):
        declared({**description, **change})
