"""LAQuer (Hirsch et al., ACL 2025, arXiv 2506.01187): words of an answer located in the words of the sources.

Each fact is located by every method, as it is and after the check, and the same claim is located and scored (the
released code locates the words as they stand and scores the rewritten claim). Figures over facts:

- AutoAIS: share of facts whose spans, read as one premise, support the claim; a fact without a span is not supported.
- length: mean number of attributed characters; ratio: their sum over that of the documents cited for the fact.
- without span: share of facts that got none.
- F1 and IoU: agreement of characters with the gold spans, mean over the facts that have any.
- without support, with span: share of the facts without gold spans that got a span nevertheless.

The released script computes the first only. The row of whole documents is the attribution that the spans replace.

The data: a line is one answer: `id`, `answer`, `documents` (`id`, `title`, `text`), `facts`, and if known `question`
and `split`. A fact has `start` and `end` in the answer, or several `ranges`, and if known `claim` (the words,
understandable alone), `kind` (free; figures are given for each), `cited` (ids of the documents that the answer's
sentence cites; all by default) and `gold`: `document`, `start`, `end` and `quote` of each span of its shortest support,
empty for a fact without support.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterfoil.attribution.documents import Document, SourceSpan

from ..aggregate import mean
from ..dataset import Dataset
from ..engines.locator import WHOLE, Fact, Locate
from ..measuring_models import MeasuringModels
from ..requests import Response
from ..results import Figure, Row
from ..statistics import grouped_bootstrap, value_of
from ..task import Answer, Item, MethodAnswers, Task

if TYPE_CHECKING:
    from ..engines.base import Engine

Characters = set[tuple[str, int]]


@dataclass(frozen=True)
class LAQuer(Task):
    """The task.

    Args:
        split: Only the answers of this split.
    """

    name = "laquer"
    version = 2
    summary = "from words of the answer to words of the source: AutoAIS, length, F1 with gold spans"
    data = "laquer/*.jsonl"
    one_file = True
    asks = Locate
    methods = "alignment,hidden_states"

    split: str = ""

    def read(self, dataset: Dataset, models: MeasuringModels) -> Sequence[Item]:
        """Return the answers, or those of one split.

        Raises:
            ValueError: A line cannot be used, its number is named; or there is no such split.
        """
        items = dataset.records("an answer with facts", _item)
        splits = sorted({item.facts["split"] for item in items})
        if self.split and self.split not in splits:
            raise ValueError(f"`split` has to be one of {', '.join(splits) or 'none'}, but is {self.split!r}")
        return [item for item in items if self.split in ("", item.facts["split"])]

    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """Return the scores of each fact, by `own` and `checked` spans."""
        facts = zip(item.facts["facts"], response, strict=True)
        pairs = [(fact, found, way) for fact, found in facts for way in ("own", "checked")]
        return {
            way: [_scored(fact, found[way]) for fact, found, of in pairs if of == way and found[way] is not None]
            for way in ("own", "checked")
        }

    def prepared(self, methods: Sequence[Any], engine: Engine, *, seed: int) -> Sequence[Any]:
        """Return the methods behind that of whole documents."""
        return [WHOLE, *methods]

    def rows(self, found: Sequence[MethodAnswers], *, seed: int, models: MeasuringModels) -> Sequence[Row]:
        """Return the row of whole documents, and for each method those of its own and of the checked spans."""
        whole, *others = found
        rows = [Row("whole cited documents", {}, figures(_facts(whole, "own"), seed))]
        for one in others:
            described = {"method": one.method, **one.settings}
            own, checked = (figures(_facts(one, way), seed) for way in ("own", "checked"))
            rows.append(Row(f"{one.label}, its own spans", {**described, "verify": False}, own))
            rows.append(Row(f"{one.label}, checked", {**described, "verify": True}, checked))
        return rows

    def notes(self, found: Sequence[MethodAnswers], rows: Sequence[Row]) -> Iterable[str]:
        """Return what AutoAIS says, facts that could not be located or scored, and those without known gold spans."""
        yield "AutoAIS of checked rows says only how many facts have a span, unless another --scorer gives it."
        for one in found:
            failures = [fact["failure"] for answer in one.answers for fact in answer.response if "failure" in fact]
            if failures:
                yield f"{one.label}: {len(failures)} fact(s) could not be located or scored: {failures[0]}"
        unknown = sum(fact["gold"] is None for answer in found[0].answers for fact in answer.item.facts["facts"])
        if unknown:
            yield f"{unknown} fact(s) without a word on their gold spans are in AutoAIS, length and ratio only."


TASK = LAQuer()


@dataclass(frozen=True)
class Overlap:
    """How the characters of some spans and of the gold spans of one fact agree, each in [0, 1].

    Args:
        precision: Share of the found characters that are gold; 0 if nothing was found.
        recall: Share of the gold characters that were found.
        f1: Their harmonic mean.
        iou: Characters in both over characters in either.
    """

    precision: float
    recall: float
    f1: float
    iou: float


def overlap(found: Characters, gold: Characters) -> Overlap:
    """Return the agreement in characters, those of all documents together.

    Raises:
        ValueError: Without a gold character: agreement with nothing has no figure.
    """
    if not gold:
        raise ValueError("`gold` has to hold a character, but is empty")
    both = len(found & gold)
    precision, recall = both / len(found) if found else 0.0, both / len(gold)
    return Overlap(precision, recall, 2 * both / (len(found) + len(gold)), both / len(found | gold))


def characters(spans: Iterable[Mapping[str, Any]]) -> Characters:
    """Return the characters of some spans, each once however many spans hold it."""
    return {(span["document"], place) for span in spans for place in range(span["start"], span["end"])}


def figures(facts: Sequence[Answer], seed: int = 0) -> dict[str, Figure]:
    """Return the figures of one method from one answer a fact.

    Facts of one answer are not independent: intervals draw answers whole.
    """
    supported = [one for one in facts if one.score["gold"] is True]
    unsupported = [one for one in facts if one.score["gold"] is False]
    lengths, cited = ([one.score[name] for one in facts] for name in ("length", "cited"))
    shown = {
        "AutoAIS": _share(facts, "entailed", seed),
        "of supported": _share(supported, "entailed", seed),
        "length": Figure(sum(lengths) / len(facts), digits=0),
        "ratio": Figure(sum(lengths) / sum(cited) if sum(cited) else None),
        "without span": Figure(sum(length == 0 for length in lengths) / len(facts)),
        "F1": _share(supported, "f1", seed),
        "IoU": _share(supported, "iou", None),
    }
    for kind, some in _by_kind(supported):
        shown[f"F1 {kind}"] = _share(some, "f1", None)
    shown["without support, with span"] = _share(unsupported, "has span", seed)
    for kind, some in _by_kind(unsupported):
        shown[f"{kind} with span"] = _share(some, "has span", None)
    return shown


def _facts(found: MethodAnswers, way: str) -> list[Answer]:
    """Return one answer a fact, in the group of its answer."""
    return [
        Answer(Item(fact["id"], one.item.request, group=one.item.id), None, {**fact, **score})
        for one in found.answers
        for fact, score in zip(one.item.facts["facts"], one.score[way], strict=True)
    ]


def _scored(fact: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    spans, gold = characters(found["spans"]), fact["gold"]
    agreed = overlap(spans, characters(gold)) if gold else None
    return {
        "entailed": found["entailed"],
        "length": len(spans),
        "has span": bool(spans),
        "f1": agreed and agreed.f1,
        "iou": agreed and agreed.iou,
        "gold": None if gold is None else bool(gold),
    }


def _by_kind(facts: Sequence[Answer]) -> Iterator[tuple[str, list[Answer]]]:
    """Return the facts of each kind, if there are several."""
    kinds = [kind for kind in dict.fromkeys(one.score["kind"] for one in facts) if kind]
    if len(kinds) > 1:
        for kind in kinds:
            yield kind, [one for one in facts if one.score["kind"] == kind]


def _share(facts: Sequence[Answer], score: str, seed: int | None) -> Figure:
    """Return the mean of a score over the facts that have it, with its interval unless `seed` is `None`."""
    some = [one for one in facts if one.score[score] is not None]
    if not some:
        return Figure(None)
    statistic = mean(score)(some)
    groups = [one.item.drawn_with for one in some]
    found = None if seed is None else grouped_bootstrap({score: statistic}, groups, seed=seed)[score]
    return Figure(value_of(statistic, len(some)), found)


def _item(_: int, record: Mapping[str, Any]) -> Item:
    documents = tuple(Document(d["id"], d["text"], d.get("title", "")) for d in record["documents"])
    by_id = {document.id: document for document in documents}
    answer = record["answer"]
    facts = [_fact(n, fact, answer, by_id) for n, fact in enumerate(record["facts"], start=1)]
    asked = tuple(Fact(f["id"], tuple(map(tuple, f["ranges"])), f["claim"], tuple(f["cites"])) for f in facts)
    request = Locate(answer, record.get("question"), documents, asked)
    return Item(record["id"], request, {"split": record.get("split", ""), "facts": facts})


def _fact(number: int, record: Mapping[str, Any], answer: str, documents: Mapping[str, Document]) -> dict[str, Any]:
    name = record.get("id", str(number))
    ranges = [list(one) for one in record.get("ranges") or [(record["start"], record["end"])]]
    for start, end in ranges:
        if not 0 <= start < end <= len(answer):
            raise ValueError(
                f"fact {name} has to lie within the {len(answer)} characters of the answer, but is {start, end}"
            )
    words = " ".join(answer[start:end] for start, end in ranges)
    if record.get("text", words) != words:
        raise ValueError(f"fact {name} has to be {words!r}, but is {record['text']!r}")
    cites = list(record.get("cited", documents))
    for id_ in cites:
        if id_ not in documents:
            raise ValueError(f"fact {name} has to cite documents of the answer, but cites {id_!r}")
    gold = record.get("gold")
    return {
        "id": name,
        "ranges": ranges,
        "claim": record.get("claim"),
        "kind": record.get("kind", ""),
        "cites": cites,
        "cited": sum(len(documents[id_].text) for id_ in cites),
        "gold": None if gold is None else [_gold(name, span, documents) for span in gold],
    }


def _gold(name: str, record: Mapping[str, Any], documents: Mapping[str, Document]) -> dict[str, Any]:
    if record["document"] not in documents:
        raise ValueError(
            f"the gold of fact {name} has to be in a document of the answer, but is in {record['document']!r}"
        )
    span = SourceSpan.of(documents[record["document"]], record["start"], record["end"])
    if record.get("quote", span.quote) != span.quote:
        raise ValueError(f"the gold of fact {name} has to be {span.quote!r}, but is {record['quote']!r}")
    return {"document": span.document, "start": span.start, "end": span.end}
