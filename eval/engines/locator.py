"""Methods of localisation as an engine: where the sources support some words of an answer."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, cast

from counterfoil.attribution import Document, EntailmentModel, SourceSpan
from counterfoil.attribution.documents import SourceRange
from counterfoil.attribution.entailment import Pair
from counterfoil.attribution.entailment.base import supports
from counterfoil.attribution.entailment.batching import Steps, run, together
from counterfoil.attribution.entailment.cached import CachedEntailment
from counterfoil.attribution.locating import Locator
from counterfoil.attribution.locating.base import Proposal, Query, everything
from counterfoil.attribution.locating.decontextualization import Claim, Decontextualizer
from counterfoil.attribution.locating.decontextualization.base import text_of, unmarked
from counterfoil.attribution.locating.results import Attribution, Kind
from counterfoil.attribution.locating.spans import premise_of
from counterfoil.attribution.text.markers import Range

from ..requests import Request, Response

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from ..task import Task


@dataclass(frozen=True)
class Fact:
    """Some words of an answer.

    Args:
        id: Name of the fact.
        ranges: Where the words stand in the answer, in order; half-open, in code points.
        claim: The words, understandable alone, if somebody wrote that down.
        cited: Ids of the documents that are cited for them.
    """

    id: str
    ranges: tuple[Range, ...]
    claim: str | None
    cited: tuple[str, ...]


@dataclass(frozen=True)
class Locate(Request):
    """The facts of an answer to be located.

    The response has for each fact an object with `claim` and what was found: `own`, the method's own spans, and
    `checked`, those that an entailment model left (`None` for whole documents). Each has `spans`, `status`,
    `probability`, `notes`, `entailed` (whether they support the claim, `None` without a verdict) and maybe `failure`.

    Args:
        answer: The answer.
        question: What was asked.
        documents: The sources.
        facts: The facts.
    """

    engine = "locator"

    answer: str
    question: str | None
    documents: tuple[Document, ...]
    facts: tuple[Fact, ...]

    def recorded(self) -> dict[str, Any]:
        """Return the request as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class LocatingMethod:
    """A way to locate.

    Args:
        method: Its name; `"whole"` gives the whole cited documents, which the spans of others replace.
        model: What it runs on, loaded.
        model_name: Its name, for the record; `None` for the method's default.
        options: Of the method.
    """

    method: str
    model: object = None
    model_name: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


WHOLE = LocatingMethod("whole")


class LocatorEngine:
    """Locates the facts of answers.

    Args:
        entailment: What checks the spans.
        scorer: What says whether spans support the claim, for AutoAIS; `None` for what checks them, whose every span
            then counts as supporting by construction.
        decontextualize: What makes the claims: `"rules"`, `"none"`, `"given"` for those of the data, or a
            decontextualizer.
        released_premise: Have the scorer read the spans as LAQuer's released code joins them, see
            :func:`released_premise`; as the check reads them by default.
        **locator: Other arguments of :class:`~counterfoil.attribution.locating.Locator`: `threshold`, `detail_check`.
    """

    at_once = 1

    def __init__(
        self,
        entailment: EntailmentModel,
        *,
        scorer: EntailmentModel | None = None,
        decontextualize: Decontextualizer | str = "rules",
        released_premise: bool = False,
        **locator: Any,  # noqa: ANN401
    ) -> None:
        self.released = released_premise
        self.entailment, self.locator = CachedEntailment(entailment), locator
        self.decontextualize = decontextualize
        self.scorer = self.entailment if scorer is None else CachedEntailment(scorer)

    @property
    def name(self) -> str:
        """Return the name of what checks the spans."""
        return self.entailment.name

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the decontextualization, the models that check and score, and their options."""
        way = self.decontextualize if isinstance(self.decontextualize, str) else type(self.decontextualize).__name__
        return {
            "engine": "locator",
            "decontextualize": way,
            "entailment": self.entailment.name,
            "scorer": self.scorer.name,
            "released_premise": self.released,
            **self.locator,
        }

    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """Raise: nothing is cut into tokens here.

        Raises:
            ValueError: Always.
        """
        raise ValueError("methods of localisation have no tokenizer in common")

    def described(self, method: LocatingMethod) -> tuple[str, str, Mapping[str, Any]]:
        """Return a method's name as name and label, its model and its options."""
        return method.method, method.method, {"model": method.model_name, **method.options}

    def refuses(self, task: Task, method: LocatingMethod) -> str | None:
        """Return `None`: a method that cannot locate something says so in its response."""
        return None

    def answer(self, methods: Sequence[LocatingMethod], requests: Sequence[Request]) -> list[list[Response]]:
        """Return what each method finds for the facts of each answer."""
        asked = cast("Sequence[Locate]", requests)
        return [[self._located(method, request) for request in asked] for method in methods]

    def _located(self, method: LocatingMethod, request: Locate) -> list[dict[str, Any]]:
        ranges = [fact.ranges for fact in request.facts]
        if method.method == "whole":
            documents = WholeDocuments(request)
            own = self._locator(request, method=documents, verify=False).locate_each(ranges)
            checked: Sequence[Attribution | None] = [None] * len(own)
        else:
            chosen = {"method": method.method, "model": method.model, **method.options}
            locator = self._locator(request, verify=True, **chosen)
            checked = locator.locate_each(ranges)
            own = self._locator(request, method=locator.method, verify=False).locate_each(ranges)
        told = iter(self._entailed(request, [one for one in (*own, *checked) if one is not None]))
        found = [[None if one is None else _recorded(one, next(told)) for one in some] for some in (own, checked)]
        return [_of_fact(one.claim, *of_one) for one, *of_one in zip(own, *found, strict=True)]

    def _locator(self, request: Locate, **arguments: Any) -> Locator:  # noqa: ANN401
        way = GivenClaims(request.facts) if self.decontextualize == "given" else self.decontextualize
        return Locator(
            request.answer,
            request.documents,
            entailment=self.entailment,
            question=request.question,
            decontextualize=way,
            **self.locator,
            **arguments,
        )

    def _entailed(self, request: Locate, found: Sequence[Attribution]) -> list[bool | None]:
        by_id = {document.id: document for document in request.documents}
        return run(together(self._verdict(one, by_id) for one in found), self.scorer.judge)

    def _verdict(self, found: Attribution, documents: Mapping[str, Document]) -> Steps[bool | None]:
        """Return whether the spans, read as one premise, support the claim.

        `False` without a span; `None` if the model gave no verdict.
        """
        places = [SourceRange(span.document, span.start, span.end) for span in found.spans]
        shown = released_premise(places, documents) if self.released else premise_of(places, documents)
        if not shown.strip():
            return False
        (judgement,) = yield [Pair(shown, found.claim)]
        return None if judgement.supported is None else supports(judgement, self.scorer.threshold)


