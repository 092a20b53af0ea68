"""A rule of one's own: three lines that are a method, and everything that it may not do."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import pytest
import torch
from counterfoil.decoding import ContrastLogitsProcessor, Decoder, Decoding, OtherPrompt, batched_views
from counterfoil.decoding.methods import CAD, METHODS, DExperts, Method, parameter, rule
from counterfoil.decoding.methods.loading import RULES, check_rule, load_rule
from counterfoil.decoding.methods.rule import rule_class
from counterfoil.decoding.methods.table import MethodTable
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.method_laws import assert_contract, two_views
from tests.support.tiny_language import tiny_language
from tests.support.tiny_models import padded, random_prompts, tiny_model

PROMPTS, CONTRASTS = random_prompts([7, 4], seed=61), random_prompts([3, 5], seed=62)
INF = float("inf")


def away(main, contrasts, params):
    """CAD's rule as three lines."""
    return main + params["strength"] * (main - contrasts[0])


def towards(main, contrasts, params):
    expert, anti = contrasts
    return main + params["strength"] * (expert - anti)


@pytest.fixture(autouse=True, scope="module")
def registered() -> Iterator[None]:
    """The two rules, while the tests of this module run."""
    rule("tests_away", strength=0.5)(away)
    rule("tests_towards", contrasts=2, strength=1.0, label="x", flag=False)(towards)
    yield
    for name in ("tests_away", "tests_towards"):
        del METHODS._methods[name]


def faulty(function) -> Method:
    return rule_class(function, "faulty", contrasts=1, parameters={})()


FAULTS = {
    "its shape": (lambda main, contrasts, params: main[:, :3], "has to return scores .* of shape \\[2, 4\\], but"),
    "nothing": (lambda main, contrasts, params: None, "has to return scores .*, but returned NoneType"),
    "NaN": (lambda main, contrasts, params: main * float("nan"), "has to give numbers or -inf, but gave NaN"),
    "infinity": (lambda main, contrasts, params: main - contrasts[0] * -INF, "has to give numbers or -inf"),
    "a forbidden token": (lambda main, contrasts, params: main.softmax(-1), "has to keep -inf where the main view"),
    "no token": (lambda main, contrasts, params: main.clamp(max=-INF), "has to leave a token in each row"),
}
MAIN, CONTRAST = torch.tensor([[1.0, 2.0, -INF, 0.5], [0.1, 0.0, -1.0, 3.0]]), torch.ones(2, 4)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_rule_may_not_do_is_an_error_that_says_so(fault: str) -> None:
    function, message = FAULTS[fault]
    with pytest.raises(ValueError, match=f"the rule `faulty` {message}"):
        faulty(function).scores(MAIN, CONTRAST)


