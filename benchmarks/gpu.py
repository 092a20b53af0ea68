"""The transformers half on a GPU, in less than six minutes: right tokens first, then what contrasts cost.

    python benchmarks/gpu.py --out out/gpu
    python benchmarks/gpu.py --device cpu --tiny --out out/gpu

Nothing is downloaded: weights are random. Writes `gpu.json` and `gpu.md` into a folder as it goes, prints the tables,
and ends with 1 if a token in float32 is wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
import transformers
from gpu_identity import identity, wrong
from gpu_speed import Plan, speed
from measuring import machine

TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def plan(arguments: argparse.Namespace) -> Plan:
    """Return what is measured: the goals stand for one prompt at the shape of 8B in bfloat16, so that comes first."""
    if arguments.tiny:
        return Plan(arguments.device, ["tiny"], [torch.float32], [2], [24], [0, 8], 6, 1, 10 * arguments.seconds)
    dtypes = [torch.bfloat16] if arguments.device == "cuda" else [torch.float32]
    return Plan(arguments.device, ["8B", "1B"], dtypes, [1, 4, 16], [512, 2048], [0, 64], 24, 2, arguments.seconds)


def tables(record: dict[str, Any]) -> str:
    """Return the record in Markdown."""
    lines = ["| method | dtype | right tokens | closest call, nats |", "|---|---|---:|---:|"]
    lines += [
        f"| {row['method']} | {row['dtype']} | {row['right']} of {row['of']} | {row['closest call']:.1e} |"
        for row in record["identity"]
    ]
    columns = "shape", "dtype", "batch", "prompt", "contrast", "contender"
    heads = *columns, "steps/s", "range", "of plain", "first token, s", "peak, GiB", "waits a step"
    lines += ["", f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    plain: dict[tuple[Any, ...], float] = {}
    for row in record["speed"]:
        head = " | ".join(str(row[column]) for column in columns)
        if "error" in row:
            lines.append(f"| {head} | {row['error']} |" + " |" * 5)
            continue
        case, rate = tuple(row[column] for column in columns[:-1]), row["steps/s"]
        if row["contender"] == "plain":
            plain[case] = rate
        low, high = row["range"]
        share = f"{rate / plain[case]:.2f}" if case in plain else ""
        peak = f"{row['peak, GiB']:.2f}" if row["peak, GiB"] is not None else ""
        waits = f"{row['waits a step']:.1f}" if "waits a step" in row else ""
        cells = f"{rate:.1f} | {low:.1f} to {high:.1f} | {share} | {row['first token, s']:.3f} | {peak} | {waits}"
        lines.append(f"| {head} | {cells} |")
    return "\n".join(lines)


def main() -> None:
    """Check, measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--tiny", action="store_true", help="small shapes alone, to see that everything runs")
    parser.add_argument("--out", type=Path, default=Path("out/gpu"))
    parser.add_argument("--seconds", type=float, default=280, help="no measurement begins after so many")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    transformers.logging.set_verbosity_error()
    started = time.monotonic()
    record: dict[str, Any] = {"machine": machine(), "device": arguments.device, "identity": [], "speed": []}

    def save(row: dict[str, Any] | None = None) -> None:
        record["speed"] += [row] if row is not None else []
        record["seconds"] = round(time.monotonic() - started, 1)
        (arguments.out / "gpu.json").write_text(json.dumps(record, indent=1))
        (arguments.out / "gpu.md").write_text(tables(record) + "\n")

    for dtype, fewest in (("float32", 8), ("bfloat16", 2)):
        record["identity"] += identity(arguments.device, TYPES[dtype], new=fewest if arguments.tiny else 16)
        save()
    record["complete"] = speed(plan(arguments), save)
    record["wrong"] = wrong(record["identity"])
    save()
    print(record["machine"], tables(record), f"in {arguments.out}: gpu.json, gpu.md", sep="\n", flush=True)
    if not record["complete"]:
        print(f"out of time after {record['seconds']} s: the last rows are missing")
    sys.exit(bool(record["wrong"]))


if __name__ == "__main__":
    main()
