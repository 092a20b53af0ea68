"""Which answers of a corpus a page holds, and what is done for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from counterfoil.attribution import Answer, Citation, CitationReport, Document, StatementVerdict, Status
from counterfoil.attribution.io.answers import Record
from counterfoil.attribution.io.files import Scored
from counterfoil.attribution.report import CorpusPage
from counterfoil.attribution.report.precompute import LONGEST, Precompute
from counterfoil.attribution.report.truncation import Case
from counterfoil.attribution.scoring.corpus import summarise


def test_memory_does_not_grow_with_the_corpus():
    text = "Alpha is so. " * 40_000

    def stream():
        for n in range(30):
            document = Document("d", f"{text}{n}", "")
            cited = (Citation("d", "1", Status.SUPPORTED, 0.9, 13_000, 13_012, text[13_000:13_012]),)
            verdict = StatementVerdict("Alpha is so.", 0, 16, Status.SUPPORTED, 0.9, cited)
            report = CitationReport("strict", "Alpha is so [1].", (verdict,), 1.0, 1.0, True, "words", 0.5)
            yield Scored(Record(Path("x"), n, Answer(report.answer, [document], None, "")), report)

    page = CorpusPage(shown=5)
    for _ in page.through(stream()):
        assert len(page._worst) <= 5
    for _, _, kept in page._worst:
        assert isinstance(kept, Case)
        (document,) = kept.documents
        assert sum(len(piece) for _, piece in document.pieces) <= 30_000
        assert document.length > 500_000


def scored(n: int, f1: float, text: str) -> Scored:
    verdict = StatementVerdict("Alpha is so.", 0, 16, Status.SUPPORTED, 0.9)
    report = CitationReport("strict", "Alpha is so [1].", (verdict,), f1, f1, True, "words", 0.5)
    return Scored(Record(Path("x"), n, Answer(report.answer, [Document("d", text)], None, "")), report)


@pytest.mark.parametrize("order", [1, -1])
def test_words_are_located_only_for_the_answers_that_the_page_holds(words, minilm, tmp_path, order):
    """In whatever order the answers come: nothing is located for one that a worse one takes the place of."""
    located = []

    class Counting(Precompute):
        def __call__(self, report):
            located.append(report)
            return super().__call__(report)

    words.threshold = 0.5
    page = CorpusPage(shown=3, precompute=Counting("alignment", minilm, words))
    texts = ["Alpha is so. Beta is not."] * 19 + ["x" * (LONGEST + 1)]
    stream = [scored(n, n / 20, text) for n, text in enumerate(texts[::-1])][::order]
    corpus = summarise(each.report for each in page.through(stream))
    assert located == []
    page.write(tmp_path / "c.html", corpus, {}, {})
    assert len(located) == 2, "the documents of the third are too long"
    assert (tmp_path / "c.html").read_text().count('"claim":"Alpha is so."') == 2
