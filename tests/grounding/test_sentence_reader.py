"""Sentences of an answer that is being written: the same ones however it arrives, and those of the whole answer."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from counterfoil.attribution.text.statements import statements
from counterfoil.grounding.sentence_reader import Segment, SentenceReader
from hypothesis import given, settings
from hypothesis import strategies as st

PIECES = [
    "The tower was built in 1874. ", "Dr. Smith saw it at 5 p.m. on Monday. ", "It is 31 m. The pier is 2.4 km long! ",
    "Yes [1]. ", "And no. [2] ", "# A title\n\n", "Two lines\r\nof one. ", "- an item\n", "1. First.\n", "2. Second\n",
    "| a | b |\n|---|---|\n| one | 2 |\n", "```py\nx = 1. y = 2\n", "```\n", "今日は晴れ。", "「はい。」", "😀 Good. ",
    "שלום עולם. ", "كيف حالك؟ ", "\n\n", "\r\n\r\n", "References\n\n[1] A book, 1999.\n", "**Bold**\n",
    "---\n", "`a [1] b. c`. ", "word ", "<p>", "</p>", ".", "\u200b", "[", "](https://x.org). ",
]  # fmt: skip
answers = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12).map("".join)


def read(pieces: Iterable[str]) -> list[Segment]:
    reader = SentenceReader()
    found = [segment for piece in pieces for segment in reader.feed(piece)]
    return found + reader.finish()


@settings(deadline=None, max_examples=200)
@given(answers, st.data())
def test_they_do_not_depend_on_how_the_answer_arrives(answer: str, data: st.DataObject) -> None:
    whole = read([answer])
    assert "".join(answer[part.start : part.end] for part in whole) == answer
    assert all(left.end == right.start for left, right in itertools.pairwise(whole))
    for part in whole:
        if part.sentence is not None:
            assert (part.start, part.end) == (part.sentence.start, part.sentence.end)
            assert part.sentence.text == "".join(answer[start:end] for start, end in part.sentence.parts)
    cuts = data.draw(st.lists(st.integers(0, len(answer))).map(sorted))
    assert read(answer[a:b] for a, b in zip([0, *cuts], [*cuts, len(answer)], strict=True)) == whole
    assert read(answer) == whole


@pytest.mark.parametrize(
    "answer",
    [
        "".join(PIECES[:3]) + "The end",
        "「どこ？」って聞いたら、答えた。すごい！と思った。終わり。",
        "“你来吗？”他问。她来了。",
        "Он умер. «Ты идёшь?» — спросил он. Она пришла.",
        "It rained [1]. The sun shone. [2] A wind came up [1][2].\n\nLater it stopped.",
        "# Title\n\nOne. Two.\n\n| a | b |\n|---|---|\n| one | 2 |\n| three | 4 |\n\nAfter.\n\n```\nx. y\n```\nLast.",
        "- one. With two\n- three\n\n1. First.\n2. Second\n\nReferences\n\n[1] A book, 1999.\n",
        "Hello 😀 world. שלום עולם. זה טוב! مرحبا بالعالم. كيف حالك؟\r\n\r\nNext\r\nline. More\r\n",
        "今日は晴れ。明日は雨。「はい。」",
        "A title\n---\nThe text. More of it.\n",
        "",
    ],
)
def test_they_are_those_of_the_whole_answer(answer: str) -> None:
    assert [part.sentence for part in read(answer) if part.sentence] == statements(answer, 0)


def test_a_sentence_ends_with_the_word_behind_it() -> None:
    reader = SentenceReader()
    assert reader.feed("It took 2.") == []
    assert reader.feed("4 hours. The") == []
    assert [part.sentence and part.sentence.text for part in reader.feed(" rain")] == ["It took 2.4 hours.", None]
    assert [(part.start, part.end) for part in reader.finish()] == [(19, 27)]
