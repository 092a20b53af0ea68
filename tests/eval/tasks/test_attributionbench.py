"""AttributionBench: tables by hand, figures against scikit-learn, intervals that agree, and files that are refused."""

from __future__ import annotations

import hashlib
import json
import re

import numpy as np
import pytest
from counterfoil.attribution import Judgement
from counterfoil.eval.dataset import Dataset
from counterfoil.eval.engines.judge import JudgeEngine
from counterfoil.eval.runner import run
from counterfoil.eval.task import with_options
from counterfoil.eval.tasks.attributionbench import IN_DOMAIN, OUT_OF_DOMAIN, TASK, figures
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score

from tests.support.tasks import tiny_models


class Says:
    """Supports what the premise holds, fails on `broken`, and has a label of its own if the claim says so."""

    name, threshold = "says@1", 0.5

    def __init__(self):
        self.asked = []

    def judge(self, pairs):
        self.asked.extend(pairs)
        return [self.one(pair) for pair in pairs]

    @staticmethod
    def one(pair):
        if "broken" in pair.hypothesis:
            return Judgement(None, failure="no answer")
        return Judgement(float(pair.hypothesis in pair.premise), decided=True if "decided" in pair.hypothesis else None)


def claim(subset, text, references, attributable, question=""):
    label = "attributable" if attributable else "not attributable"
    asked = {"question": question} if question else {}
    return {"claim": text, "references": references, "attribution_label": label, "src_dataset": subset, **asked}


def dataset(*records):
    text = "\n".join(record if isinstance(record, str) else json.dumps(record) for record in records)
    return Dataset("bench.jsonl", hashlib.sha256(text.encode()).hexdigest(), text)


def evaluated(claims, model=None, task=TASK):
    return run(task, JudgeEngine(model or Says()), [None], dataset(*claims), models=tiny_models())


def row(found, label):
    return next(row for row in found.rows if row.label == label)


CLAIMS = [
    claim("LFQA", "one", ["zero", "one two"], True),  # right
    claim("LFQA", "three", ["nothing"], True),  # false negative
    claim("LFQA", "four", ["four"], False),  # false positive
    claim("LFQA", "five", ["nothing"], False),  # right
    claim("LFQA", "six", [" ", ""], False),  # right, and never asked
    claim("LFQA", "broken", ["broken"], True),  # in no figure
    claim("LFQA", "decided", ["nothing"], True),  # the decoded label counts: right
]


def test_a_table_computed_by_hand():
    model = Says()
    found = evaluated(CLAIMS, model)
    shown = {name: figure.value for name, figure in row(found, "LFQA").figures.items()}
    # attributable: 2 right, 1 wrong positive, 1 missed; not attributable: 2 right, 1 and 1.
    assert shown == pytest.approx(
        {
            "claims": 7,
            "macro F1": 2 / 3,
            "accuracy": 4 / 6,
            "false positive share": 1 / 6,
            "false negative share": 1 / 6,
            "false positive rate": 1 / 3,
            "false negative rate": 1 / 3,
            "not checked": 1,
        }
    )
    assert (found.n, found.unchecked, len(model.asked)) == (7, 1, 6)
    # The longest pair is asked first.
    assert "zero\n\n\none two" in {pair.premise for pair in model.asked}
    assert [sample["score"]["predicted"] for sample in found.samples] == [True, False, True, False, False, None, True]
    assert found.notes[0].startswith("1 claim(s) without a word of reference")
    # With the silent one as a mistake: attributable 2 right of 2 + 1 and 2 + 2, the other 2 of 2 + 2 and 2 + 1.
    expected = (2 * 2 / (4 + 1 + 2) + 2 * 2 / (4 + 1 + 2)) / 2
    assert found.notes[1].startswith("1 claim(s) got no verdict and are in no figure; counted as mistakes")
    assert found.notes[1].endswith(f"macro F1 over all claims is {expected:.3f}.")


def test_the_model_is_asked_about_empty_references_where_the_benchmark_s_code_does():
    class Believes(Says):
        @staticmethod
        def one(pair):
            return Judgement(1.0)

    model = Believes()
    found = evaluated(CLAIMS[4:5], model, with_options(TASK, {"ask_blank": True}))
    assert [pair.premise.strip() for pair in model.asked] == [""]
    assert found.samples[0]["score"]["predicted"] is True
    assert not any("without a word" in note for note in found.notes)


