"""LAQuer (Hirsch et al., ACL 2025, arXiv 2506.01187): words of an answer located in the words of the sources.

Each fact is located by every method, as it is and after the check, and the same claim is located and scored (the
released code locates the words as they stand and scores the rewritten claim). Figures over facts:

- AutoAIS: share of facts whose spans, read as one premise, support the claim; a fact without a span is not supported.
- length: mean number of attributed characters; ratio: their sum over that of the documents cited for the fact.
- without span: share of facts that got none.
- F1 and IoU: agreement of characters with the gold spans, mean over the facts that have any.
- without support, with span: share of the facts without gold spans that got a span nevertheless.

The released script computes the first only. The row of whole documents is the attribution that the spans replace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from counterfoil.attribution import Document, EntailmentModel, SourceSpan
from counterfoil.attribution.entailment.batching import run, together
from counterfoil.attribution.locating import Locator
from counterfoil.attribution.locating.decontextualization import Claim, Decontextualizer
from counterfoil.attribution.locating.decontextualization.base import text_of, unmarked
from counterfoil.attribution.locating.results import Attribution
from counterfoil.attribution.metrics.laquer import Overlap, entailed, length, overlap

from .dataset import Source
from .laquer_items import Fact, Item
from .results import Figure, MethodResult, TaskResult
from .statistics import interval

NAME = "laquer"
VERSION = 1

Progress = Callable[[int, int], None]
"""Called with how many answers are located and how many there are."""


class Given:
    """The claims of a file; the words themselves where it has none."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self._facts = [fact for fact in facts if fact.claim]

    def decontextualize(self, answer: str, ranges: Sequence[tuple[int, int]], question: str | None) -> Claim:
        """Return the claim of the fact that these words belong to."""
        del question
        parts = unmarked(answer, ranges)
        words = text_of(answer, parts)
        for fact in self._facts:
            if ranges[0][0] <= fact.start and fact.end <= ranges[-1][1]:
                return Claim(fact.claim or words, parts, words)
        return Claim(words, parts, words)


@dataclass(frozen=True)
class Located:
    """One fact with what was found for it.

    Args:
        item: The answer.
        fact: The fact.
        claim: What was located and scored.
        spans: What was found.
        entailed: AutoAIS; `None` where the entailment model failed.
        overlap: Agreement with the gold spans; `None` where there are none.
        attribution: All that the locator said; `None` for the row of whole documents.
    """

    item: Item
    fact: Fact
    claim: str
    spans: tuple[SourceSpan, ...]
    entailed: bool | None
    overlap: Overlap | None
    attribution: Attribution | None = None

    @property
    def cited(self) -> int:
        """Characters of the documents that are cited for the fact."""
        return sum(len(document.text) for document in self.item.documents if document.id in self.fact.cited)


@dataclass(frozen=True)
class Setting:
    """A row of the table.

    Args:
        method: Name of the method.
        model: What it runs on.
        options: Of the method.
        locator: Of the locator: threshold, slack, exact.
    """

    method: str
    model: object = None
    options: Mapping[str, Any] = field(default_factory=dict)
    locator: Mapping[str, Any] = field(default_factory=dict)


