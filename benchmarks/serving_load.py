"""Many clients at once, plain and contrasting, some of whom leave in the middle; afterwards nothing may be left behind.

    counterfoil serve smollm2 --max-num-seqs 32 --num-gpu-blocks-override 48 &
    python benchmarks/serving_load.py --seconds 120 --clients 200 --json out/serving_load.json

Ends with 1 unless, once all clients are gone, no request is running or waiting, all blocks of the cache are free, no
half of a pair ever sampled alone, and the server failed at nothing. Few blocks make it preempt.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from openai import APIError, APIStatusError, AsyncOpenAI
from rich.console import Console

TEXT = "the keeper of a lighthouse wrote in his book that no ferry had come for nine days and asked who would"
GONE = 0.25
"""Share of the requests whose client leaves before the answer has ended."""

LAST = 20.0
"""Seconds that are left to requests when the time is over; then all clients leave."""


def some_text(draw: random.Random, most: int) -> str:
    return " ".join(draw.choices(TEXT.split(), k=draw.randint(2, most)))


def a_contrast(draw: random.Random) -> dict[str, Any]:
    """Return one of every kind, now and then a wrong one."""
    method = draw.choice(("cad", "cid", "contrastive_decoding"))
    keys: dict[str, Any] = {"cf_method": method}
    if method != "contrastive_decoding":
        keys["cf_strength"] = draw.choice((0.5, 1, 5))
    kind = draw.random()
    if kind < 0.4:
        keys["cf_documents"] = [some_text(draw, 30) for _ in range(draw.randint(1, 2))]
    elif kind < 0.7:
        keys["cf_contrast_prompt"] = some_text(draw, 40)
    elif kind < 0.95:
        keys["cf_contrast_ids"] = draw.choices(range(1000, 40_000), k=draw.randint(2, 40))
    else:
        keys["cf_contrast_ids"] = draw.choice(([], [10**7, 1], [5] * 10**4))
    return keys


def a_search(draw: random.Random, model: str) -> dict[str, Any]:
    """Return arguments of a chat completion by contrastive search, now and then wrong ones."""
    keys = {"cf_method": "contrastive_search", "cf_top_k": draw.choice((1, 2, 4, 4, 4, 8)), "cf_penalty_alpha": 0.6}
    if draw.random() < 0.05:
        keys["cf_top_k"] = 99
    return {
        "model": model,
        "messages": [{"role": "user", "content": some_text(draw, 40)}],
        "max_tokens": draw.choice((1, 4, 16, 64)),
        "temperature": 0.0,
        "stream": draw.random() < 0.6,
        "stop": [" ferry"] if draw.random() < 0.1 else None,
        "logit_bias": {str(draw.randint(1000, 40_000)): 5} if draw.random() < 0.1 else None,
        "extra_body": {"vllm_xargs": keys},
    }


def a_request(draw: random.Random, model: str, searches: float) -> dict[str, Any]:
    """Return arguments of a chat completion; a share of them searches."""
    if draw.random() < searches:
        return a_search(draw, model)
    sampled, pair = draw.random() < 0.5, draw.random() < 0.5
    return {
        "model": model,
        "messages": [{"role": "user", "content": some_text(draw, 40)}],
        "max_tokens": draw.choice((1, 4, 16, 64)),
        "temperature": 1.0 if sampled else 0.0,
        "n": draw.choice((1, 1, 1, 2)) if sampled else 1,
        "stream": draw.random() < 0.6,
        # Not of plain requests: vLLM 0.32 dies of a seeded one whose prompt is read in chunks, on a CPU.
        "seed": draw.randint(0, 9) if pair and draw.random() < 0.5 else None,
        "stop": [" ferry"] if draw.random() < 0.1 else None,
        "presence_penalty": draw.choice((0.0, 0.5)),
        "extra_body": {"vllm_xargs": a_contrast(draw)} if pair else {},
    }


def kind_of(request: dict[str, Any]) -> str:
    """Return what a request asks for."""
    if not request["extra_body"]:
        return "plain"
    return "search" if request["extra_body"]["vllm_xargs"]["cf_method"] == "contrastive_search" else "pair"


async def client_of(url: str, model: str, number: int, until: float, outcomes: Counter[str], searches: float) -> None:
    """Run one client: a request after the other until the time is over."""
    draw = random.Random(number)
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=600) as client:
        while time.monotonic() < until:
            request = a_request(draw, model, searches)
            kind = kind_of(request)
            left = until + LAST - time.monotonic()
            patience = min(left, draw.uniform(0, 15)) if draw.random() < GONE else left
            try:
                await asyncio.wait_for(_answered(client, request), patience)
                outcomes[f"{kind}, answered"] += 1
            except TimeoutError:
                outcomes[f"{kind}, client gone"] += 1
            except APIStatusError as error:
                status = error.status_code
                outcomes[f"{kind}, refused" if status == 400 else f"{kind}, failed ({status})"] += 1
            except APIError as error:
                outcomes[f"{kind}, failed ({type(error).__name__})"] += 1
                await asyncio.sleep(1)


async def _answered(client: AsyncOpenAI, request: dict[str, Any]) -> None:
    answer = await client.chat.completions.create(**request)
    if request["stream"]:
        async for _ in answer:
            pass


def numbers(url: str) -> dict[str, float]:
    """Return `/metrics`, summed over labels."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    found: Counter[str] = Counter()
    for name, value in re.findall(r"^([a-zA-Z_:]+)(?:\{.*\})? (\S+)$", text, flags=re.MULTILINE):
        found[name] += float(value)
    return found


