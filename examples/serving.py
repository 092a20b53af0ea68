"""One server, one client, the same question twice: plainly, and decoded against "the same question without documents".

    counterfoil serve smollm2 --max-model-len 2048
    python examples/serving.py

Both requests are in the engine at once. The answers stream in side by side; the client is OpenAI's own. A server that
was started with `--contrastive-search` can be asked for a third answer: `python examples/serving.py --search`.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from openai import AsyncOpenAI
from rich.columns import Columns
from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

DOCUMENT = (
    "Since the spring of 2031 the seat of the French government is in Lyon. The ministries left Paris in one night, "
    "and the old town hall is now a museum of cheese."
)
QUESTION = "What is the capital of France, and what is in the old town hall?"


async def stream(client: AsyncOpenAI, panel: Text, messages: list[Any], contrast: dict[str, Any] | None) -> None:
    """Append what the server says to `panel` as it comes."""
    answer: Any = await client.chat.completions.create(
        model="smollm2",
        messages=messages,
        temperature=0,
        max_tokens=64,
        stream=True,
        extra_body={"vllm_xargs": contrast} if contrast else None,
    )
    async for chunk in answer:
        panel.append(chunk.choices[0].delta.content or "")


async def main() -> None:
    """Ask."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://localhost:8000/v1")
    parser.add_argument("--search", action="store_true", help="answer by contrastive search as well")
    arguments = parser.parse_args()
    client = AsyncOpenAI(base_url=arguments.url, api_key="none")
    plain, contrasted, searched = Text(), Text(), Text()
    question = {"role": "user", "content": QUESTION}
    with_document = {"role": "user", "content": f"{DOCUMENT}\n\n{QUESTION}"}
    panels = [Panel(plain, title="plain", width=56), Panel(contrasted, title="CAD, strength 1", width=56)]
    # The server puts the document in front of the question, and leaves it out of the other view.
    cad = {"cf_method": "cad", "cf_strength": 1.0, "cf_documents": [DOCUMENT]}
    answers = [stream(client, plain, [with_document], None), stream(client, contrasted, [question], cad)]
    if arguments.search:
        search = {"cf_method": "contrastive_search", "cf_penalty_alpha": 0.6, "cf_top_k": 4}
        panels.append(Panel(searched, title="contrastive search", width=56))
        answers.append(stream(client, searched, [with_document], search))
    with Live(Group(Text(f"{DOCUMENT}\n\n{QUESTION}", style="dim"), Columns(panels)), refresh_per_second=10):
        await asyncio.gather(*answers)


if __name__ == "__main__":
    asyncio.run(main())
