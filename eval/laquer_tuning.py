"""Parameters of the token-matching methods, chosen on facts with gold spans: a table of what each choice gives.

The figure is the mean over all facts of F1 of the method's own spans, where a fact without support counts 1 if it got
no span and 0 if it did. Nothing is checked by an entailment model: what is tuned is the method.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from counterfoil.attribution.locating.base import Proposal, Query
from counterfoil.attribution.locating.decontextualization.rules import Rules
from counterfoil.attribution.locating.methods.alignment import Alignment
from counterfoil.attribution.locating.methods.hidden_states import HiddenStates
from counterfoil.attribution.metrics.laquer import overlap

from .laquer import Progress
from .laquer_items import Fact, Item

TUNED = ("hidden_states", "alignment")
MATCHES = (0.2, 0.3, 0.4, 0.5, 0.6)
GAPS = (1, 3, 5)
LEASTS = tuple(n / 20 for n in range(20))

Key = tuple[int | None, float, int]


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


def choices(
    items: Sequence[Item],
    method: str,
    model: object,
    layers: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> list[Choice]:
    """Every choice with the best `least` for it, the best choice first.

    Args:
        items: Answers with gold spans; not those on which the method is measured afterwards.
        method: One of :data:`TUNED`.
        model: What the method runs on, loaded.
        layers: For hidden_states: which to try; `None` for every third one.
        progress: Told how many answers are done.

    Raises:
        ValueError: For another method.
    """
    if method not in TUNED:
        raise ValueError(f"--tune is for {' and '.join(TUNED)}, but --method is {method!r}")
    found: dict[Key, list[tuple[Fact, Proposal]]] = {}
    for done, item in enumerate(items, start=1):
        for key, fact, proposal in _proposals(item, method, model, layers):
            found.setdefault(key, []).append((fact, proposal))
        if progress is not None:
            progress(done, len(items))
    return sorted((_best(key, facts) for key, facts in found.items()), key=lambda choice: -choice.score)


def _proposals(
    item: Item, method: str, model: object, layers: Sequence[int] | None
) -> Iterator[tuple[Key, Fact, Proposal]]:
    queries = []
    for fact in item.facts:
        words = ((fact.start, fact.end),)
        claim = Rules().decontextualize(item.answer, words, item.question)
        queries.append((fact, Query(words, claim.parts, claim.text)))
    arguments: dict[str, Any] = {"question": item.question, "model": model}
    if method == "alignment":
        alignment = Alignment(item.answer, item.documents, **arguments)
        yield from _swept(None, alignment, queries)
        return
    reader = HiddenStates(item.answer, item.documents, **arguments)
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


def _best(key: Key, facts: Sequence[tuple[Fact, Proposal]]) -> Choice:
    scored = []
    for fact, proposal in facts:
        if fact.gold is None:
            continue
        spans = proposal.candidates[: proposal.n_own]
        highest = cast("float", spans[0].score) if spans else 0.0
        agreed = overlap(spans, fact.gold).f1 if fact.gold else None
        scored.append((highest, agreed))

    def value(least: float) -> tuple[float, float]:
        given = [(agreed if highest >= least else 0.0) for highest, agreed in scored if agreed is not None]
        withheld = [float(highest < least) for highest, agreed in scored if agreed is None]
        return sum([*given, *withheld]) / len(scored), sum(given) / max(1, len(given))

    least = max(LEASTS, key=lambda least: (value(least)[0], -least))
    score, f1 = value(least)
    first = [agreed > 0 for _, agreed in scored if agreed is not None]
    return Choice(*key, least, score, f1, sum(first) / max(1, len(first)))