@pytest.mark.parametrize("name", ["AttrScore-GenSearch", "AttrEval-GenSearch"])
def test_the_subset_of_the_released_file_has_two_names(name):
    """The paper's is AttrEval-GenSearch, that of the released data AttrScore-GenSearch; the mean is out of domain."""
    names = [name, *(one for one in OUT_OF_DOMAIN if "GenSearch" not in one)]
    found = evaluated([claim(one, text, ["yes"], text == "yes") for one in names for text in ("yes", "no")])
    assert row(found, "out of domain").figures["macro F1"].value == 1.0
    assert found.notes == ()
    assert row(found, "AttrScore-GenSearch").figures["claims"].value == 2


def test_means_are_of_subsets_and_only_if_all_are_there():
    claims = [claim(name, text, ["yes"], text == "yes") for name in IN_DOMAIN for text in ("yes", "no")]
    claims += [claim("LFQA", f"miss {i}", ["yes"], True) for i in range(2)]
    found = evaluated(claims)
    labels = [row.label for row in found.rows]
    assert labels == [*IN_DOMAIN, "in domain", "all claims"]
    lfqa = (2 / (2 + 2) + 2 / (2 + 2)) / 2
    mean = row(found, "in domain").figures["macro F1"]
    assert mean.value == pytest.approx((3 + lfqa) / 4)
    assert mean.interval is not None
    assert mean.interval.low <= mean.value <= mean.interval.high
    assert not set(OUT_OF_DOMAIN) & set(labels)


def test_a_subset_without_any_verdict_ends_no_evaluation():
    claims = [claim(name, text, ["yes"], True) for name in IN_DOMAIN for text in ("yes", "broken")]
    silent = [{**one, "claim": "broken"} if one["src_dataset"] == "LFQA" else one for one in claims]
    labels = [row.label for row in evaluated(silent).rows]
    assert "in domain" not in labels
    assert "LFQA" in labels


def test_questions_are_drawn_whole():
    def interval(questions):
        claims = [claim("LFQA", f"c{n}", ["c" if n < 10 else "none"], True, q) for n, q in enumerate(questions)]
        claims = [{**one, "references": [one["claim"] if n < 10 else "none"]} for n, one in enumerate(claims)]
        return row(evaluated(claims), "LFQA").figures["accuracy"].interval

    one_each, two = interval([f"q{n}" for n in range(20)]), interval(["a"] * 10 + ["b"] * 10)
    assert (two.low, two.high) == (0.0, 1.0)
    assert one_each.high - one_each.low < 0.6
    assert interval(["a"] * 20) is None, "one question says nothing about others"


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_figures_are_those_of_scikit_learn(pairs):
    gold, predicted = zip(*pairs, strict=True)
    (tn, fp), (fn, tp) = confusion_matrix(gold, predicted, labels=[False, True])
    found = {name: values[0] for name, values in figures(np.array([[tp], [fp], [fn], [tn]], float)).items()}
    expected = f1_score(gold, predicted, labels=[True, False], average="macro", zero_division=0)
    assert found["macro F1"] == pytest.approx(expected)
    assert found["false positive share"] + found["false negative share"] == pytest.approx(1 - found["accuracy"])


GOOD = {"claim": "c", "references": ["r"], "attribution_label": "attributable", "src_dataset": "BEGIN"}


def test_claims_of_one_question_belong_together():
    with_question = {**GOOD, "question": "q", "id": "BEGIN-1", "attribution_label": "not attributable"}
    found = TASK.read(dataset(with_question, "", {**GOOD, "claim": "a\u2028b"}), tiny_models())
    told = [(item.group, item.facts["id"], item.facts["attributable"]) for item in found]
    assert told == [("q", "BEGIN-1", False), ("a\u2028b", "", True)]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([GOOD, "{"], "line 2 of bench.jsonl has to be a claim of AttributionBench"),
        ([{**GOOD, "attribution_label": "yes"}], "but is 'yes'"),
        ([{**GOOD, "references": "r"}], "`references` has to be a list of strings"),
        ([{**GOOD, "claim": " "}], "`claim` has to be text"),
        (["[1]"], "line 1"),
        ([{"claim": "c"}], "'references' is missing"),
        ([""], "is empty"),
    ],
)
def test_files_of_another_kind_are_refused(records, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        TASK.read(dataset(*records), tiny_models())
