from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from counterfoil.attribution.text.markers import cuts, kept, markers, unread_citations, without_markers
from hypothesis import given
from hypothesis import strategies as st

HERE = Path(__file__).parent


def read(text):
    return [(marker.ids, marker.broken) for marker in markers(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A [1].", [((1,), ())]),
        ("A [1][2].", [((1,), ()), ((2,), ())]),
        ("A [1, 2; 3].", [((1, 2, 3), ())]),
        ("A [ 1 ].", [((1,), ())]),
        ("A [1-3].", [((1, 2, 3), ())]),
        ("A [1–3, 7].", [((1, 2, 3, 7), ())]),
        ("A [0] B [999].", [((0,), ()), ((999,), ())]),
        ("A [1][1].", [((1,), ()), ((1,), ())]),
        ("A [3-1].", [((), ("3-1",))]),
        ("A [1-500, 2].", [((2,), ("1-500",))]),
        ("In [2019] and [1990-2000].", []),
        ("See [1](https://example.org) and ![2](a.png).", [((1,), ())]),
        ("See [the guide](https://example.org/[2]) here.", []),
        ("Use `a[1]` here [2].", [((2,), ())]),
        ("```\nx = a[1]\n```\nDone [2].", [((2,), ())]),
        ("A [1].\n\n[1]: https://example.org", [((1,), ())]),
        ("[a] [1a] [] [-1]", []),
    ],
)
def test_markers(text, expected):
    assert read(text) == expected


NOTATIONS = {
    "full-width brackets": ("A【1】. B［2］. C〔3〕.", [(1,), (2,), (3,)]),
    "OpenAI file search": ("A【1†source】. B [2†L3-L5].", [(1,), (2,)]),
    "separators": ("A [1，2] B [1、2] C [1،2] D [1 and 2] E [1,2,]", [(1, 2)] * 5),
    "blanks": ("A [1,\u00a02] B [\u20091\u200b]", [(1, 2), (1,)]),
    "dashes": ("A [1\u20112] B [1\u22122] C [1~2] D [1～2]", [(1, 2)] * 4),
    "digits": ("A [١] B [１] C [२] D [²]", [(1,), (1,), (2,), (2,)]),
    "escaped": (r"A \[1\]. B \[1, 2\].", [(1,), (1, 2)]),
    "doubled": ("A [[1]]. B [[2, 3]].", [(1,), (2, 3)]),
    "footnotes": ("A [^1]. B[^2][^3].", [(1,), (2,), (3,)]),
    "links": (r"A [1](https://e.org/a_(b)). B [[2]](https://e.org). C[\[3\]](https://e.org)", [(1,), (2,), (3,)]),
    "named": (
        "A [Document 1] B [doc2] C [Source: 3] D [citation:1] E [Doc 1, Doc 2]",
        [(1,), (2,), (3,), (1,), (1, 2)],
    ),
    "superscripts": ("A.¹ B,² C.¹³ D.<sup>2</sup>", [(1,), (2,), (1, 3), (2,)]),
    "ranges of brackets": ("A [1]-[3]. B [1]–[2].", [(1, 2, 3), (1, 2)]),
    "blanks between": ("A [1 2]. B [1], [2], and [3].", [(1, 2), (1,), (2,), (3,)]),
    "Bing": ("A [^1^][^2^].", [(1,), (2,)]),
    "Gemini": ("A [cite: 1, 2].", [(1, 2)]),
    "pages": ("A [1, p. 5]. B [Doc 2, S. 3].", [(1,), (2,)]),
    "with their name": ("A [Source 2: The guide].", [(2,)]),
    "elements": ("A <cite>1</cite>. B<span class=c>[2]</span>. C <sup><a href='#r3'>3</a></sup>.", [(1,), (2,), (3,)]),
    "carets": ("A.^2^ B ^[1]^.", [(2,), (1,)]),
    "LaTeX": (r"A \cite{1,2}.", [(1, 2)]),
    "within brackets": ("A [[1], [2]]. B ([1](https://e.org), [2](https://e.org)).", [(1,), (2,), (1,), (2,)]),
    "superscript tags": ("A<sup>[1]</sup>. B <sup>[2][3]</sup>", [(1,), (2,), (3,)]),
}


@pytest.mark.parametrize("name", NOTATIONS)
def test_every_notation_that_can_mean_nothing_else_is_read_and_leaves_nothing_behind(name):
    text, expected = NOTATIONS[name]
    assert [marker.ids for marker in markers(text, 3)] == expected
    assert unread_citations(text, 3) == []
    assert set(without_markers(text)) <= set("ABCDE ,.")