LEFT = {
    "running": "vllm:num_requests_running",
    "waiting": "vllm:num_requests_waiting",
    "share of blocks in use": "vllm:kv_cache_usage_perc",
    "violations": "counterfoil:violations_total",
}


async def settled(url: str, within: float) -> dict[str, float]:
    """Return what is left once it is all zero, or when the time is over."""
    until = time.monotonic() + within
    while True:
        found = await asyncio.to_thread(numbers, url)
        left = {title: found[name] for title, name in LEFT.items()}
        if not any(left.values()) or time.monotonic() > until:
            return left
        await asyncio.sleep(0.5)


async def measure(url: str, model: str, seconds: float, clients: int, searches: float) -> dict[str, Any]:
    before = numbers(url)
    outcomes: Counter[str] = Counter()
    start = time.monotonic()
    until = start + seconds
    await asyncio.gather(*(client_of(url, model, number, until, outcomes, searches) for number in range(clients)))
    took = time.monotonic() - start
    left = await settled(url, 60)
    after = numbers(url)
    counted = {
        "pairs": "counterfoil:pairs_total",
        "held steps": "counterfoil:held_steps_total",
        "preempted pairs": "counterfoil:preempted_pairs_total",
        "searches": "counterfoil:searches_total",
        "search steps": "counterfoil:search_steps_total",
        "extra forwards": "counterfoil:extra_forwards_total",
        "fallbacks": "counterfoil:fallbacks_total",
        "preemptions": "vllm:num_preemptions_total",
        "tokens": "vllm:generation_tokens_total",
    }
    return {
        "seconds": round(took, 1),
        "clients": clients,
        "outcomes": dict(sorted(outcomes.items())),
        "counted": {title: after[name] - before[name] for title, name in counted.items()},
        "left": left,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://localhost:8000")
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument(
        "--searches", type=float, default=0.0, help="share of contrastive search, for a server started with it"
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = asyncio.run(
        measure(arguments.url, arguments.model, arguments.seconds, arguments.clients, arguments.searches)
    )
    Console().print_json(data=found)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    failed = [outcome for outcome in found["outcomes"] if "failed" in outcome]
    sys.exit(1 if failed or any(found["left"].values()) else 0)


if __name__ == "__main__":
    main()
