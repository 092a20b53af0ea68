"""What is read in one forward: each prompt once, no more padding than allowed, and only beginnings that are shared."""

from __future__ import annotations

from counterfoil.decoding.generation.prefill_plan import groupings, is_padded, shared_prefix
from hypothesis import given
from hypothesis import strategies as st

WIDTHS = st.lists(st.integers(1, 40), min_size=1, max_size=6)
ROWS = st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=9), min_size=2, max_size=6)


@given(WIDTHS, st.integers(1, 4), st.integers(0, 60))
def test_every_way_reads_each_prompt_once_and_the_main_one_first(widths: list[int], rows: int, allowance: int) -> None:
    for groups in groupings(widths, rows, allowance):
        assert sorted(prompt for group in groups for prompt in group) == list(range(len(widths)))
        assert groups[0][0] == 0


@given(WIDTHS, st.integers(1, 4), st.integers(0, 60))
def test_the_first_way_pads_within_its_allowance_and_one_forward_is_a_way(
    widths: list[int], rows: int, allowance: int
) -> None:
    ways = groupings(widths, rows, allowance)
    for group in ways[0]:
        longest = max(widths[prompt] for prompt in group)
        assert sum(longest - widths[prompt] for prompt in group) * rows <= allowance
    assert (tuple(range(len(widths))),) in ways
    assert not is_padded(groupings(widths, rows, 0)[0], widths)


def test_prompts_of_one_length_have_one_way() -> None:
    assert groupings([7, 7, 7], 2, 8) == [((0, 1, 2),)]


def test_a_short_prompt_is_read_apart_and_a_like_one_joined() -> None:
    assert groupings([1200, 32], 1, 8) == [((0,), (1,)), ((0, 1),)]
    assert groupings([40, 1200, 38], 1, 8) == [((0, 2), (1,)), ((0,), (1,), (2,)), ((0, 1, 2),)]


@given(ROWS, st.data())
def test_rows_begin_with_what_is_read_in_their_place(rows: list[list[int]], data: st.DataObject) -> None:
    padding = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))
    least = data.draw(st.integers(0, 6))
    prefix = shared_prefix(rows, padding, least)
    savings = {length: saving(rows, padding, length) for length in range(1, min(map(len, rows)))}
    if prefix is None:
        assert max(savings.values(), default=0) < max(least, 1)
        return
    assert prefix.length < min(map(len, rows))
    for row, source in zip(rows, prefix.source, strict=True):
        assert row[: prefix.length] == rows[source][: prefix.length]
        assert prefix.source[source] == source
    assert len(set(prefix.source)) == len({tuple(row[: prefix.length]) for row in rows})
    assert savings[prefix.length] == max(savings.values()) >= least


def saving(rows: list[list[int]], padding: list[int], length: int) -> int:
    """Return by how many tokens fewer are read if so many of each row are read once for all that begin with them."""
    return sum(max(0, length - own) for own in padding) - length * len({tuple(row[:length]) for row in rows})
