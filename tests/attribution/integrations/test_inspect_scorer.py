"""The scorer inside a real run of Inspect. Needs the extra `inspect`, which `all` leaves out."""

from __future__ import annotations

import pytest
from counterfoil.attribution import Judgement

inspect_ai = pytest.importorskip("inspect_ai", reason="inspect_ai is not installed: pip install counterfoil[inspect]")

from counterfoil.attribution.integrations.inspect import citation_support  # noqa: E402
from inspect_ai.dataset import Sample  # noqa: E402
from inspect_ai.model import ModelOutput  # noqa: E402
from inspect_ai.solver import solver  # noqa: E402

DOCUMENTS = ["the house is red", {"id": "b", "title": "", "text": "the boat is blue"}]


@solver
def answering(answers):
    """The answers, without a model: the mock model of Inspect counts tokens with a vocabulary from the net."""

    async def solve(state, generate):
        state.output = ModelOutput.from_content("none", answers[int(state.sample_id) - 1])
        return state

    return solve


def run(tmp_path, answers, scorer, metadata):
    samples = [Sample(input=f"question {i}", metadata=metadata) for i in range(len(answers))]
    task = inspect_ai.Task(dataset=samples, solver=answering(answers), scorer=scorer)
    [log] = inspect_ai.eval(task, model="mockllm/model", log_dir=str(tmp_path), display="none")
    return log


def scores(log):
    return [sample.scores["citation_support"] for sample in log.samples]


def test_scores_metrics_and_what_stands_behind_them(tmp_path, words):
    answers = ["The house is red [1].", "The house is red [1]. The boat is red [2].", "The house is red."]
    log = run(tmp_path, answers, citation_support(entailment=words), {"documents": DOCUMENTS})
    assert log.status == "success", log.error
    assert [score.value for score in scores(log)] == [1.0, 0.5, 0.0]
    assert log.results.scores[0].metrics["mean"].value == pytest.approx(0.5)
    second = scores(log)[1]
    assert second.explanation.splitlines()[1] == "not_supported: The boat is red. [2]"
    assert (second.metadata["recall"], second.metadata["entailment"]) == (0.5, "words")
    assert [statement["status"] for statement in second.metadata["statements"]] == ["supported", "not_supported"]


def test_what_could_not_be_checked_is_in_no_metric(tmp_path, table):
    judge = table(
        {("the house is red", "The house is red."): Judgement(1.0)}, default=Judgement(None, failure="no answer")
    )
    answers = ["The house is red [1].", "The boat is red [2]."]
    log = run(tmp_path, answers, citation_support(entailment=judge), {"documents": DOCUMENTS})
    assert log.status == "success", log.error
    assert log.results.scores[0].metrics["mean"].value == 1.0
    assert (log.results.scores[0].scored_samples, log.results.scores[0].unscored_samples) == (1, 1)
    assert "no answer" in scores(log)[1].explanation


def test_samples_without_documents_are_an_error_that_names_the_key(tmp_path, words):
    log = run(tmp_path, ["a [1]."], citation_support(documents="sources", entailment=words), {"documents": DOCUMENTS})
    assert log.status == "error"
    assert "'sources' is none" in log.error.message
