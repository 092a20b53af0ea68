"""What a reader sees of Markdown and HTML."""

from __future__ import annotations

import pytest
from counterfoil.attribution.text.plain_text import plain_text
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("The [lighthouse](https://e.org/l) was built.", "The lighthouse was built."),
        ("The **lighthouse** was _built_ in ***1874***.", "The lighthouse was built in 1874."),
        ("The `lighthouse` is __31 metres__ high.", "The lighthouse is 31 metres high."),
        ("The 🗼 lighthouse was built in 1874 🎉.", "The lighthouse was built in 1874."),
        ("👍🏽👩‍🚀 Good 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "Good"),
        ("<p>It was&nbsp;built.</p>", "It was built."),
        ("It was built.<br>It is high.", "It was built. It is high."),
        ("10<sup>6</sup> m<sup>2</sup> of H<sub>2</sub>O", "10⁶ m² of H₂O"),
        ("It was built [](https://e.org).", "It was built."),
        ("It was built****.", "It was built."),
        ("- [x] It was built", "It was built"),
        ("- [ ] It was built", "☐ It was built"),
        ("1. It was built", "It was built"),
        ("2. FC Bern won the cup.", "FC Bern won the cup."),
        ("1. Scientists built it.", "Scientists built it."),
        ("b) It was built", "It was built"),
        ("(iv) It was built", "It was built"),
        ("### It was built", "It was built"),
        ("→ It was built", "It was built"),
        ("二、灯塔高31米。", "灯塔高31米。"),
        ("built | The lighthouse was built", "built, The lighthouse was built"),
        ("![A tower](tower.png) It was built.", "It was built."),
        ("It was\r\n  built \\[here\\].", "It was built [here]."),
        ("It is ~~30~~ 31 m.", "It is 31 m."),
        ("<del>30</del> 31 m", "31 m"),
        ("~~It rained.~~", "It rained."),
        ("if a<b then c>d", "if a<b then c>d"),
        ('<a href="x" class=y>It</a> <b>rained</b><br/>.', "It rained."),
        ("1️⃣ It rained", "It rained"),
        ("### Rain ###", "Rain"),
        ("> It rained\n> and snowed.", "It rained and snowed."),
        ("[cite_start]It rained. :contentReference[oaicite:0]{index=0}", "It rained."),
    ],
)
def test_it_is_what_a_reader_sees(source, seen):
    assert plain_text(source) == seen


@pytest.mark.parametrize(
    "text",
    [
        "2*3*4 is 24.", "snake_case_names stay", "P(a|b) is 0.3", "C# and F# are languages.", "5. Mai 1990 war es.",
        "1874. It was the end.", "He is [sic] wrong.", "A. Smith wrote it.", "It is < 5 and > 3.", "AT&T sold it ©.",
        "1. FC Köln won the cup.", "2. Bundesliga is a league.", "1. Weltkrieg und Revolution", "1. FSV Mainz 05 lost.",
        "שלום עולם", "Cafe\u0301 am See", "می\u200cروم",
    ],
)  # fmt: skip
def test_plain_text_stays_as_it_is(text):
    assert plain_text(text) == text


@given(st.text(alphabet="ab1 .*_[](){}`<>|#-\\&;~\n🎉é", max_size=40))
def test_what_is_plain_is_in_one_line_and_its_words_were_there(source):
    seen = plain_text(source)
    assert "\n" not in seen
    assert seen == seen.strip()
    assert not [word for word in seen.split() if word.isalnum() and word not in source.replace("\\", "")] or any(
        mark in source for mark in "*_`[]<>&~|()#🎉"
    )
