"""Choose parameters of a token-matching method on facts with gold spans: `python -m training.laquer FILE METHOD`.

The figure is the mean over all facts of F1 of the method's own spans; a fact without support counts 1 if it got no span
and 0 if it did. Nothing is checked by an entailment model: what is tuned is the method.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from counterfoil.attribution.locating.base import Proposal, Query
from counterfoil.attribution.locating.decontextualization.rules import Rules
from counterfoil.attribution.locating.methods.alignment import Alignment
from counterfoil.attribution.locating.methods.hidden_states import HiddenStates
from counterfoil.attribution.locating.registry import load_model
from counterfoil.eval.dataset import Dataset
from counterfoil.eval.engines.locator import Fact, Locate
from counterfoil.eval.measuring_models import MeasuringModels
from counterfoil.eval.results import markdown
from counterfoil.eval.task import Item
from counterfoil.eval.tasks.laquer import LAQuer, characters, overlap

TUNED = ("hidden_states", "alignment")
MATCHES = (0.2, 0.3, 0.4, 0.5, 0.6)
GAPS = (1, 3, 5)
LEASTS = tuple(n / 20 for n in range(20))

Key = tuple[int | None, float, int]
Gold = Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True)
class Choice:
    """One choice of parameters.

    Args:
        layer: Of hidden_states; `None` for alignment.
        match: From which cosine on a token stands for one of the claim.
        gap: Matches with at most so many tokens between them are one span.
        least: How well a sentence has to cover the claim; the best for the other three.
        score: The figure.
        f1: F1 of the facts with gold spans alone.
        first: Share of the facts with gold spans in whose best sentence something of them was found.
    """

    layer: int | None
    match: float
    gap: int
    least: float
    score: float
    f1: float
    first: float


def choices(items: Sequence[Item], method: str, model: object, layers: Sequence[int] | None = None) -> list[Choice]:
    """Return every choice with the best `least` for it, the best choice first.

    Args:
        items: Answers with gold spans; not those on which the method is measured afterwards.
        method: One of :data:`TUNED`.
        model: What the method runs on, loaded.
        layers: For hidden_states: which to try; `None` for every third one.

    Raises:
        ValueError: For another method.
    """
    if method not in TUNED:
        raise ValueError(f"`method` has to be one of {', '.join(TUNED)}, but is {method!r}")
    found: dict[Key, list[tuple[Gold, Proposal]]] = {}
    for item in items:
        gold = {fact["id"]: fact["gold"] for fact in item.facts["facts"]}
        for key, fact, proposal in _proposals(cast("Locate", item.request), method, model, layers):
            found.setdefault(key, []).append((gold[fact.id], proposal))
    return sorted((_best(key, facts) for key, facts in found.items()), key=lambda choice: -choice.score)


def _proposals(
    request: Locate, method: str, model: object, layers: Sequence[int] | None
) -> Iterator[tuple[Key, Fact, Proposal]]:
    queries = []
    for fact in request.facts:
        claim = Rules().decontextualize(request.answer, fact.ranges, request.question)
        queries.append((fact, Query(fact.ranges, claim.parts, claim.text)))
    arguments: dict[str, Any] = {"question": request.question, "model": model}
    if method == "alignment":
        alignment = Alignment(request.answer, request.documents, **arguments)
        yield from _swept(None, alignment, queries)
        return
    reader = HiddenStates(request.answer, request.documents, **arguments)
    n_layers = reader.language.model.config.get_text_config().num_hidden_layers
    tried = list(range(0, n_layers + 1, 3)) if layers is None else list(layers)
    for layer, compared in reader.in_layers(tried).items():
        reader.compared = compared
        yield from _swept(layer, reader, queries)


def _swept(
    layer: int | None, method: Alignment | HiddenStates, queries: Sequence[tuple[Fact, Query]]
) -> Iterator[tuple[Key, Fact, Proposal]]:
    for match, gap in itertools.product(MATCHES, GAPS):
        method.matching = replace(method.matching, least=-1.0, match=match, gap=gap)
        for fact, query in queries:
            yield (layer, match, gap), fact, method.propose(query)


def _best(key: Key, facts: Sequence[tuple[Gold, Proposal]]) -> Choice:
    scored = []
    for gold, proposal in facts:
        if gold is None:
            continue
        spans = proposal.candidates[: proposal.n_own]
        highest = cast("float", spans[0].score) if spans else 0.0
        found = characters([vars(span) for span in spans])
        scored.append((highest, overlap(found, characters(gold)).f1 if gold else None))

    def value(least: float) -> tuple[float, float]:
        given = [(agreed if highest >= least else 0.0) for highest, agreed in scored if agreed is not None]
        withheld = [float(highest < least) for highest, agreed in scored if agreed is None]
        return sum([*given, *withheld]) / len(scored), sum(given) / max(1, len(given))

    least = max(LEASTS, key=lambda least: (value(least)[0], -least))
    score, f1 = value(least)
    first = [agreed > 0 for _, agreed in scored if agreed is not None]
    return Choice(*key, least, score, f1, sum(first) / max(1, len(first)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="answers with facts and gold spans, JSON lines; docs/locate.md")
    parser.add_argument("method", choices=TUNED)
    parser.add_argument("--model", help="what the method runs on (default: its own)")
    parser.add_argument("--split", default="dev", help="the answers that are tried (default: dev)")
    options = parser.parse_args(arguments)
    models = MeasuringModels(lambda: None)  # pyright: ignore[reportArgumentType]  (facts are not cut into tokens)
    items = LAQuer(split=options.split).read(Dataset.read(options.file), models)
    found = choices(items, options.method, load_model(options.method, options.model)[0])
    head = ["layer", "match", "gap", "least", "score", "F1", "first sentence right"]
    rows = [
        ["–" if one.layer is None else str(one.layer), f"{one.match:g}", str(one.gap), f"{one.least:g}"]
        + [f"{value:.3f}" for value in (one.score, one.f1, one.first)]
        for one in found
    ]
    print(markdown([head, *rows]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
