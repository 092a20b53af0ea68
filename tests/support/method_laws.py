"""What every method's rule is tested by: drawn parameters, drawn views, and a float64 oracle."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from counterfoil.decoding.methods import METHODS, Method
from counterfoil.decoding.methods.parameters import Parameter
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.support import oracles

ROWS, VOCABULARY = 3, 11
INF = math.inf
VIEWS = arrays(np.float32, (ROWS, VOCABULARY), elements=st.floats(-30, 30, width=32))
KEPT = arrays(bool, (ROWS, VOCABULARY)).map(lambda keep: keep | (np.arange(VOCABULARY) == 0))
"""Which tokens a view allows: at least one a row."""
Z_C, Z_R = torch.tensor([[2.0, 1.0, 0.0, -1.0]]), torch.tensor([[1.0, 1.5, 0.2, -1.0]])
"""The views of the values that were computed by hand."""

RULES = [method for method in METHODS.values() if method.contrast != "candidates"]
"""The methods whose rule is one of two views of the vocabulary."""
DRAWN = {
    ("cid", "strength"): st.floats(0, 80),
    ("m3id", "gate"): st.sampled_from([0.53, 1.0]),  # two equal tokens are at a half, on the gate but for rounding
    ("m3id", "decay"): st.floats(0, 0.1),
    ("m3id", "offset"): st.integers(0, 300),
    ("weighted_sum", "weights"): st.tuples(st.floats(-3, 3)),
}
"""Where the range of a parameter is too wide to be drawn from."""


def rule_parameters(method: type[Method]) -> list[Parameter]:
    return [parameter for parameter in method.parameters() if not parameter.makes_contrast]


def drawn(method: type[Method], parameter: Parameter) -> st.SearchStrategy[Any]:
    """Values of a parameter."""
    if (method.name, parameter.name) in DRAWN:
        return DRAWN[method.name, parameter.name]
    if parameter.kind is bool:
        return st.booleans()
    if parameter.choices:
        return st.sampled_from(parameter.choices)
    if parameter.kind is int:
        return st.integers(int(parameter.at_least or 0), int(parameter.at_most or 20))
    least = parameter.above + 0.1 if parameter.above is not None else parameter.at_least or 0.0
    values = st.floats(least, least + 5 if parameter.at_most is None else parameter.at_most)
    return st.none() | values if parameter.is_optional else values


@st.composite
def methods_of(draw: st.DrawFn, kind: type[Method], **fixed: Any) -> Method:
    """A method with drawn parameters of its rule."""
    given = {p.name: draw(drawn(kind, p)) for p in rule_parameters(kind) if p.name not in fixed}
    return kind(**given, **fixed)


def context_of(method: Method | type[Method], step: int = 40) -> dict[str, int]:
    return {"step": step} if method.needs_step else {}


@st.composite
def two_views(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor]:
    """Two views, each with some tokens forbidden."""
    views = [np.where(draw(KEPT), draw(VIEWS), -np.inf) for _ in range(2)]
    return torch.tensor(views[0], dtype=torch.float32), torch.tensor(views[1], dtype=torch.float32)


@st.composite
def views_of(draw: st.DrawFn, kind: type[Method]) -> tuple[torch.Tensor, torch.Tensor]:
    """The main view and what a rule reads beside it: one contrast, or as many as it takes."""
    main, contrast = draw(two_views())
    if kind.contrasts <= 1:
        return main, contrast
    return main, torch.stack([contrast, *(draw(two_views())[1] for _ in range(kind.contrasts - 1))])


def assert_contract(method: Method, main: torch.Tensor, contrast: torch.Tensor) -> torch.Tensor:
    """The scores, once the promises that all rules make are checked."""
    before = [view.clone() for view in (main, contrast)]
    scores = method.scores(main, contrast, **context_of(method))
    assert all(torch.equal(a, b) for a, b in zip((main, contrast), before, strict=True)), "changed in place"
    assert scores.dtype == torch.float32
    assert scores.shape == main.shape
    assert not scores.isnan().any()
    assert not (scores == torch.inf).any()
    assert bool((scores > -torch.inf).any(-1).all())
    assert bool((scores[main == -torch.inf] == -torch.inf).all())
    return scores


def assert_equals_oracle(
    method: Method,
    oracle: Callable[..., np.ndarray],
    main: torch.Tensor,
    contrast: torch.Tensor,
    cut: Callable[[np.ndarray, np.ndarray], float] | None = None,
) -> None:
    """The scores are those of a float64 oracle, row by row.

    Args:
        method: The method.
        oracle: Takes one row of each view, and the parameters of the rule by name.
        main: The main view.
        contrast: The contrast.
        cut: The plausibility cut of a row, if it is no parameter.
    """
    scores = method.scores(main, contrast, **context_of(method))
    parameters = {p.name: getattr(method, p.name) for p in rule_parameters(type(method))}
    for row in range(len(main)):
        views = main[row].double().numpy(), contrast[..., row, :].double().numpy()
        expected = oracle(*views, **parameters, **context_of(method))
        actual = scores[row].double().numpy()
        # A token within rounding of the plausibility cut may fall on either side of it.
        share = cut(*views) if cut is not None else parameters.get("plausibility", 0.0)
        lp = oracles.log_softmax(views[0])
        on_the_cut = np.abs(lp - lp.max() - math.log(max(share, 1e-9))) < 1e-5
        np.testing.assert_array_equal(np.isinf(actual)[~on_the_cut], np.isinf(expected)[~on_the_cut])
        both = np.isfinite(actual) & np.isfinite(expected)
        np.testing.assert_allclose(actual[both], expected[both], rtol=2e-5, atol=2e-4)