def released_premise(places: Sequence[SourceRange], documents: Mapping[str, Document]) -> str:
    """Return the premise of some spans as LAQuer's released code joins them, which has no titles.

    Documents stand in alphabetical order, joined by a line feed and a blank; white space within a span is one blank; a
    full stop follows a span unless it ends in punctuation.
    """
    texts = []
    for document in sorted({place.document for place in places}):
        own = sorted(place for place in places if place.document == document)
        spans = [" ".join(documents[document].text[place.start : place.end].split()) for place in own]
        texts.append(
            " ".join(span if span.endswith(tuple(string.punctuation)) else f"{span}." for span in spans if span)
        )
    return "\n ".join(texts)


class GivenClaims:
    """The claims of the data; the words themselves if it has none."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self._facts = facts

    def decontextualize(self, answer: str, ranges: Sequence[Range], question: str | None) -> Claim:
        """Return the claim of the fact that these words belong to."""
        del question
        parts = unmarked(answer, ranges)
        words = text_of(answer, parts)
        fact = fact_of(self._facts, ranges)
        return Claim((fact.claim if fact else None) or words, parts, words)


class WholeDocuments:
    """The method whose spans are the whole documents that are cited for a fact."""

    name = "whole"
    kind = Kind.CORROBORATIVE

    def __init__(self, request: Locate) -> None:
        self._request = request

    def propose(self, query: Query) -> Proposal:
        """Return the documents that are cited for the fact that the words belong to."""
        by_id = {document.id: document for document in self._request.documents}
        fact = fact_of(self._request.facts, query.ranges)
        spans = tuple(SourceSpan.of(by_id[id_], 0, len(by_id[id_].text)) for id_ in (fact.cited if fact else ()))
        return Proposal(spans, everything(self._request.documents))


def fact_of(facts: Sequence[Fact], ranges: Sequence[Range]) -> Fact | None:
    """Return the longest fact that lies within some ranges, which snapping to whole words may have made larger."""
    inside = [
        fact
        for fact in facts
        if all(any(low <= start and end <= high for low, high in ranges) for start, end in fact.ranges)
    ]
    return max(inside, key=lambda fact: sum(end - start for start, end in fact.ranges), default=None)


def _recorded(found: Attribution, entailed: bool | None) -> dict[str, Any]:
    told = {
        "spans": [asdict(span) for span in found.spans],
        "status": found.status.value,
        "probability": found.probability,
        "notes": list(found.notes),
        "entailed": entailed,
    }
    if found.details:
        told["details"] = [asdict(detail) for detail in found.details]
    return {**told, "failure": found.failure} if found.failure else told


def _of_fact(claim: str, own: dict[str, Any], checked: dict[str, Any] | None) -> dict[str, Any]:
    """Return what was found for a fact; it has failed if a method or a judge said nothing of it."""
    found = {"claim": claim, "own": own, "checked": checked}
    for one in (own, checked):
        if one is not None and (one.get("failure") or one["entailed"] is None):
            found["failure"] = one.get("failure") or "the scorer gave no verdict"
    return found
