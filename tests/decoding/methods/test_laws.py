"""What holds for every method: it is tested here by being registered."""

from __future__ import annotations

import pytest
import torch
from counterfoil.decoding.methods import METHODS, Method, masked_logits
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.support.method_laws import (
    ROWS,
    RULES,
    assert_contract,
    context_of,
    methods_of,
    rule_parameters,
    views_of,
)

every_rule = pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.name)
every_method = pytest.mark.parametrize("kind", METHODS.values(), ids=lambda kind: kind.name)


@every_rule
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_scores_keep_the_contract(kind: type[Method], data: st.DataObject) -> None:
    assert_contract(data.draw(methods_of(kind)), *data.draw(views_of(kind)))


@every_rule
@settings(max_examples=25, deadline=None)
@given(data=st.data(), order=st.permutations(range(ROWS)))
def test_rows_do_not_see_each_other(kind: type[Method], data: st.DataObject, order: list[int]) -> None:
    method, (main, contrast) = data.draw(methods_of(kind)), data.draw(views_of(kind))
    context = context_of(method)
    together = method.scores(main, contrast, **context)
    assert torch.equal(together[order], method.scores(main[order], contrast[..., order, :], **context))


@every_rule
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_stacked_method_gives_each_row_its_own_parameters(kind: type[Method], data: st.DataObject) -> None:
    first = data.draw(methods_of(kind))
    fixed = {
        p.name: getattr(first, p.name)
        for p in rule_parameters(kind)
        if not p.is_number or getattr(first, p.name) is None
    }
    # An optional number is a number in all rows, or in none.
    alike = methods_of(kind, **fixed).filter(lambda method: method.group == first.group)
    methods = [first, *(data.draw(alike) for _ in range(ROWS - 1))]
    main, contrast = data.draw(views_of(kind))
    stacked = type(first).stacked(methods, main)
    scores = stacked.scores(main, contrast, **context_of(kind))
    assert scores.dtype == torch.float32
    for row, method in enumerate(methods):
        alone = method.scores(main[row : row + 1], contrast[..., row : row + 1, :], **context_of(kind))[0]
        # Of a number and of a column the last bit may be rounded otherwise.
        finite = alone.isfinite() & scores[row].isfinite()
        assert int((alone.isfinite() != scores[row].isfinite()).sum()) <= 1
        torch.testing.assert_close(scores[row][finite], alone[finite], rtol=2e-5, atol=2e-4)


class WithoutDouble(TorchDispatchMode):
    """A device that has no double precision."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if any(torch.is_tensor(leaf) and leaf.dtype == torch.float64 for leaf in tree_leaves(result)):
            raise TypeError("this device has no float64")
        return result


@every_rule
def test_a_device_without_double_precision_is_enough(kind: type[Method], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masked_logits, "_has_double", masked_logits._has_double.__wrapped__)
    main, *others = torch.randn(1 + max(1, kind.contrasts), ROWS, 50, generator=torch.Generator().manual_seed(0))
    contrast = torch.stack(others) if len(others) > 1 else others[0]
    expected = kind().scores(main, contrast, **context_of(kind))
    with WithoutDouble():
        found = kind().scores(main, contrast, **context_of(kind))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", [kind for kind in RULES if hasattr(kind, "strength")], ids=lambda kind: kind.name)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_zero_strength_is_the_main_view(kind: type[Method], data: st.DataObject) -> None:
    names = {parameter.name for parameter in rule_parameters(kind)}
    plain = {name: 0.0 for name in ("strength", "plausibility") if name in names}
    main, contrast = data.draw(views_of(kind))
    scores = kind(**plain).scores(main, contrast, **context_of(kind))
    torch.testing.assert_close(scores.log_softmax(-1), main.log_softmax(-1))


@every_rule
def test_coefficients_are_one_number_a_row(kind: type[Method]) -> None:
    main, *contrasts = torch.randn(3, ROWS, 7, generator=torch.Generator().manual_seed(0))
    views = torch.stack(contrasts) if kind.contrast == "layer" or kind.contrasts > 1 else contrasts[0]
    for values in kind().coefficients(main, views, **context_of(kind)).values():
        assert values.shape == (ROWS,)


@every_method
def test_a_method_says_what_it_is(kind: type[Method]) -> None:
    assert all((kind.title, kind.summary, kind.compares, kind.paper, kind.processor))
    assert kind.__doc__ is not None
    assert all(parameter.help for parameter in kind.parameters())


@every_method
def test_the_defaults_are_in_range_and_in_their_normal_form(kind: type[Method]) -> None:
    method = kind()
    assert method == kind(**method.settings)
    for parameter in kind.parameters():
        assert getattr(method, parameter.name) == parameter.default
        assert getattr(kind, parameter.name) == parameter.default


@every_method
def test_what_is_out_of_range_is_refused_by_name(kind: type[Method]) -> None:
    wrong = [-1, "1", float("nan"), float("inf"), None, 10**400, [], object()]
    for parameter in kind.parameters():
        refused = 0
        for value in wrong:
            try:
                kind(**{parameter.name: value})
            except ValueError as error:
                assert f"`{parameter.name}` has to" in str(error)  # noqa: PT017
                refused += 1
        assert refused >= len(wrong) - 2, parameter.name


def test_only_methods_of_one_group_are_stacked() -> None:
    cid = METHODS["cid"]
    logits = torch.zeros(2, 4)
    with pytest.raises(ValueError, match="have to be of one group"):
        cid.stacked([cid(), cid(rule="log_ratio")], logits)
    with pytest.raises(ValueError, match="have to be of one group"):
        cid.stacked([METHODS["cad"]()], logits)
    with pytest.raises(ValueError, match="have to be of one group"):
        cid.stacked([], logits)
