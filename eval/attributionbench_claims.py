"""The claims of AttributionBench, read from a file of the data set."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from counterfoil.attribution.entailment import Pair
from counterfoil.attribution.metrics.attributionbench import premise

from .dataset import Source

LABELS = {"attributable": True, "not attributable": False}


@dataclass(frozen=True)
class Claim:
    """A claim.

    Args:
        subset: Where it is from (`src_dataset`).
        claim: The claim.
        references: What it is to be attributed to.
        attributable: Whether people say that it can be.
        group: What it shares with other claims, its question where there is one: claims on one question are not
            independent, and intervals draw questions.
        id: The data set's.
    """

    subset: str
    claim: str
    references: tuple[str, ...]
    attributable: bool
    group: str
    id: str

    @property
    def pair(self) -> Pair:
        """What is asked."""
        return Pair(premise(self.references), self.claim)


def read_claims(source: Source) -> list[Claim]:
    """The claims of a file.

    Raises:
        ValueError: A line is none; its number is named. Or there is none.
    """
    claims = []
    for number, line in source.lines():
        try:
            claims.append(_claim(json.loads(line)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"line {number} of {source.name} has to be a claim of AttributionBench (`claim`, `references`, "
                f"`attribution_label`, `src_dataset`), but is not: {error!r}"
            ) from error
    if not claims:
        raise ValueError(f"{source.name} has to hold claims, but is empty")
    return claims


def _claim(record: dict[str, Any]) -> Claim:
    claim, references, label = record["claim"], record["references"], record["attribution_label"]
    if not (isinstance(claim, str) and claim.strip()):
        raise ValueError(f"`claim` has to be text, but is {claim!r}")
    if not isinstance(references, list) or not all(isinstance(text, str) for text in references):
        raise ValueError("`references` has to be a list of strings")
    if label not in LABELS:
        raise ValueError(f"`attribution_label` has to be one of {', '.join(LABELS)}, but is {label!r}")
    name = str(record.get("id", ""))
    group = str(record.get("question") or name or claim)
    return Claim(str(record["src_dataset"]), claim, tuple(references), LABELS[label], group, name)
