"""What drafts bring on answers that quote their document and on answers that do not.

    python benchmarks/drafts.py --json out/drafts.json
    python benchmarks/drafts.py --prompt-tokens 1024 --json out/drafts_1024.json
    python benchmarks/drafts.py --batch 4 --json out/drafts_batch.json

Context-aware decoding on the prompts of `grounded_prompts.py`: plain greedy decoding, the same with transformers'
prompt lookup (as fast as drafts can be: it reads one view), batched views without drafts and with them. One process,
the contenders taking turns prompt by prompt; seconds of the processor (of the clock on a GPU) from the first token to
the last. What so many rows cost the machine's linear layers is printed along: a draft is cheap where rows are.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import torch
from counterfoil.decoding import CADLogitsProcessor, batched_views
from counterfoil.models import load_language_model
from grounded_prompts import TASKS, GroundedPrompt, grounded_prompts, in_batches
from measuring import TokenClock, command, cost_of_rows, machine, with_fixed_allocator, write_record
from rich.console import Console
from rich.table import Table

STRENGTH = 0.5
ROWS = (1, 2, 3, 4, 8, 22)
PLAIN, LOOKUP, VIEWS, DRAFTED = "plain greedy", "plain, prompt lookup", "batched views", "with drafts"
OPTIONS: Mapping[str, dict[str, Any]] = {
    PLAIN: {},
    LOOKUP: {"prompt_lookup_num_tokens": 10},
    VIEWS: {"custom_generate": batched_views},
    DRAFTED: {"custom_generate": batched_views, "prompt_lookup_num_tokens": 10},
}


def measure(model: Any, prompt: GroundedPrompt, new_tokens: int, padding: int) -> dict[str, dict[str, Any]]:
    """Return what each contender wrote, row by row, in how many forwards, and its seconds a token of all rows."""
    found = {}
    rows, length = prompt.main["input_ids"].shape
    for name, options in OPTIONS.items():
        if name == LOOKUP and rows > 1:
            continue  # transformers has it for one row
        forwards = []
        hook = model.register_forward_pre_hook(lambda *_, forwards=forwards: forwards.append(None))
        clock = TokenClock()
        cad = CADLogitsProcessor(model, prompt.contrast, strength=STRENGTH)
        processors = [] if name in (PLAIN, LOOKUP) else [cad]
        settings = {"max_new_tokens": new_tokens, "do_sample": False, "pad_token_id": padding, **options}
        try:
            output = model.generate(**prompt.main, logits_processor=processors, stopping_criteria=[clock], **settings)
        finally:
            hook.remove()
        new = output[:, length:].tolist()
        found[name] = {"tokens": new, "forwards": len(forwards), "seconds_a_token": clock.seconds_a_token}
    return found


def table(runs: list[dict[str, Any]]) -> Table:
    """Return the results by kind of prompt."""
    shown = Table(title="context-aware decoding with drafts")
    for column in ("prompts", "n", "tokens a forward", "of plain", "range", "lookup of plain", "of batched", "worst"):
        shown.add_column(column, justify="left" if column == "prompts" else "right")
    for kind in (*TASKS, "all"):
        rows = [run["contenders"] for run in runs if kind in (run["kind"], "all")]
        if not rows:
            continue

        def ratios(name: str, other: str, rows: list[dict[str, Any]] = rows) -> list[float]:
            return [row[other]["seconds_a_token"] / row[name]["seconds_a_token"] for row in rows if name in row]

        tokens = sum(len(row[DRAFTED]["tokens"][0]) - 1 for row in rows)
        of_plain, of_views = ratios(DRAFTED, PLAIN), ratios(DRAFTED, VIEWS)
        shown.add_row(
            kind,
            str(len(rows)),
            f"{tokens / sum(row[DRAFTED]['forwards'] - 1 for row in rows):.2f}",
            f"{median(of_plain):.2f}",
            f"{min(of_plain):.2f} to {max(of_plain):.2f}",
            f"{median(ratios(LOOKUP, PLAIN)):.2f}" if LOOKUP in rows[0] else "",
            f"{median(of_views):.2f}",
            f"{min(of_views):.2f}",
        )
    return shown


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--new-tokens", type=int, default=32)
    parser.add_argument("--every", type=int, default=1, help="take every n-th prompt")
    parser.add_argument("--prompt-tokens", type=int, help="put other documents before the one that is asked about")
    parser.add_argument("--batch", type=int, default=1, help="decode so many prompts of one kind together")
    parser.add_argument("--threads", type=int, default=1, help="seconds of the processor add up over threads")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with_fixed_allocator()
    torch.set_num_threads(arguments.threads)
    console, language = Console(width=120), load_language_model()
    tokenizer = language.tokenizer
    cost = cost_of_rows(language.model, ROWS, 3)
    settings = {key: value for key, value in vars(arguments).items() if key != "json"}
    record: dict[str, Any] = {"command": command(), "machine": machine(), "settings": settings}
    record |= {"seconds_of_rows": cost, "runs": []}
    console.print(record["machine"])
    relative = {rows: f"{median(own) / median(cost[1]):.2f}" for rows, own in cost.items()}
    console.print(f"linear layers on so many rows, of the {1e3 * median(cost[1]):.1f} ms for one: {relative}")
    prompts = grounded_prompts(tokenizer, arguments.prompt_tokens)[:: arguments.every]
    if arguments.batch > 1:
        prompts = in_batches(prompts, arguments.batch, tokenizer)
    measure(language.model, prompts[0], 8, tokenizer.pad_token_id)  # warms up, and tries what drafts rely on
    for prompt in prompts:
        found = measure(language.model, prompt, arguments.new_tokens, tokenizer.pad_token_id)
        if len(found[DRAFTED]["tokens"][0]) < 4:
            continue  # ended at once: nothing to be measured
        same = found[DRAFTED]["tokens"] == found[VIEWS]["tokens"]
        console.print(f"{prompt.name}: {'the same tokens' if same else 'OTHER TOKENS'} as without drafts")
        length = prompt.main["input_ids"].shape[1]
        record["runs"].append(
            {"name": prompt.name, "kind": prompt.kind, "length": length, "same": same, "contenders": found}
        )
        write_record(arguments.json, record)
    console.print(table(record["runs"]))


if __name__ == "__main__":
    main()
