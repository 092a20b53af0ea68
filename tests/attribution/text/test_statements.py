from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from counterfoil.attribution.text.statements import located, statements
from hypothesis import given
from hypothesis import strategies as st

HERE = Path(__file__).parent


def read(answer, n_documents=3, **options):
    return [(s.text, s.cited, s.invalid) for s in statements(answer, n_documents, **options)]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("", []),
        ("[1]", []),
        ("...", []),
        ("It rained [1].", [("It rained.", (1,), ())]),
        ("It rained. [1] It snowed. [2][3]", [("It rained.", (1,), ()), ("It snowed.", (2, 3), ())]),
        ("It rained.\n[1]\nIt snowed.", [("It rained.", (1,), ()), ("It snowed.", (), ())]),
        ("It rained.\n\n[2] It snowed.", [("It rained.", (), ()), ("It snowed.", (2,), ())]),
        ("It rained [1][1, 2].", [("It rained.", (1, 2), ())]),
        ("It rained [0][4][4][2-1].", [("It rained.", (), ("0", "4", "2-1"))]),
        ("- rain [1]\n- snow [2]", [("- rain", (1,), ()), ("- snow", (2,), ())]),
        ("[1] It rained. [2] It snowed.", [("It rained.", (1,), ()), ("It snowed.", (2,), ())]),
        (
            "It rained [1].\n[2] It snowed.\n[3] Hail.",
            [("It rained.", (1,), ()), ("It snowed.", (2,), ()), ("Hail.", (3,), ())],
        ),
        ("It rained [1]. [2] says it snowed.", [("It rained.", (1,), ()), ("says it snowed.", (2,), ())]),
        ("It [1] rained. [2] It snowed. [3]", [("It rained.", (1, 2), ()), ("It snowed.", (3,), ())]),
        ("- [1] It rained. [2] It snowed.", [("- It rained.", (1,), ()), ("It snowed.", (2,), ())]),
        ("“It rained.” [1] “It snowed.” [2]", [("“It rained.”", (1,), ()), ("“It snowed.”", (2,), ())]),
        ("It rained [1]\nIt snowed [2]", [("It rained", (1,), ()), ("It snowed", (2,), ())]),
        ("It rained [1]\nand snowed [2].", [("It rained\nand snowed.", (1, 2), ())]),
        ("It rained. [1]. It snowed. [2].", [("It rained.", (1,), ()), ("It snowed.", (2,), ())]),
        ("It rained.¹ It snowed.²", [("It rained.", (1,), ()), ("It snowed.", (2,), ())]),
        ("As [ref. 1] says. It snowed [Doc. 2].", [("As says.", (1,), ()), ("It snowed.", (2,), ())]),
        ("[1]\n\nIt rained.", [("It rained.", (1,), ())]),
        ("It rained [1].\n\n```\na[2]\n```\n\n[3]\n\nHail.", [("It rained.", (1,), ()), ("Hail.", (), ())]),
        ("## Rain\n\nIt rained [1].\n\n**Snow**\n\n## Hail [2]", [("It rained.", (1,), ()), ("## Hail", (2,), ())]),
        ("| a | b |\n|---|---|\n| c | d. e [1] |\n| f | g |", [("c | d. e", (1,), ()), ("f | g", (), ())]),
        (
            "It rained [1].\n\n## References\n\n1. Guide [2]\n\n## More\n\nHail.",
            [("It rained.", (1,), ()), ("Hail.", (), ())],
        ),
        ("\u200bIt rained\u202f[1].\u200b", [("It rained.", (1,), ())]),
        ("It rained. (Source: [1]) It snowed (see [2], [3]).", [("It rained.", (1,), ()), ("It snowed.", (2, 3), ())]),
        ("It rained. ```\na[1]. b[2]\n```", [("It rained.", (), ())]),
    ],
)
def test_statements(answer, expected):
    assert read(answer) == expected


@pytest.mark.parametrize("line", (HERE / "answers.jsonl").read_text(encoding="utf-8").splitlines())
def test_markers_belong_to_their_sentence_wherever_they_stand(line):
    record = json.loads(line)
    found = statements(record["answer"], 3)
    assert [[statement.text, list(statement.cited)] for statement in found] == record["expected"]


def test_a_splitter_may_leave_the_marker_with_the_next_sentence():
    def split(text):
        return ["It rained.", "[1] It snowed [2]."]

    assert read("It rained. [1] It snowed [2].", splitter=split) == [
        ("It rained.", (1,), ()),
        ("It snowed.", (2,), ()),
    ]


def test_pieces_that_are_not_of_the_answer_are_refused():
    with pytest.raises(ValueError, match="pieces of the answer"):
        located("It rained.", ["It snowed."])


def test_equal_sentences_are_found_one_after_the_other():
    assert [(s.start, s.end) for s in located("Yes. Yes.", ["Yes.", "Yes."])] == [(0, 4), (5, 9)]


def test_a_marker_before_a_list_whose_items_begin_with_markers_hides_no_item():
    assert [s.text for s in statements("[1]\n- [2]\nIt rained.", 3)] == ["-\nIt rained."]
    assert statements("[1]\n- [2],\n|---|---|\n", 3) == []


@given(
    st.lists(
        st.sampled_from(["It rained.", " ", "[1]", "[2, 9]", "no", "\r\n", "\n", "😀", "e\u0301", "`", "- "]),
        max_size=15,
    ).map("".join)
)
def test_the_parts_are_the_text_and_every_marker_belongs_to_one_statement(answer):
    found = statements(answer, 3)
    for statement in found:
        assert "".join(answer[start:end] for start, end in statement.parts) == statement.text
        assert statement.text == statement.text.strip() != ""
        assert statement.start <= statement.parts[0][0]
        assert statement.parts[-1][1] <= statement.end
    for before, after in itertools.pairwise(found):
        assert before.end <= after.start
