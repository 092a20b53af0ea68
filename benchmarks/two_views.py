"""What a contrast costs: plain decoding, two forwards a step, and two views in one forward.

    python benchmarks/two_views.py --json out/two_views.json

One process, all contenders taking turns; medians of decoding steps per second, prefill excluded; ratios within one run.
"""

from __future__ import annotations

import argparse
import functools
import json
from pathlib import Path

import torch
from counterfoil.decoding import CADLogitsProcessor, batched_views
from counterfoil.decoding.methods import CAD
from counterfoil.models import load_language_model
from measuring import StepClock, interleaved, machine, medians, with_fixed_allocator
from rich.console import Console
from rich.table import Table
from transformers import DynamicCache, PreTrainedModel

STRENGTH = 0.5
Inputs = dict[str, torch.Tensor]


@torch.no_grad()
def two_forwards(model: PreTrainedModel, main: Inputs, contrast: Inputs, new_tokens: int, clock: StepClock) -> None:
    """Run the opponent of the processor: a bare loop of two cached forwards and the same rule, and nothing else."""
    ids = [main["input_ids"], contrast["input_ids"]]
    caches = [DynamicCache(config=model.config) for _ in ids]
    for _ in range(new_tokens):
        logits = [
            model(view, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1].float()
            for view, cache in zip(ids, caches, strict=True)
        ]
        token = CAD(strength=STRENGTH).scores(logits[0], logits[1]).argmax(-1, keepdim=True)
        ids = [token, token]
        clock.tick()


def generate(model: PreTrainedModel, main: Inputs, new_tokens: int, clock: StepClock, **options: object) -> None:
    """Return a greedy generate() call that stops at nothing."""
    model.generate(
        **main, do_sample=False, max_new_tokens=new_tokens, eos_token_id=None, stopping_criteria=[clock], **options
    )


def measure(batch: int, prompt_tokens: int, new_tokens: int, repetitions: int) -> dict[str, list[float]]:
    """Return steps per second of every contender."""
    model = load_language_model().model
    torch.manual_seed(0)
    shape = (batch, prompt_tokens)
    main: Inputs = {"input_ids": torch.randint(100, 40_000, shape, device=model.device)}
    contrast: Inputs = {"input_ids": torch.randint(100, 40_000, shape, device=model.device)}
    main["attention_mask"], contrast["attention_mask"] = (torch.ones_like(v["input_ids"]) for v in (main, contrast))
    call = functools.partial(generate, model, main, new_tokens)
    make = functools.partial(CADLogitsProcessor, model, contrast, strength=STRENGTH)
    contenders = {
        "plain generate()": call,
        "two forwards, bare loop": lambda clock: two_forwards(model, main, contrast, new_tokens, clock),
        "processor": lambda clock: call(clock, logits_processor=[make()]),
        "processor with trace": lambda clock: call(clock, logits_processor=[make(trace=True)]),
        "batched views": lambda clock: call(clock, logits_processor=[make()], custom_generate=batched_views),
    }
    return interleaved(contenders, repetitions)


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompt-tokens", type=int, default=256)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--threads", type=int, default=None, help="default: all cores")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with_fixed_allocator()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    console = Console()
    record = {"machine": machine(), "settings": {k: v for k, v in vars(arguments).items() if k != "json"}, "runs": []}
    console.print(record["machine"])
    for batch in arguments.batch:
        rates = measure(batch, arguments.prompt_tokens, arguments.new_tokens, arguments.repetitions)
        middle = medians(rates)
        plain, bare = middle["plain generate()"], middle["two forwards, bare loop"]
        table = Table(title=f"batch {batch}, prompt {arguments.prompt_tokens}, {arguments.new_tokens} new tokens")
        for column in ("contender", "steps/s", "range", "of plain", "of the bare loop"):
            table.add_column(column, justify="left" if column == "contender" else "right")
        for name, values in rates.items():
            spread = f"{min(values):.1f} to {max(values):.1f}"
            ratios = f"{middle[name] / plain:.2f}", f"{middle[name] / bare:.2f}"
            table.add_row(name, f"{middle[name]:.1f}", spread, *ratios)
        console.print(table)
        record["runs"].append({"batch": batch, "steps_per_second": rates})
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
