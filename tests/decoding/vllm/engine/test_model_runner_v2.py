"""Pairs and contrastive search in vLLM's Model Runner V2, which is what runs on GPUs, through Triton's interpreter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed")

from tests.support.model_runner_v2 import TRITON, v2_cases

pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not TRITON.is_dir(), reason=f"Triton is not in {TRITON}: make triton"),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return v2_cases(Path(tmp_path_factory.mktemp("v2")) / "cases.json")


def test_the_model_runner_is_the_second_one(found: dict[str, Any]) -> None:
    assert "vllm.v1.worker.gpu.model_runner" in found["runner"]
    assert found["preempted"] > 0
    assert found["counts"]["search_steps"] > 12


@pytest.mark.parametrize(
    "case",
    [
        "search beside others",
        "plain beside others",
        "pairs beside others",
        "search preempted",
        "seeded pairs",
        "group of four",
        "a method that counts tokens",
        "early exits",
    ],
)
def test_tokens_are_the_same_as_in_transformers(found: dict[str, Any], case: str) -> None:
    new, right = found["cases"][case]
    assert new == right
