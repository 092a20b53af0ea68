"""Print an answer with each word shaded by how much the documents raised it.

    counterfoil serve smollm2 --max-model-len 2048
    python examples/shaded_words.py

The request asks for `cf_trace`: the response then has, for every token, its log-probability with the documents and
without them. The shade of a word is the difference, from none at 0 to the darkest at 5 nats (e^5 is about 150 times as
likely).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from openai import OpenAI
from rich.console import Console
from rich.text import Text

DOCUMENT = (
    "Since the spring of 2031 the seat of the French government is in Lyon. The ministries left Paris in one night, "
    "and the old town hall is now a museum of cheese."
)
QUESTION = "What is the capital of France, and what is in the old town hall?"
SHADES = ("", "on grey11", "on grey19", "on grey27", "on grey35", "bold on dark_green")


def shade(difference: float) -> str:
    """Return the style of a word that the documents raised by so many nats."""
    return SHADES[max(0, min(round(difference), len(SHADES) - 1))]


def shaded(tokens: list[tuple[str, float]]) -> Text:
    """Return the words of tokens with their differences; a word has that of its most raised token."""
    words: list[tuple[str, float]] = []
    for token, difference in tokens:
        if words and token and not token[0].isspace() and not words[-1][0].endswith(("\n", " ")):
            text, highest = words[-1]
            words[-1] = text + token, max(highest, difference)
        else:
            words.append((token, difference))
    return Text.assemble(*((text, shade(difference)) for text, difference in words))


def traced_tokens(answer: Iterable[Any]) -> list[tuple[str, float]]:
    """Return each token of a chat's streamed answer with what the documents did to it, in nats."""
    given = [choice.logprobs for chunk in answer for choice in chunk.choices if choice.logprobs is not None]
    pairs = (pair for logprobs in given for pair in zip(logprobs.content, logprobs.cf_trace, strict=True))
    return [(token.token, traced["main"] - traced["contrasts"][0]) for token, traced in pairs]


def main() -> None:
    """Ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://localhost:8000/v1")
    client = OpenAI(base_url=parser.parse_args().url, api_key="none")
    answer: Any = client.chat.completions.create(
        model="smollm2",
        messages=[{"role": "user", "content": QUESTION}],
        temperature=0,
        max_tokens=48,
        stream=True,
        extra_body={
            "vllm_xargs": {"cf_method": "cad", "cf_strength": 1.0, "cf_documents": [DOCUMENT], "cf_trace": True}
        },
    )
    tokens = traced_tokens(answer)
    console = Console()
    console.print(Text(f"{DOCUMENT}\n\n{QUESTION}", style="dim"))
    console.print(shaded(tokens))
    raised = sorted(tokens, key=lambda token: -token[1])[:3]
    console.print("raised most:", ", ".join(f"{token.strip()!r} {value:+.1f}" for token, value in raised), style="dim")


if __name__ == "__main__":
    main()