@pytest.mark.parametrize("fault", ["NaN", "infinity", "a forbidden token", "no token"])
def test_an_engine_goes_on_and_says_it_once(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    function, message = FAULTS[fault]
    name = f"faulty_{fault.replace(' ', '_')}"
    method = rule_class(function, name, contrasts=1, parameters={})()
    for _ in range(2):
        scores = assert_served(method)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == len(set(said)) >= 1
    assert any(message.partition(",")[0] in line for line in said)
    if fault in ("NaN", "no token"):
        assert torch.equal(scores, MAIN)


def assert_served(method: Method) -> torch.Tensor:
    scores = method.served_scores(MAIN, CONTRAST)
    assert not bool(scores.isnan().any() | (scores == INF).any())
    assert bool((scores[MAIN == -INF] == -INF).all())
    assert bool((scores > -INF).any(-1).all())
    return scores


def test_what_it_changes_in_place_is_its_own() -> None:
    def function(main, contrasts, params):
        contrasts.zero_()
        return main.sub_(1.0)

    before = MAIN.clone(), CONTRAST.clone()
    torch.testing.assert_close(faulty(function).scores(MAIN, CONTRAST), MAIN - 1.0)
    assert torch.equal(MAIN, before[0])
    assert torch.equal(CONTRAST, before[1])


@settings(max_examples=40, deadline=None)
@given(st.floats(-2, 2), two_views())
def test_a_rule_is_a_method(strength: float, views: tuple[torch.Tensor, torch.Tensor]) -> None:
    method = METHODS["tests_away"](strength=strength)
    scores = assert_contract(method, *views)
    if strength >= 0:
        torch.testing.assert_close(scores, CAD(strength=strength).scores(*views), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(scores, method.served_scores(*views))


def test_its_parameters_are_those_of_the_declaration() -> None:
    kind = METHODS["tests_towards"]
    assert [(p.name, p.default) for p in kind.parameters()] == [("strength", 1.0), ("label", "x"), ("flag", False)]
    assert kind(strength=-3).settings["strength"] == -3.0
    with pytest.raises(ValueError, match="`strength` has to be a number"):
        kind(strength="much")
    with pytest.raises(ValueError, match="`strength` has to be in \\[0, 1\\]"):
        rule_class(away, "b", contrasts=1, parameters={"strength": parameter(0.5, help="b", at_most=1)})(strength=2)
    with pytest.raises(ValueError, match="the default of `a` in the rule `b` has to be a number"):
        rule_class(away, "b", contrasts=1, parameters={"a": [1]})
    for wrong in (0, True, 1.5):
        with pytest.raises(ValueError, match="`contrasts` of the rule `b` has to be an integer of at least 1"):
            rule_class(away, "b", contrasts=wrong, parameters={})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="has to be its own"):
        rule("cad")(away)


def test_rows_have_parameters_of_their_own() -> None:
    kind = METHODS["tests_away"]
    stacked = kind.stacked([kind(strength=0.5), kind(strength=2.0)], MAIN)
    for row, strength in enumerate((0.5, 2.0)):
        alone = kind(strength=strength).scores(MAIN[row : row + 1], CONTRAST[row : row + 1])
        torch.testing.assert_close(stacked.served_scores(MAIN, CONTRAST)[row], alone[0])


def test_it_travels_between_processes() -> None:
    method = METHODS["tests_away"](strength=2.0)
    for kept in (pickle.loads(pickle.dumps(method)), copy.copy(method), copy.deepcopy(method)):
        assert kept == method


def generate(processors, **options):
    model = tiny_model("llama")
    given = {"do_sample": False, "max_new_tokens": 8, **options}
    return model.generate(**padded(PROMPTS), logits_processor=processors, **given).tolist()


@pytest.mark.parametrize("custom", [None, batched_views])
def test_in_generate_it_is_the_method_that_it_spells(custom) -> None:
    model = tiny_model("llama")
    view = OtherPrompt(model, padded(CONTRASTS))
    ours = ContrastLogitsProcessor(model, view, METHODS["tests_away"](strength=1.0))
    cad = ContrastLogitsProcessor(model, OtherPrompt(model, padded(CONTRASTS)), CAD(strength=1.0))
    assert generate([ours], custom_generate=custom) == generate([cad], custom_generate=custom)

    views = [OtherPrompt(model, padded(CONTRASTS)), OtherPrompt(model, padded(CONTRASTS[::-1]))]
    two = ContrastLogitsProcessor(model, views, METHODS["tests_towards"](strength=0.7))
    expected = ContrastLogitsProcessor(model, views, DExperts(strength=0.7, plausibility=0.0))
    assert generate([two], custom_generate=custom) == generate([expected], custom_generate=custom)


def test_a_rule_that_fails_in_generate_is_named() -> None:
    model = tiny_model("llama")
    processor = ContrastLogitsProcessor(model, OtherPrompt(model, padded(CONTRASTS)), faulty(FAULTS["NaN"][0]))
    with pytest.raises(ValueError, match="the rule `faulty` has to give numbers"):
        generate([processor])


def test_by_its_name_it_is_known_everywhere() -> None:
    decoding = Decoding("tests_towards", {"strength": 0.7})
    assert decoding.label == "tests_towards (strength 0.7, label x, flag False)"
    lm = tiny_language()
    inputs, others = padded(PROMPTS), [padded(CONTRASTS), padded(CONTRASTS[::-1])]
    options = Decoder(decoding, lm).options(inputs, others)
    expected = Decoder(Decoding("dexperts", {"strength": 0.7, "plausibility": 0.0}), lm).options(inputs, others)
    assert (
        lm.model.generate(**inputs, **options, max_new_tokens=6).tolist()
        == lm.model.generate(**inputs, **expected, max_new_tokens=6).tolist()
    )
    with pytest.raises(ValueError, match="tests_towards has to be given 2 contrasts, but is given 1"):
        Decoder(decoding, lm).options(inputs, others[0])


def test_a_server_finds_rules_by_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    here = __name__
    assert load_rule(f"{here}:away") is METHODS["tests_away"]
    assert load_rule("counterfoil.decoding.methods:CAD") is CAD
    monkeypatch.setenv(RULES, f"{here}:away,{here}:towards")
    table = MethodTable(CAD)
    assert table["tests_away"].name == "tests_away"
    assert {"tests_away", "tests_towards"} <= set(table)
    for place, message in {
        "nowhere": "has to be named as package.module:name",
        "no_such_module:rule": "has to be there to be loaded, but: No module named",
        f"{here}:nothing": "has to be there to be loaded, but: .*nothing",
        f"{here}:faulty": "has to be a function under @counterfoil.decoding.methods.rule",
    }.items():
        with pytest.raises(ValueError, match=message):
            load_rule(place)


@pytest.mark.parametrize("name", ["tests_away", "tests_towards", "cad", "cfg", "dexperts"])
def test_right_rules_pass_the_trial(name: str) -> None:
    check_rule(METHODS[name])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        *((function, "the rule `faulty` has to") for function, _ in FAULTS.values()),
        (lambda main, contrasts, params: main + main.nan_to_num(neginf=0).mean(0), "has to treat each row by itself"),
        (lambda main, contrasts, params: main + float(torch.as_tensor(params["a"]).numel()), "has to take columns"),
    ],
)
def test_a_rule_that_breaks_its_contract_is_found_before_a_server_starts(function, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        check_rule(rule_class(function, "faulty", contrasts=1, parameters={"a": 1.0}))
