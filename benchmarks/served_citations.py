"""What citations cost those who ask for none, and what decoding again brings.

    counterfoil serve smollm2 --cite --port 8000 & counterfoil serve smollm2 --port 8001 &
    python benchmarks/served_citations.py load --url http://localhost:8000 --baseline http://localhost:8001
    python benchmarks/served_citations.py verify --url http://localhost:8000

`load`: many clients at once, half of which ask for citations and half of which do not; in turns against a server
without the feature, to which the first half sends the same prompts. The figure is the ratio of the median times
between two tokens of the clients that do not cite. Ends with 1 if an answer was lost.

`verify`: questions about invented islands, answered with `cf_cite` true and `"verify"`: how many sentences nothing
supports, and what it took in tokens and seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import re
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from counterfoil.grounding.messages import INSTRUCTION
from openai import AsyncOpenAI

FIRST, LAST = (
    ("Isla", "Tom", "Edda", "Joss", "Mira", "Piet"),
    ("Pentreath", "Hale", "Morvah", "Quill", "Sorrel", "Teague"),
)
ISLANDS = ("Skerrow", "Innis Vale", "Marrowfleet", "Tolver", "Gannet Rock", "Lowen", "Carrick Sound", "Penhallow")
TURNS = 2


def invented(draw: random.Random) -> tuple[list[str], list[str]]:
    """Return documents about an island that is not there, and questions that they answer."""
    island = draw.choice(ISLANDS)
    builder, keeper = (f"{draw.choice(FIRST)} {draw.choice(LAST)}" for _ in range(2))
    year, height, boats = draw.randint(1701, 1950), draw.randint(11, 60), draw.randint(2, 9)
    documents = [
        f"The lighthouse of {island} was built in {year} by {builder}. It is {height} m high. Its keeper is {keeper}.",
        f"The ferry to {island} leaves {boats} times a day. A ticket costs {draw.randint(3, 20)} crowns.",
        f"The museum of {island} shows nets and lamps. Admission is free.",
    ]
    questions = [
        f"When was the lighthouse of {island} built, and by whom?",
        f"How high is the lighthouse of {island}, and who keeps it?",
        f"How often does the ferry to {island} leave, and what does a ticket cost?",
    ]
    return documents, questions


def asked(documents: list[str], question: str, cite: bool | str | None, **keys: Any) -> dict[str, Any]:
    """Return arguments of a chat completion: with citations, or with the same prompt and none."""
    options = {"model": "smollm2", "temperature": 0, "max_tokens": 60}
    if cite is None:
        text = "\n\n".join([*documents, f"Question: {question}"])
        return {**options, "messages": [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": text}]}
    xargs = {"cf_cite": cite, "cf_documents": documents, **keys}
    return {**options, "messages": [{"role": "user", "content": question}], "extra_body": {"vllm_xargs": xargs}}


async def streamed(client: AsyncOpenAI, request: dict[str, Any], seen: Counter[str]) -> list[float]:
    """Return the seconds between the pieces of an answer."""
    times: list[float] = []
    finished = False
    async for chunk in await client.chat.completions.create(**request, stream=True):
        for choice in chunk.choices:
            if choice.delta.content:
                times.append(time.perf_counter())
            for statement in getattr(choice.delta, "cf_statements", None) or ():
                seen[statement["status"]] += 1
            finished = finished or choice.finish_reason is not None
    seen["answered" if finished else "lost"] += 1
    return [after - before for before, after in itertools.pairwise(times)]


async def phase(url: str, clients: int, seconds: float, cite: bool) -> tuple[list[float], Counter[str]]:
    """Run all clients; return the times between tokens of those that do not cite, and what was seen."""
    until, seen, gaps = time.monotonic() + seconds, Counter(), []

    async def one(number: int) -> None:
        draw = random.Random(number)
        async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=600) as client:
            while time.monotonic() < until:
                documents, questions = invented(draw)
                citing = number % 2 == 0
                request = asked(documents, draw.choice(questions), True if citing and cite else None)
                try:
                    found = await streamed(client, request, seen)
                except Exception as error:  # counted, whatever it is
                    seen[f"failed: {type(error).__name__}"] += 1
                    seen["lost"] += 1
                    continue
                if not citing:
                    gaps.extend(found)

    await asyncio.gather(*(one(number) for number in range(clients)))
    return gaps, seen


async def load(url: str, baseline: str, clients: int, seconds: float) -> dict[str, Any]:
    """Return the figures of both servers, whose turns alternate."""
    gaps: dict[str, list[float]] = {"with": [], "without": []}
    seen: dict[str, Counter[str]] = {"with": Counter(), "without": Counter()}
    turns: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(TURNS):
        for name, address in (("without", baseline), ("with", url)):
            more, counted = await phase(address, clients, seconds / TURNS, name == "with")
            gaps[name] += more
            turns[name].append(statistics.median(more))
            seen[name] += counted
    medians = {name: statistics.median(times) for name, times in gaps.items()}
    return {
        "clients": clients,
        "seconds": seconds,
        "median_seconds_between_tokens": medians,
        "median_of_each_turn": turns,
        "ratio": medians["with"] / medians["without"],
        "seen": {name: dict(counted) for name, counted in seen.items()},
        "lost": sum(counted["lost"] for counted in seen.values()),
    }


async def verify(url: str, n_questions: int, drop: bool, at_once: int) -> dict[str, Any]:
    """Return the figures of both ways, one way after the other, so many questions at once."""
    draw = random.Random(0)
    cases = [(documents, question) for _ in range(n_questions) for documents, questions in [invented(draw)]
             for question in [draw.choice(questions)]]  # fmt: skip
    figures: dict[str, Any] = {"questions": n_questions}
    ways: dict[str, tuple[bool | str, dict[str, Any]]] = {
        "cite": (True, {}),
        "verify": ("verify", {"cf_unsupported": "drop" if drop else "mark"}),
    }
    room = asyncio.Semaphore(at_once)
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=600) as client:

        async def answered(request: dict[str, Any]) -> Any:
            async with room:
                return await client.chat.completions.create(**request)

        for name, (cite, keys) in ways.items():
            seen: Counter[str] = Counter()
            before, decoded = time.perf_counter(), await decoded_tokens(url)
            requests = [asked(documents, question, cite, **keys) for documents, question in cases]
            for answer in await asyncio.gather(*map(answered, requests)):
                message: Any = answer.choices[0].message
                seen.update(statement["status"] for statement in message.cf_statements)
                seen["decoded again"] += sum(bool(each.get("redecoded")) for each in message.cf_statements)
                seen["dropped"] += len(getattr(message, "cf_dropped", ()))
                seen["tokens of answers"] += answer.usage.completion_tokens if answer.usage else 0
            seen["tokens decoded"] = await decoded_tokens(url) - decoded
            figures[name] = {**seen, "seconds": round(time.perf_counter() - before, 1)}
            print(name, figures[name], file=sys.stderr, flush=True)
    return figures


async def decoded_tokens(url: str) -> int:
    """Return how many tokens a server has decoded."""
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{url}/metrics")).text
    return sum(int(float(found)) for found in re.findall(r"(?m)^vllm:generation_tokens_total\S* (\S+)$", text))


def main() -> int:
    """Run one of the two and write its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("load", "verify"))
    parser.add_argument("--url", default="http://localhost:8000", help="a server with --cite")
    parser.add_argument("--baseline", default="http://localhost:8001", help="one without")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=120, help="against each server")
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--at-once", type=int, default=1, help="questions of verify that are asked at a time")
    parser.add_argument("--drop", action="store_true", help='with cf_unsupported "drop"')
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.what == "load":
        figures = asyncio.run(load(options.url, options.baseline, options.clients, options.seconds))
    else:
        figures = asyncio.run(verify(options.url, options.questions, options.drop, options.at_once))
    text = json.dumps(figures, indent=2)
    print(text)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(text + "\n")
    return 1 if figures.get("lost") else 0


if __name__ == "__main__":
    sys.exit(main())
