"""The served methods are those of the logits processors: the same defaults, ranges and rules."""

from __future__ import annotations

from typing import Any

import counterfoil.decoding
import pytest
import torch
from counterfoil.decoding.vllm.contrast_params import pair_request
from counterfoil.decoding.vllm.methods import METHODS, combine, defaults

from tests.support.tiny_models import tiny_model

VALUES = {
    "strength": [-1, 0, 3.5, 80, None],
    "plausibility": [-0.1, 0, 0.5, 1, 1.5, "1", float("nan"), float("inf"), True],
    "rule": ["probability", "log_ratio", "other", 3],
    "formulation": ["li", "obrien", "other"],
    "amateur_temperature": [0, -1, 0.5],
    "k": [0, -1, 0.5],
}
OF_PROCESSORS = [
    (method, name, value)
    for method, entry in METHODS.items()
    for name in entry.checks
    for value in VALUES.get(name, [])
]


def processor(method: str, **parameters: Any) -> Any:
    model = tiny_model("llama")
    kind = getattr(counterfoil.decoding, METHODS[method].processor)
    if method == "contrastive_decoding":
        return kind(model, model, **parameters)
    return kind(model, {"input_ids": torch.tensor([[5, 6, 7]])}, **parameters)


def asked(method: str, **parameters: Any) -> dict[str, Any]:
    contrast = {} if METHODS[method].picture else {"cf_contrast_ids": [1, 2]}
    return {"cf_method": method, **contrast, **{f"cf_{name}": value for name, value in parameters.items()}}


@pytest.mark.parametrize(("method", "name", "value"), OF_PROCESSORS)
def test_a_parameter_is_in_range_here_if_it_is_there(method: str, name: str, value: object) -> None:
    def accepted(make: Any) -> bool:
        try:
            make()
        except ValueError as error:
            assert name in str(error)  # noqa: PT017
            return False
        return True

    keys = asked(method, **{name: value})
    assert accepted(lambda: pair_request(keys)) == accepted(lambda: processor(method, **{name: value}))


@pytest.mark.parametrize("method", METHODS)
def test_a_method_combines_as_its_processor_does(method: str) -> None:
    torch.manual_seed(0)
    main, other = torch.randn(2, 3, 50)
    pair = pair_request(asked(method))
    assert pair is not None

    torch.testing.assert_close(combine(pair, main, other), processor(method).combine(main, other), rtol=0, atol=0)
    assert set(defaults(method)) == set(METHODS[method].checks)
