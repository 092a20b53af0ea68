from __future__ import annotations

from counterfoil.attribution import Document, SourceSpan
from counterfoil.attribution.metrics.laquer import Overlap
from counterfoil.eval.laquer import Located, figures
from counterfoil.eval.laquer_items import Fact, Item

TEXT = "The mill burnt down in 1832."
GOLD = SourceSpan.of(Document("d", TEXT), 0, 8)


def located(answer: str, number: int, *, entailed: bool | None, gold: bool = True) -> Located:
    item = Item(answer, TEXT, None, (Document("d", TEXT),), (), "test")
    fact = Fact(f"{answer}-{number}", 0, 8, (GOLD,) if gold else (), None, "plain", ("d",))
    agreement = Overlap(precision=1.0, recall=1.0, f1=1.0, iou=1.0) if gold else None
    return Located(item, fact, "The mill", (GOLD,) if entailed else (), entailed, agreement)


def test_intervals_draw_answers_whole() -> None:
    """Ten facts that stand or fall with their answer are one piece of evidence, not ten."""
    alone = [located(str(n), 0, entailed=n % 2 == 0) for n in range(40)]
    together = [located(str(n % 4), n, entailed=n % 2 == 0) for n in range(40)]
    one, four = figures(alone)["AutoAIS"], figures(together)["AutoAIS"]
    assert one.value == four.value == 0.5
    assert one.interval is not None
    assert four.interval is not None
    assert (four.interval.low, four.interval.high) == (0.0, 1.0)
    assert one.interval.high - one.interval.low < 0.4


def test_a_fact_without_a_verdict_is_in_no_share() -> None:
    found = figures([located("a", 0, entailed=True), located("a", 1, entailed=None), located("b", 2, entailed=True)])
    assert found["AutoAIS"].value == 1.0
    assert figures([located("a", 0, entailed=None)])["AutoAIS"].value is None


def test_unsupported_facts_with_a_span_are_counted_apart() -> None:
    found = figures([located("a", 0, entailed=True), *(located("b", n, entailed=n == 1, gold=False) for n in (1, 2))])
    assert found["without support, with span"].value == 0.5
    assert found["F1"].value == 1.0
