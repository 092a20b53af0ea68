"""What a contrast costs: plain decoding, two forwards a step, and two views in one forward.

    python benchmarks/two_views.py --json out/two_views.json

One process, all contenders taking turns. The first token, which has the prompts in it, and a step are reported apart,
as medians in seconds of the processor (of the clock on a GPU), and as ratios within one run. What so many rows cost the
machine's linear layers bounds a step, so it is measured along.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from counterfoil.decoding import CADLogitsProcessor, batched_views
from counterfoil.decoding.methods import CAD
from counterfoil.models import load_language_model
from measuring import Spans, StepClock, command, cost_of_rows, machine, taking_turns, with_fixed_allocator, write_record
from rich.console import Console
from rich.table import Table
from transformers import DynamicCache, PreTrainedModel

STRENGTH = 0.5
ROWS = (1, 2, 3, 4, 8, 22)
Inputs = dict[str, torch.Tensor]
Prompts = Callable[[PreTrainedModel, int], tuple[Inputs, Inputs]]


@dataclass(frozen=True)
class Case:
    """Prompts to be contrasted.

    Attributes:
        name: For the table.
        prompts: Makes the main prompts and the contrasts of a batch of so many.
        contenders: Names in :data:`CONTENDERS`; plain decoding is first, and what the others are compared with.
    """

    name: str
    prompts: Prompts
    contenders: tuple[str, ...]


def random_prompts(
    main: int, contrast: int, shared: int = 0
) -> Callable[[PreTrainedModel, int], tuple[Inputs, Inputs]]:
    """Return what makes prompts of random tokens, of so many tokens each, of which the first are the same in both."""

    def make(model: PreTrainedModel, batch: int) -> tuple[Inputs, Inputs]:
        torch.manual_seed(0)
        beginning = torch.randint(100, 40_000, (batch, shared))
        views = [
            torch.cat([beginning, torch.randint(100, 40_000, (batch, length - shared))], dim=-1).to(model.device)
            for length in (main, contrast)
        ]
        found = [{"input_ids": ids, "attention_mask": torch.ones_like(ids)} for ids in views]
        return found[0], found[1]

    return make


PATHS = ("plain generate()", "two forwards, bare loop", "processor", "processor with trace", "batched views")
CASES = {
    case.name: case
    for case in (
        Case("1200 + 32", random_prompts(1200, 32), PATHS),
        Case("1200 + 1200, 800 shared", random_prompts(1200, 1200, 800), PATHS),
        Case("832 + 832, 800 shared", random_prompts(832, 832, 800), PATHS),
        Case("256 + 256", random_prompts(256, 256), PATHS),
    )
}


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


def generating(
    options: Callable[[PreTrainedModel, Inputs], dict[str, Any]],
) -> Callable[[PreTrainedModel, Inputs, Inputs, int, StepClock], None]:
    """Return a contender that calls generate() greedily, stops at nothing, and has options made from the contrast."""

    def run(model: Any, main: Inputs, contrast: Inputs, new_tokens: int, clock: StepClock) -> None:
        model.generate(
            **main,
            do_sample=False,
            max_new_tokens=new_tokens,
            eos_token_id=None,
            stopping_criteria=[clock],
            **options(model, contrast),
        )

    return run


def cad(model: PreTrainedModel, contrast: Inputs, **options: bool) -> list[CADLogitsProcessor]:
    """Return the processors of a call."""
    return [CADLogitsProcessor(model, contrast, strength=STRENGTH, **options)]


CONTENDERS: dict[str, Callable[[PreTrainedModel, Inputs, Inputs, int, StepClock], None]] = {
    "plain generate()": generating(lambda model, contrast: {}),
    "two forwards, bare loop": two_forwards,
    "processor": generating(lambda model, contrast: {"logits_processor": cad(model, contrast)}),
    "processor with trace": generating(lambda model, contrast: {"logits_processor": cad(model, contrast, trace=True)}),
    "batched views": generating(
        lambda model, contrast: {"logits_processor": cad(model, contrast), "custom_generate": batched_views}
    ),
}


def measure(model: PreTrainedModel, case: Case, batch: int, new_tokens: int, repetitions: int) -> dict[str, Spans]:
    """Return the spans of every contender of a case."""
    main, contrast = case.prompts(model, batch)

    def contender(name: str) -> Callable[[StepClock], object]:
        return lambda clock: CONTENDERS[name](model, main, contrast, new_tokens, clock)

    return taking_turns({name: contender(name) for name in case.contenders}, repetitions)


def table(case: Case, batch: int, spans: dict[str, Spans], cost: dict[int, float]) -> Table:
    """Return the medians of a case, beside the first of its contenders."""
    plain = spans[case.contenders[0]]
    more = median(cost[2 * batch]) / median(cost[batch])
    shown = Table(title=f"{case.name}, batch {batch}; {2 * batch} rows cost the linear layers {more:.2f} of {batch}")
    for column in ("contender", "first token", "of plain", "step", "of plain", f"of plain x {more:.2f}"):
        shown.add_column(column, justify="left" if column == "contender" else "right")
    for name, own in spans.items():
        first, step = median(own.first) / median(plain.first), median(own.step) / median(plain.step)
        shown.add_row(
            name,
            f"{1e3 * median(own.first):.0f} ms",
            f"{first:.2f}",
            f"{1e3 * median(own.step):.1f} ms",
            f"{step:.2f}",
            f"{step / more:.2f}",
        )
    return shown


def main() -> None:
    """Measure, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES, nargs="+", default=list(CASES))
    parser.add_argument("--contender", choices=CONTENDERS, nargs="+", help="default: all of each case")
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--batch", type=int, choices=(1, 4), nargs="+", default=[1, 4])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="seconds of the processor add up over threads")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with_fixed_allocator()
    torch.set_num_threads(arguments.threads)
    console, model = Console(width=120), load_language_model().model
    cost = cost_of_rows(model, ROWS, arguments.repetitions)
    settings = {key: value for key, value in vars(arguments).items() if key != "json"}
    record: dict[str, Any] = {"command": command(), "machine": machine(), "settings": settings}
    record |= {"seconds_of_rows": cost, "runs": []}
    console.print(record["machine"])
    relative = {rows: f"{median(own) / median(cost[1]):.2f}" for rows, own in cost.items()}
    console.print(f"linear layers on so many rows, of the {1e3 * median(cost[1]):.1f} ms for one: {relative}")
    for case in (CASES[name] for name in arguments.case):
        named = tuple(name for name in case.contenders if name in (arguments.contender or case.contenders))
        for batch in arguments.batch:
            own = Case(case.name, case.prompts, named)
            spans = measure(model, own, batch, arguments.new_tokens, arguments.repetitions)
            console.print(table(own, batch, spans, cost))
            seconds = {name: {"first_token": own.first, "step": own.step} for name, own in spans.items()}
            record["runs"].append({"case": case.name, "batch": batch, "seconds": seconds})
    write_record(arguments.json, record)


if __name__ == "__main__":
    main()
