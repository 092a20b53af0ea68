"""How much of the documents a page holds."""

from __future__ import annotations

from dataclasses import replace

from counterfoil.attribution import Document, Status
from counterfoil.attribution.report import Report
from counterfoil.attribution.report.truncation import CONTEXT, Wanted, fitted, truncated
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reports import citation, record


def test_where_there_is_no_room_what_is_cited_stays():
    quote = "It weighs 2.6 tonnes."
    filler = "x" * 5_000
    long = Document("long", f"{filler}{quote}{filler}")
    small, large = Document("small", "y" * 300), Document("large", "z" * 20_000)
    report = Report("", (record("", (quote, Status.SUPPORTED, [citation(long, 1, quote)])),), (large, small, long))
    shown = truncated(report, 2_000).documents
    assert [(document.id, document.left_out) for document in shown] == [
        ("large", 20_000), ("small", 0), ("long", 10_021 - len(quote) - 2 * CONTEXT),
    ]  # fmt: skip
    ((start, piece),) = shown[2].pieces
    assert long.text[start : start + len(piece)] == piece
    assert piece[CONTEXT:-CONTEXT] == quote
    assert [document.left_out for document in truncated(report, 0).documents] == [20_000, 300, shown[2].left_out]


@st.composite
def wanted_documents(draw):
    found = []
    for n in range(draw(st.integers(0, 4))):
        length = draw(st.integers(0, 3_000))
        places = st.tuples(st.integers(0, length), st.integers(0, length)).map(lambda two: tuple(sorted(two)))
        cited, read = (tuple(draw(st.lists(places, max_size=3))) for _ in range(2))
        found.append(Wanted(Document(str(n), "t" * length), cited, read))
    return found


@given(wanted_documents(), st.integers(0, 9_000))
def test_what_fits_is_in_order_holds_what_is_cited_and_no_more_than_there_is_room_for(wanted, room):
    held = fitted(wanted, room)
    lengths = [sum(end - start for start, end in ranges) for ranges in held]
    for each, ranges in zip(wanted, held, strict=True):
        flat = [place for span in ranges for place in span]
        assert flat == sorted(flat)
        assert all(0 <= place <= len(each.document.text) for place in flat)
        for start, end in each.cited:
            assert start == end or any(first <= start and end <= last for first, last in ranges)
    needed = fitted([replace(each, read=()) for each in wanted], 0)
    assert sum(lengths) <= max(room, sum(end - start for ranges in needed for start, end in ranges))
    if room >= sum(len(each.document.text) for each in wanted):
        assert lengths == [len(each.document.text) for each in wanted]
