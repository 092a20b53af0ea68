"""What an amateur that drafts brings to contrastive decoding with a second model.

    python benchmarks/amateur_drafts.py --json out/amateur_drafts.json

The pair is synthetic, see `synthetic_pairs.py`: the expert is SmolLM2-135M with three times the layers, of which two
thirds add nothing; the amateurs are SmolLM2-135M with noise on its weights or without its last layers. How often the
expert goes on as the amateur expects decides what drafts bring, so there are amateurs from good to useless, and the
share of drafted tokens that was taken is printed.

Contenders, taking turns prompt by prompt: one forward of each model for every token (the processor path, and batched
views), the same with drafts, and plain greedy decoding of the expert alone, without drafts and with transformers'
assisted decoding. Seconds of the processor (of the clock on a GPU) from the first token to the last.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import torch
from counterfoil.decoding import ContrastiveDecodingLogitsProcessor, batched_views
from counterfoil.models import load_language_model
from grounded_prompts import TASKS, GroundedPrompt, grounded_prompts
from measuring import TokenClock, command, cost_of_rows, machine, with_fixed_allocator, write_record
from rich.console import Console
from rich.table import Table
from synthetic_pairs import deepened, noised, with_layers
from transformers import PreTrainedModel

ROWS = (1, 2, 3, 4, 5, 8)
PLAIN, ASSISTED = "plain expert", "plain expert, assisted"
SEQUENTIAL, VIEWS, DRAFTED, COPIED = "processor", "batched views", "amateur drafts", "amateur drafts, and copies"
MOST_DRAFTED = 4
OPTIONS: Mapping[str, dict[str, Any]] = {
    SEQUENTIAL: {},
    VIEWS: {"custom_generate": batched_views},
    DRAFTED: {"custom_generate": batched_views, "num_assistant_tokens": MOST_DRAFTED},
    COPIED: {
        "custom_generate": batched_views,
        "num_assistant_tokens": MOST_DRAFTED,
        "prompt_lookup_num_tokens": 10,
    },
}
AMATEURS: Mapping[str, Callable[[PreTrainedModel], PreTrainedModel]] = {
    "noise of 5 %": lambda model: noised(model, 0.05),
    "noise of 10 %": lambda model: noised(model, 0.10),
    "noise of 15 %": lambda model: noised(model, 0.15),
    "noise of 20 %": lambda model: noised(model, 0.20),
    "first 20 layers": lambda model: with_layers(model, range(20)),
}


@contextmanager
def widths_read(model: PreTrainedModel) -> Iterator[list[int]]:
    """Yield how many tokens a model reads, forward by forward."""
    widths: list[int] = []

    def note(_: object, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        widths.append((named["input_ids"] if "input_ids" in named else given[0]).shape[1])

    hook = model.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield widths
    finally:
        hook.remove()


def measure(expert: Any, amateur: PreTrainedModel, prompt: GroundedPrompt, new_tokens: int) -> dict[str, Any]:
    """Return what each contender wrote, its seconds a token, and what either model read for it behind the prompt."""
    found = {}
    for name in (PLAIN, ASSISTED, *OPTIONS):
        clock = TokenClock()
        settings: dict[str, Any] = {"max_new_tokens": new_tokens, "do_sample": False, "stopping_criteria": [clock]}
        if name in OPTIONS:
            settings |= {"logits_processor": [ContrastiveDecodingLogitsProcessor(expert, amateur)], **OPTIONS[name]}
        elif name == ASSISTED:
            settings["assistant_model"] = amateur
        with widths_read(expert) as expert_read, widths_read(amateur) as amateur_read:
            output = expert.generate(**prompt.main, **settings)
        found[name] = {
            "tokens": output[0, prompt.main["input_ids"].shape[1] :].tolist(),
            "expert_read": expert_read[1:],
            "amateur_read": amateur_read[1:],
            "seconds_a_token": clock.seconds_a_token,
        }
    return found


def table(runs: Sequence[dict[str, Any]]) -> Table:
    """Return the results by amateur, all its prompts together."""
    shown = Table(title=f"contrastive decoding with an amateur that drafts {MOST_DRAFTED} tokens at most")
    columns = (
        "amateur",
        "n",
        "of drafted taken",
        "tokens a forward",
        "drafts",
        "worst",
        "with copies",
        "batched views",
    )
    for column in (*columns, "drafts, of plain", "assisted, of plain"):
        shown.add_column(column, justify="left" if column == "amateur" else "right")
    for amateur in dict.fromkeys(run["amateur"] for run in runs):
        rows = [run["contenders"] for run in runs if run["amateur"] == amateur]

        def ratios(name: str, other: str, rows: Sequence[dict[str, Any]] = rows) -> list[float]:
            return [row[other]["seconds_a_token"] / row[name]["seconds_a_token"] for row in rows]

        forwards = sum(len(row[DRAFTED]["expert_read"]) for row in rows)
        drafted = sum(sum(row[DRAFTED]["expert_read"]) for row in rows) - forwards
        written = sum(len(row[DRAFTED]["tokens"]) - 1 for row in rows)
        shown.add_row(
            amateur,
            str(len(rows)),
            f"{(written - forwards) / drafted:.2f}" if drafted else "none drafted",
            f"{written / forwards:.2f}",
            f"{median(ratios(DRAFTED, SEQUENTIAL)):.2f}",
            f"{min(ratios(DRAFTED, SEQUENTIAL)):.2f}",
            f"{median(ratios(COPIED, SEQUENTIAL)):.2f}",
            f"{median(ratios(VIEWS, SEQUENTIAL)):.2f}",
            f"{median(ratios(DRAFTED, PLAIN)):.2f}",
            f"{median(ratios(ASSISTED, PLAIN)):.2f}",
        )
    return shown


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--amateur", choices=AMATEURS, nargs="+", default=list(AMATEURS))
    parser.add_argument("--times", type=int, default=3, help="how many times as many layers the expert has")
    parser.add_argument("--prompts", type=int, default=1, help="of each kind")
    parser.add_argument("--new-tokens", type=int, default=24)
    parser.add_argument("--threads", type=int, default=1, help="seconds of the processor add up over threads")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with_fixed_allocator()
    torch.set_num_threads(arguments.threads)
    console, language = Console(width=120), load_language_model()
    expert = deepened(language.model, arguments.times)
    cost = cost_of_rows(expert, ROWS, 3)
    parameters = {"expert": sum(weights.numel() for weights in expert.parameters())}
    settings = {key: value for key, value in vars(arguments).items() if key != "json"}
    record: dict[str, Any] = {"command": command(), "machine": machine(), "settings": settings}
    record |= {"seconds_of_rows": cost, "parameters": parameters, "runs": []}
    console.print(record["machine"])
    relative = {rows: f"{median(own) / median(cost[1]):.2f}" for rows, own in cost.items()}
    console.print(f"the expert's linear layers on so many rows, of {1e3 * median(cost[1]):.1f} ms for one: {relative}")
    everything = grounded_prompts(language.tokenizer)
    prompts = [p for kind in TASKS for p in [p for p in everything if p.kind == kind][: arguments.prompts]]
    for name in arguments.amateur:
        amateur = AMATEURS[name](language.model)
        parameters[name] = sum(weights.numel() for weights in amateur.parameters())
        amateur.generation_config.num_assistant_tokens = MOST_DRAFTED  # where transformers looks for it
        measure(expert, amateur, prompts[0], 4)  # warms up, and tries what drafts rely on
        for prompt in prompts:
            found = measure(expert, amateur, prompt, arguments.new_tokens)
            same = all(found[other]["tokens"] == found[SEQUENTIAL]["tokens"] for other in (VIEWS, DRAFTED, COPIED))
            verdict = "the same tokens" if same else "OTHER TOKENS"
            console.print(f"{name}, {prompt.name}: {verdict} with the processor, batched views and drafts")
            run = {"amateur": name, "name": prompt.name, "kind": prompt.kind, "same": same, "contenders": found}
            record["runs"].append(run)
            write_record(arguments.json, record)
    console.print(table(record["runs"]))


if __name__ == "__main__":
    main()
