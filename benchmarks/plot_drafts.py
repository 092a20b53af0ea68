r"""Draw what drafts bring, prompt by prompt, from records of `drafts.py`.

python benchmarks/plot_drafts.py docs/measured/drafts.json docs/measured/drafts_1024.json --plot docs/images/drafts.svg
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib
from drafts import DRAFTED, PLAIN, VIEWS
from grounded_prompts import TASKS

COLOURS = ("#2a6f97", "#c1663b", "#777777")


def ratios(run: dict[str, Any], other: str) -> float:
    """Return how many times as fast as another contender drafts are on a prompt."""
    contenders = run["contenders"]
    return contenders[other]["seconds_a_token"] / contenders[DRAFTED]["seconds_a_token"]


def draw(axis: Any, record: dict[str, Any], other: str) -> None:
    """Draw a bar for each prompt, by kind and then by height."""
    at = 0
    for kind, colour in zip(TASKS, COLOURS, strict=True):
        heights = sorted((ratios(run, other) for run in record["runs"] if run["kind"] == kind), reverse=True)
        axis.bar(range(at, at + len(heights)), heights, color=colour, width=0.8, label=f"{kind} ({len(heights)})")
        at += len(heights) + 1
    axis.axhline(1, color="black", linewidth=0.8)
    length = median(run["length"] for run in record["runs"])
    axis.set(title=f"prompts of {length:.0f} tokens (median)", ylabel=f"speed, of {other}", xticks=[], ylim=(0, None))


def main() -> None:
    """Draw a column for each record: over batched views without drafts, and over plain greedy decoding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("record", type=Path, nargs="+")
    parser.add_argument("--plot", type=Path, required=True)
    arguments = parser.parse_args()
    matplotlib.use("Agg")
    # The same record gives the same file.
    matplotlib.rcParams["svg.hashsalt"] = "drafts"
    from matplotlib import pyplot  # noqa: PLC0415

    records = [json.loads(path.read_text()) for path in arguments.record]
    figure, axes = pyplot.subplots(2, len(records), figsize=(5 * len(records), 6), squeeze=False, sharey="row")
    for column, record in enumerate(records):
        for row, other in enumerate((VIEWS, PLAIN)):
            draw(axes[row][column], record, other)
    axes[0][0].legend(fontsize=7)
    figure.suptitle(f"context-aware decoding with drafts; {records[0]['machine']['processor']}, one thread", fontsize=8)
    figure.tight_layout()
    figure.savefig(arguments.plot, metadata={"Date": None})


if __name__ == "__main__":
    main()
