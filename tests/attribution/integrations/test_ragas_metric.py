"""The metric as RAGAS uses one. Needs the extra `ragas`, which `all` leaves out: ragas asks for older packages."""

from __future__ import annotations

import math

import pytest
from counterfoil.attribution import Judgement

pytest.importorskip("ragas", reason="ragas is not installed: pip install counterfoil[ragas]")

from counterfoil.attribution.integrations.ragas import CitationSupport
from ragas.metrics.result import MetricResult

ROW = {
    "user_input": "what is red?",
    "response": "The house is red [1]. The boat is red [2].",
    "retrieved_contexts": ["the house is red", "the boat is blue"],
}


def test_a_value_and_a_reason(words):
    result = CitationSupport(entailment=words).score(**ROW)
    assert isinstance(result, MetricResult)
    assert result.value == 0.5
    assert result.reason.splitlines() == ["supported: The house is red. [1]", "not_supported: The boat is red. [2]"]


def test_many_rows_through_the_frameworks_own_batch(words):
    metric = CitationSupport("recall", entailment=words)
    rows = [ROW, {**ROW, "response": "The house is red [1]."}, {**ROW, "response": "The house is red."}]
    for _ in range(2):  # each in an event loop of its own
        assert [result.value for result in metric.batch_score(rows)] == [0.5, 1.0, 0.0]
    assert (metric.name, metric.allowed_values) == ("citation_recall", (0.0, 1.0))


def test_what_could_not_be_checked_is_nan_with_a_reason(table):
    judge = table({}, default=Judgement(None, failure="no answer"))
    result = CitationSupport(entailment=judge).score(**ROW)
    assert math.isnan(result.value)
    assert "no answer" in result.reason
