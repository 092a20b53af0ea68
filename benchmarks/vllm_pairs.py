"""What pairs cost in vLLM: N of them against 2N plain requests of the same prompts; and plain requests with the plug-in
on and no pair, against vLLM as it is.

    python benchmarks/vllm_pairs.py --json out/vllm_pairs.json

One engine in this process, contenders taking turns; prompts are read anew each time. For the second table the plug-in
is taken out of the engine and put back in between turns: its scheduler's class, its logits processor, its sampler.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from counterfoil.models import language_model_path
from engine_bench import CLOCKS, Engine, pairs_against_plain, plain_latency
from measuring import command, machine
from random_llamas import texts
from rich.console import Console
from rich.table import Table

VOCABULARY = 40_000


def main() -> None:
    """Measure, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--requests", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--prompt-tokens", type=int, default=64)
    parser.add_argument("--new-tokens", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency-rounds", type=int, default=9)
    parser.add_argument(
        "--clock", choices=CLOCKS, default="wall", help="cpu: seconds of the processor, for a machine that is not idle"
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    options = {"dtype": "float32", "enforce_eager": True, "max_model_len": 1024, "max_num_seqs": 128}
    options |= {"skip_tokenizer_init": False}
    engine = Engine(language_model_path(), CLOCKS[arguments.clock], **options)
    console, new = Console(), arguments.new_tokens
    table = Table("pairs", "N pairs, s", "2N plain, s", "N plain, s", "pairs / 2N plain")
    pairs = []
    for size in arguments.pairs:
        prompts = tuple(texts(size, [arguments.prompt_tokens], VOCABULARY, seed) for seed in (1, 2))
        pairs.append(pairs_against_plain(engine, (prompts[0], prompts[1]), new, arguments.rounds))
        best = pairs[-1]["best"]
        cells = [f"{best['pairs']:.2f}", f"{best['plain']:.2f}", f"{best['mains']:.2f}", f"{pairs[-1]['ratio']:.2f}"]
        table.add_row(str(size), *cells)
    console.print(table)
    table = Table("plain requests", "plug-in on, s", "off, s", "extra latency")
    latency = []
    for size in arguments.requests:
        prompts = texts(size, [arguments.prompt_tokens], VOCABULARY, 3)
        latency.append(plain_latency(engine, prompts, new, arguments.latency_rounds))
        best = latency[-1]["best"]
        table.add_row(str(size), f"{best['on']:.2f}", f"{best['off']:.2f}", f"{latency[-1]['extra']:+.1%}")
    console.print(table)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        record = {"command": command(), "machine": machine(), "engine": engine.described(), "options": vars(arguments)}
        record["options"]["json"] = str(arguments.json)
        arguments.json.write_text(json.dumps({**record, "pairs": pairs, "latency": latency}, indent=1))


if __name__ == "__main__":
    main()