@pytest.mark.parametrize("line", (HERE / "notations.jsonl").read_text(encoding="utf-8").splitlines())
def test_a_notation_is_read_or_told(line):
    record = json.loads(line)
    assert [list(marker.ids) for marker in markers(record["text"], 3)] == record["ids"]
    assert unread_citations(record["text"], 3) == record["unread"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It lies in [0, 1] or $x \\in [1, 2]$, in \\(a[1]\\), in the interval [1, 2], ∈ [1, 2].", []),
        ("Area 3 m², x², 10³, cm² and E=mc².", []),
        ("A [1].\n\n```python\na[2] = 1\n```\n~~~\nb[2]\n~~~\n\n    c = d[2]\n\nUse ``e`[2]`` now.", [(1,)]),
        ("A [1].\n\nReferences:\n[1] Guide, 2019.\n[2] Report, 1902.", [(1,)]),
        ("A [1].\nSources: [1], [2]", [(1,)]),
        ("A [1].\n\n[^1]: Guide.\n[1]: https://example.org", [(1,)]),
    ],
)
def test_where_no_marker_is_read(text, expected):
    assert [marker.ids for marker in markers(text)] == expected


def test_numbers_of_four_digits_are_years_unless_there_are_so_many_documents():
    assert markers("A [1234].") == []
    assert markers("A [1234].", 1000) == []
    assert [marker.ids for marker in markers("A [1234].", 2000)] == [(1234,)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A【4:0†source】.", ["【4:0†source】"]),
        ("A [Guide, p. 3]. B (source: doc1).", ["[Guide, p. 3]", "(source: doc1)"]),
        ("It is 31 m high (1). It is old (2).", ["(1)", "(2)"]),
        ("The lighthouse¹ is old.", ["¹"]),
        ("It is old ①. It is high②.", ["①", "②"]),
        ("① It is old ② it is high", []),
        ("It is old (Source 1). It is high (See Doc. 2).", ["(Source 1)", "(See Doc. 2)"]),
        ("It is old (Lee et al., 2020; Kim, 2021). It was new (May 1900, in 1901).", ["(Lee et al., 2020; Kim, 2021)"]),
        ("It is old [1]; five (2) dogs, the lighthouse².", []),
        ("The value lies in [0, 1].", ["[0, 1]"]),
        ("It is old.\n\nSources: [1], [2]", ["[1]", "[2]"]),
        ("Built in [1990], [c. 1902], [1990-95]; five (9) dogs; [x] done, [sic].", []),
        ("A {1} <2> vector [10 20] at [12:30] [1.5] <code>[a1]</code>.", ["{1}", "<2>", "[10 20]"]),
        ("Use `a[b1]` or\n```\n[b1]\n```", []),
        ("It is old (S1). It is high {D2}. It is {doc 3}.", ["(S1)", "{D2}", "{doc 3}"]),
        ("It is old ⟨1⟩. It is high 「2」. It is new «3».", ["⟨1⟩", "「2」", "«3»"]),
        ("Fabled ¹. Older ⁽²⁾. Wide†.", ["¹", "⁽²⁾", "†"]),
        ("It is old (see 1). It is high (vgl. 2). 灯塔（来源3）。", ["(see 1)", "(vgl. 2)", "（来源3）"]),
        (
            "It is old [Source: Guide]. It is <doc>1</doc> &lbrack;1&rbrack;.",
            ["[Source: Guide]", "<doc>1</doc>", "&lbrack;1&rbrack;"],
        ),
        ("It has 5 GB «today», a T1 line, x¹ and “3”; see 3 dogs [sic].", []),
    ],
)
def test_what_only_looks_like_a_citation_is_told(text, expected):
    assert unread_citations(text, 3) == expected


def test_hostile_markers_take_linear_time():
    for text in (
        "[" * 9000,
        "[1†a," * 4000,
        "[1 and 1†a" * 2000,
        "[1" + " " * 20000,
        "$" + "=" * 20000,
        "<sup>" * 4000,
    ):
        began = time.process_time()
        markers(text, 3)
        unread_citations(text, 3)
        assert time.process_time() - began < 5, text[:20]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The sky is blue [1].", "The sky is blue."),
        ("It rained. [1]. It snowed. [2].", "It rained. It snowed."),
        ("It is so ([1]). And **[2]**, *[3]* so (see [1]).", "It is so. And, so."),
        ("It is [1] and [2].", "It is."),
        ("[1]: It is so.\n[2] So.", " It is so. So."),
        ("The sky is blue. [1][2]", "The sky is blue."),
        ("Blue [1], [2] and wide [3].", "Blue and wide."),
        ("According to [1], it is.", "According to, it is."),
        ("[1] It is.", " It is."),
        ("It is [1 [2], 3] so.", "It is so."),
        ("None.", "None."),
    ],
)
def test_without_markers(text, expected):
    assert without_markers(text) == expected


@given(
    st.lists(st.sampled_from(["a", " ", "[1]", "[2, 3]", ".", ",", "\n", "😀", "`", "[0]"]), max_size=20).map("".join)
)
def test_offsets_and_cuts(text):
    found = markers(text)
    assert all(text[marker.start : marker.end] == marker.text for marker in found)
    ranges = cuts(text, found)
    parts = kept(0, len(text), ranges)
    pieces = sorted([*ranges, *parts])
    assert "".join(text[start:end] for start, end in pieces) == text
    left = "".join(text[start:end] for start, end in parts)
    assert left.count("a") == text.count("a")
