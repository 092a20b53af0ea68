"""Contrastive decoding against a float64 oracle, and values computed by hand."""

from __future__ import annotations

import pytest
import torch
from counterfoil.decoding.methods import ContrastiveDecoding
from hypothesis import given, settings

from tests.support import oracles
from tests.support.method_laws import INF, Z_C, Z_R, assert_equals_oracle, methods_of, two_views


@settings(max_examples=60, deadline=None)
@given(methods_of(ContrastiveDecoding), two_views())
def test_scores_equal_the_oracle(method: ContrastiveDecoding, views: tuple[torch.Tensor, torch.Tensor]) -> None:
    assert_equals_oracle(method, oracles.contrastive_decoding, *views)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (ContrastiveDecoding().scores(Z_C, Z_R), [2.5, 0.75, -0.1, -INF]),
        (ContrastiveDecoding(formulation="li").scores(Z_C, Z_R), [0.7333, -0.7667, -0.4667, -INF]),
        (
            ContrastiveDecoding(formulation="li", amateur_temperature=0.5).scores(Z_C, Z_R),
            [0.9306, -1.0694, 0.5306, -INF],
        ),
    ],
)
def test_values_computed_by_hand(scores: torch.Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(scores[0], torch.tensor(expected), atol=1e-4, rtol=0)


def test_li_takes_no_account_of_what_is_forbidden() -> None:
    main, contrast = torch.tensor([[1.0, 2.0, -INF, -INF]]), torch.tensor([[1.0, 2.0, 9.0, 9.0]])
    scores = ContrastiveDecoding(formulation="li", plausibility=0.0).scores(main, contrast)
    torch.testing.assert_close(scores, torch.tensor([[0.0, 0.0, -INF, -INF]]))


def test_beams_add_up_what_the_paper_adds_up() -> None:
    assert ContrastiveDecoding().is_distribution
    assert not ContrastiveDecoding(formulation="li").is_distribution


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "`amateur` has to be given for contrastive_decoding"),
        ({"early_exit": 3, "cut_context": 1}, "`early_exit` has to be the only amateur"),
        ({"early_exit": 3, "amateur": "small"}, "`early_exit` has to be the only amateur"),
    ],
)
def test_by_name_the_amateur_has_to_be_said(parameters: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ContrastiveDecoding(**parameters).check_named()
    ContrastiveDecoding(cut_context=1, amateur="small").check_named()
