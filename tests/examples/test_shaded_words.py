"""The client of the trace: words and their shades."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

PLACE = Path(__file__).parents[2] / "examples" / "shaded_words.py"
SPEC = importlib.util.spec_from_file_location("shaded_words", PLACE)
assert SPEC is not None
assert SPEC.loader is not None
example = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(example)


def test_a_word_has_the_shade_of_its_most_raised_token() -> None:
    text = example.shaded([("The", 0.1), (" cap", 0.2), ("ital", 3.1), (" Lyon", 9.0), (".", -2.0)])
    assert text.plain == "The capital Lyon."
    styles = [(text.plain[span.start : span.end], span.style) for span in text.spans]
    assert styles == [(" capital", example.SHADES[3]), (" Lyon.", example.SHADES[5])]


def test_tokens_come_with_their_difference() -> None:
    def chunk(*pairs):
        content = [SimpleNamespace(token=token) for token, _, _ in pairs]
        trace = [{"main": main, "contrasts": [other]} for _, main, other in pairs]
        logprobs = SimpleNamespace(content=content, cf_trace=trace) if pairs else None
        return SimpleNamespace(choices=[SimpleNamespace(logprobs=logprobs)])

    found = example.traced_tokens([chunk(), chunk(("A", -1.0, -3.0)), chunk(("B", -1.0, -0.5), ("C", 0.0, -4.0))])
    assert found == [("A", 2.0), ("B", -0.5), ("C", 4.0)]
