from __future__ import annotations

import subprocess
import sys

import pytest
from counterfoil.attribution import Answer, Document, Judgement, Scoring, score_citations, score_each
from hypothesis import given
from hypothesis import strategies as st

TEXTS = ["Alpha.", "Beta gamma.", "Alpha beta. Gamma.", "Delta."]


class Shares:
    """Supports by the share of words, contradicts where it says "not"."""

    name = "shares"
    threshold = 0.6

    def judge(self, pairs):
        judgements = []
        for premise, hypothesis in pairs:
            wanted = set(hypothesis.lower().replace(".", "").split())
            held = set(premise.lower().replace(".", "").split())
            share = len(wanted & held) / len(wanted) if wanted else 1.0
            judgements.append(Judgement(share, contradicted=(1 - share) / 2))
        return judgements


SENTENCES = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), min_size=1, max_size=3),
        st.lists(st.integers(0, 5), max_size=4),
    ),
    max_size=4,
)


def answer_of(sentences, rename=None):
    rename = rename or {}
    return " ".join(
        f"{' '.join(words)}{''.join(f'[{rename.get(id_, id_)}]' for id_ in ids)}." for words, ids in sentences
    )


@given(SENTENCES, st.permutations(range(1, 5)))
def test_renumbering_the_documents_changes_nothing(sentences, order):
    documents = [Document(str(n), text) for n, text in enumerate(TEXTS, start=1)]
    shuffled = [documents[n - 1] for n in order]
    rename = {old: order.index(old) + 1 for old in order}
    before = score_citations(answer_of(sentences), documents, entailment=Shares())
    after = score_citations(answer_of(sentences, rename), shuffled, entailment=Shares())
    assert (before.recall, before.precision, before.counts) == (after.recall, after.precision, after.counts)
    assert [[c.document for c in s.citations] for s in before.statements] == [
        [c.document for c in s.citations] for s in after.statements
    ]


@given(st.lists(SENTENCES, max_size=5), st.integers(1, 6), st.sampled_from(["strict", "alce"]))
def test_a_corpus_scores_as_its_answers_alone_whatever_the_window(corpus, window, mode):
    documents = [Document(str(n), text) for n, text in enumerate(TEXTS, start=1)]
    answers = [Answer(answer_of(sentences), documents) for sentences in corpus]
    scoring = Scoring(mode=mode, quotes=True)
    together = list(score_each(answers, entailment=Shares(), scoring=scoring, window=window))
    alone = [score_citations(a.text, documents, entailment=Shares(), mode=mode) for a in answers]
    assert together == alone


@given(SENTENCES, st.sampled_from(["strict", "alce"]))
def test_figures_are_shares_and_offsets_hold(sentences, mode):
    text = answer_of(sentences)
    report = score_citations(text, TEXTS, entailment=Shares(), mode=mode)
    for figure in (report.recall, report.precision, report.f1):
        assert figure is None or 0.0 <= figure <= 1.0
    for statement in report.statements:
        assert 0 <= statement.start < statement.end <= len(text)
        for citation in statement.citations:
            if citation.document is not None:
                assert TEXTS[int(citation.document) - 1][citation.start : citation.end] == citation.quote


def test_the_threshold_can_be_given():
    strict = score_citations("Alpha beta [1].", TEXTS, entailment=Shares(), threshold=0.9)
    lenient = score_citations("Alpha beta [1].", TEXTS, entailment=Shares(), threshold=0.5)
    assert (strict.recall, lenient.recall, lenient.threshold) == (0.0, 1.0, 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "loose"}, "`mode` has to be"),
        ({"threshold": 2.0}, "`threshold` has to be"),
        ({"mode": "alce", "max_citations": 0}, "`max_citations` has to be"),
        ({"list_answer": True}, "`list_answer` has to be"),
    ],
)
def test_arguments_that_cannot_be_meant(options, message):
    with pytest.raises(ValueError, match=message):
        score_citations("Alpha [1].", TEXTS, entailment=Shares(), **options)


def test_an_answer_has_to_be_a_string():
    with pytest.raises(TypeError, match="`answer` has to be a string, but is int"):
        score_citations(3, TEXTS, entailment=Shares())


def test_the_window_has_to_hold_an_answer():
    with pytest.raises(ValueError, match="`window` has to be at least 1"):
        next(score_each([], entailment=Shares(), window=0))


def test_the_package_imports_neither_torch_nor_transformers():
    code = (
        "import sys, counterfoil.attribution, counterfoil.attribution.scoring.corpus\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
