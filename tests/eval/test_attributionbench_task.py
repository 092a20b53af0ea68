"""AttributionBench: hand-computed tables, intervals that agree with their figures, and files that are refused."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from counterfoil.attribution import Judgement
from counterfoil.attribution.metrics.attributionbench import IN_DOMAIN, OUT_OF_DOMAIN, Verdict, subset_score
from counterfoil.eval.attributionbench import FIGURES, evaluate
from counterfoil.eval.attributionbench_claims import Claim, read_claims
from counterfoil.eval.confusions import RESAMPLES, figures, resampled
from counterfoil.eval.dataset import Source
from hypothesis import given
from hypothesis import strategies as st


class Says:
    """Supports what the premise holds, fails on `broken`, and has a label of its own where the claim says so."""

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
    return Claim(subset, text, tuple(references), attributable, question or text, "")


def row(found, label):
    return next(row for row in found.rows if row.label == label)


def test_a_table_computed_by_hand():
    claims = [
        claim("LFQA", "one", ["zero", "one two"], True),  # right
        claim("LFQA", "three", ["nothing"], True),  # false negative
        claim("LFQA", "four", ["four"], False),  # false positive
        claim("LFQA", "five", ["nothing"], False),  # right
        claim("LFQA", "six", [" ", ""], False),  # right, and never asked
        claim("LFQA", "broken", ["broken"], True),  # in no figure
        claim("LFQA", "decided", ["nothing"], True),  # the decoded label counts: right
    ]
    model = Says()
    found = evaluate(model, claims)
    figures = {name: figure.value for name, figure in row(found, "LFQA").figures.items()}
    # attributable: 2 right, 1 wrong positive, 1 missed; not attributable: 2 right, 1 and 1.
    assert figures == pytest.approx(
        {
            "macro_f1": 2 / 3,
            "accuracy": 4 / 6,
            "false_positive_share": 1 / 6,
            "false_negative_share": 1 / 6,
            "false_positive_rate": 1 / 3,
            "false_negative_rate": 1 / 3,
            "macro_f1_with_unparsed": (2 * 2 / (4 + 1 + 2) + 2 * 2 / (4 + 1 + 2)) / 2,
        }
    )
    assert (row(found, "LFQA").n, found.n_unparsed, len(model.asked)) == (7, 1, 6)
    assert model.asked[0].premise == "zero\n\n\none two"
    assert [sample["predicted"] for sample in found.samples] == [True, False, True, False, False, None, True]
    assert found.notes[0].startswith("1 claim(s) without a word of reference")
    assert "1 claim(s) got no verdict" in found.notes[1]


def test_means_are_of_subsets_and_only_where_all_are_there():
    claims = [claim(name, text, ["yes"], text == "yes") for name in IN_DOMAIN for text in ("yes", "no")]
    claims += [claim("LFQA", f"miss {i}", ["yes"], True) for i in range(2)]
    found = evaluate(Says(), claims)
    labels = [row.label for row in found.rows]
    assert labels == [*IN_DOMAIN, "in domain", "all claims"]
    lfqa = (2 / (2 + 2) + 2 / (2 + 2)) / 2
    mean = row(found, "in domain").figures["macro_f1"]
    assert mean.value == pytest.approx((3 + lfqa) / 4)
    assert mean.interval is not None
    assert mean.interval.low <= mean.value <= mean.interval.high
    assert not set(OUT_OF_DOMAIN) & set(labels)


def test_questions_are_drawn_whole():
    verdicts = [Verdict("LFQA", True, right) for right in [True] * 10 + [False] * 10]
    one_each = resampled([str(i) for i in range(20)], verdicts, 0)
    two_questions = resampled(["a"] * 10 + ["b"] * 10, verdicts, 0)
    assert set(two_questions[0].tolist()) == {0, 10, 20}
    assert two_questions[0].std() > 2 * one_each[0].std()
    assert one_each.shape == (4, RESAMPLES)
    assert one_each.sum(axis=0).tolist() == [20] * RESAMPLES


@given(st.lists(st.builds(Verdict, st.just("LFQA"), st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_figures_of_a_draw_are_those_of_the_metric(verdicts):
    whole = resampled(["all of them"] * len(verdicts), verdicts, 0)[:, :1]
    expected = subset_score(verdicts)
    assert {name: values[0] for name, values in figures(whole).items()} == pytest.approx(
        {name: getattr(expected, name) for name in FIGURES}
    )


def source(*records):
    text = "\n".join(record if isinstance(record, str) else json.dumps(record) for record in records)
    return Source("bench.jsonl", hashlib.sha256(text.encode()).hexdigest(), text)


GOOD = {"claim": "c", "references": ["r"], "attribution_label": "attributable", "src_dataset": "BEGIN"}


def test_claims_of_one_question_belong_together():
    with_question = {**GOOD, "question": "q", "id": "BEGIN-1", "attribution_label": "not attributable"}
    found = read_claims(source(with_question, "", {**GOOD, "claim": "a\u2028b"}))
    assert [(c.group, c.id, c.attributable) for c in found] == [("q", "BEGIN-1", False), ("a\u2028b", "", True)]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([GOOD, "{"], "line 2 of bench.jsonl has to be a claim of AttributionBench"),
        ([{**GOOD, "attribution_label": "yes"}], "but is 'yes'"),
        ([{**GOOD, "references": "r"}], "`references` has to be a list of strings"),
        ([{**GOOD, "claim": " "}], "`claim` has to be text"),
        (["[1]"], "line 1"),
        ([{"claim": "c"}], "KeyError"),
        ([""], "has to hold claims, but is empty"),
    ],
)
def test_files_of_another_kind_are_refused(records, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read_claims(source(*records))