def evaluate(
    source: Source,
    items: Sequence[Item],
    settings: Sequence[Setting],
    entailment: EntailmentModel,
    *,
    claims: Decontextualizer | str = "rules",
    scorer: EntailmentModel | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> TaskResult:
    """Locates every fact of `items` by every method.

    Args:
        source: The file.
        items: Its answers, or some of them.
        settings: The methods.
        entailment: Who checks the spans.
        claims: Who makes the claims: `"rules"`, `"none"`, `"given"` for those of the file, or a writer.
        scorer: Who says whether spans support the claim, for AutoAIS; `None` for who checks them, whose every span then
            counts as supporting by construction.
        seed: Of the bootstrap.
        progress: Told how far it is.
    """
    judge = scorer or entailment
    rows: list[tuple[str, Mapping[str, Any], list[Located]]] = []
    done, total = 0, len(items) * len(settings)
    for number, setting in enumerate(settings):
        checked: list[Located] = []
        own: list[Located] = []
        for item in items:
            facts = [(fact.start, fact.end) for fact in item.facts]
            locator = _locator(item, setting, entailment, claims, verify=True)
            checked += _scored(item, locator.locate_each(facts), judge)
            unchecked = _locator(item, setting, entailment, claims, verify=False, method=locator.method)
            own += _scored(item, unchecked.locate_each(facts), judge)
            done += 1
            if progress is not None:
                progress(done, total)
        if number == 0:
            rows.append(("whole cited documents", {}, [_whole(each, judge) for each in checked]))
        described = {"method": setting.method, **setting.options, **setting.locator}
        rows.append((f"{setting.method}, its own spans", {**described, "verify": False}, own))
        rows.append((f"{setting.method}, checked", {**described, "verify": True}, checked))
    return TaskResult(
        task=NAME,
        version=VERSION,
        model=entailment.name,
        source=source,
        n=sum(len(item.facts) for item in items),
        settings={
            "claims": claims if isinstance(claims, str) else type(claims).__name__,
            "entailment": entailment.name,
            "scorer": judge.name,
            "seed": seed,
        },
        methods=tuple(MethodResult(label, asked, figures(found, seed)) for label, asked, found in rows),
        samples=tuple(_sample(label, each) for label, _, found in rows[1:] for each in found),
        notes=_notes(rows, scorer is None),
    )


def figures(found: Sequence[Located], seed: int = 0) -> dict[str, Figure]:
    """The figures of one method. Facts of one answer are not independent: intervals draw answers whole."""
    supported = [each for each in found if each.fact.gold]
    unsupported = [each for each in found if each.fact.gold == ()]
    shown = {
        "AutoAIS": _share(found, _entailed, seed),
        "of supported": _share(supported, _entailed, seed),
        "length": Figure(sum(length(each.spans) for each in found) / len(found), digits=0),
        "ratio": Figure(_ratio(found)),
        "without span": Figure(sum(not each.spans for each in found) / len(found)),
        "F1": _share(supported, _f1, seed),
        "IoU": _share(supported, _iou, None),
    }
    for kind, some in _by_kind(supported):
        shown[f"F1 {kind}"] = _share(some, _f1, None)
    shown["without support, with span"] = _share(unsupported, _has_span, seed)
    for kind, some in _by_kind(unsupported):
        shown[f"{kind} with span"] = _share(some, _has_span, None)
    return shown


def _entailed(each: Located) -> bool | None:
    return each.entailed


def _f1(each: Located) -> float | None:
    return each.overlap.f1 if each.overlap else None


def _iou(each: Located) -> float | None:
    return each.overlap.iou if each.overlap else None


def _has_span(each: Located) -> bool:
    return bool(each.spans)


def _by_kind(found: Sequence[Located]) -> Iterator[tuple[str, list[Located]]]:
    """The facts of each kind, where there are several."""
    kinds = [kind for kind in dict.fromkeys(each.fact.kind for each in found) if kind]
    if len(kinds) > 1:
        for kind in kinds:
            yield kind, [each for each in found if each.fact.kind == kind]


def _locator(
    item: Item,
    setting: Setting,
    entailment: EntailmentModel,
    claims: Decontextualizer | str,
    *,
    verify: bool,
    method: object = None,
) -> Locator:
    options = {} if method else dict(setting.options)
    arguments: dict[str, Any] = {
        "method": method or setting.method,
        "model": None if method else setting.model,
        "entailment": entailment,
        "verify": verify,
        "question": item.question,
        "decontextualize": Given(item.facts) if claims == "given" else claims,
    }
    return Locator(item.answer, item.documents, **arguments, **setting.locator, **options)


def _scored(item: Item, attributions: Sequence[Attribution], judge: EntailmentModel) -> list[Located]:
    by_id = {document.id: document for document in item.documents}
    steps = together(entailed(a.claim, a.spans, by_id, judge.threshold) for a in attributions)
    verdicts = run(steps, judge.judge)
    return [
        Located(item, fact, a.claim, a.spans, verdict, overlap(a.spans, fact.gold) if fact.gold else None, a)
        for fact, a, verdict in zip(item.facts, attributions, verdicts, strict=True)
    ]


def _whole(each: Located, judge: EntailmentModel) -> Located:
    """The same fact with all that is cited for it."""
    by_id: dict[str, Document] = {document.id: document for document in each.item.documents}
    spans = tuple(SourceSpan.of(by_id[id_], 0, len(by_id[id_].text)) for id_ in each.fact.cited)
    verdict = run(entailed(each.claim, spans, by_id, judge.threshold), judge.judge)
    gold = each.fact.gold
    return Located(each.item, each.fact, each.claim, spans, verdict, overlap(spans, gold) if gold else None)


def _share(found: Sequence[Located], value: Callable[[Located], float | None], seed: int | None) -> Figure:
    """The mean of a value over the facts that have it, with the interval over answers unless `seed` is `None`."""
    answers: dict[str, list[float]] = {}
    for each in found:
        number = value(each)
        if number is not None:
            answers.setdefault(each.item.id, []).append(float(number))
    groups = list(answers.values())
    if not groups:
        return Figure(None)

    def mean(chosen: Sequence[float]) -> float:
        numbers = [number for group in chosen for number in groups[int(group)]]
        return sum(numbers) / len(numbers)

    everything = range(len(groups))
    return Figure(mean(everything), None if seed is None else interval(mean, everything, seed=seed))


def _ratio(found: Sequence[Located]) -> float | None:
    cited = sum(each.cited for each in found)
    return sum(length(each.spans) for each in found) / cited if cited else None


def _sample(label: str, each: Located) -> dict[str, Any]:
    told = each.attribution
    return {
        "row": label,
        "id": each.fact.id,
        "words": each.item.answer[each.fact.start : each.fact.end],
        "claim": each.claim,
        "status": told and told.status.value,
        "probability": told and told.probability,
        "spans": [asdict(span) for span in each.spans],
        "gold": None if each.fact.gold is None else [asdict(span) for span in each.fact.gold],
        "entailed": each.entailed,
        **({} if each.overlap is None else asdict(each.overlap)),
        "notes": list(told.notes) if told else [],
        "failure": told and told.failure,
    }


def _notes(rows: Sequence[tuple[str, Mapping[str, Any], list[Located]]], same: bool) -> tuple[str, ...]:
    notes = []
    if same:
        notes.append(
            "AutoAIS is the word of the model that checked the spans: of checked rows it says only how many have any."
        )
    for label, _, found in rows:
        failed = [each for each in found if each.attribution and each.attribution.failure]
        silent = sum(each.entailed is None for each in found)
        if failed:
            told = failed[0].attribution
            notes.append(f"{label}: {len(failed)} fact(s) could not be located: {told.failure if told else ''}")
        if silent:
            notes.append(f"{label}: {silent} fact(s) got no verdict and are not in AutoAIS.")
    unknown = sum(each.fact.gold is None for each in rows[0][2]) if rows else 0
    if unknown:
        notes.append(f"{unknown} fact(s) without a word on their gold spans are in AutoAIS, length and ratio only.")
    return tuple(notes)
