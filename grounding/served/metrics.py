# pyright: reportMissingImports=false
"""Prometheus counters of what was cited, on the server's `/metrics`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, get_args

from counterfoil.attribution import Status

from .citer import Counts
from .verified_answer import Outcome

if TYPE_CHECKING:
    from prometheus_client import Counter


def prometheus_counts() -> Counts:
    """Return counts that stand on `/metrics`: by the verdict, and by what came of decoding again."""
    statements, redecoded = _counters()
    for status in (Status.SUPPORTED, Status.NOT_SUPPORTED, Status.NOT_CHECKED):
        statements.labels(status.value)  # stands on the page from the beginning
    for outcome in get_args(Outcome):
        redecoded.labels(outcome)
    return Counts(
        lambda status: statements.labels(status.value).inc(),
        lambda outcome: redecoded.labels(outcome).inc(),
    )


@cache
def _counters() -> tuple[Counter, Counter]:
    from prometheus_client import Counter  # noqa: PLC0415  (comes with vLLM)

    return (
        Counter("counterfoil:cited_statements", "Sentences of answers that were checked for citations.", ["status"]),
        Counter(
            "counterfoil:redecoded_statements",
            "Sentences that nothing supported and that were decoded again.",
            ["outcome"],
        ),
    )
