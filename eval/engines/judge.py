"""An entailment model as an engine: it judges statements, or what a request asks of it in several steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from counterfoil.attribution.entailment import EntailmentModel, Judgement, Pair
from counterfoil.attribution.entailment.batching import Steps, run, together
from counterfoil.attribution.entailment.cached import CachedEntailment
from counterfoil.attribution.text.segmentation import without_surrogates

from ..requests import Judgements, Request, Response

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from ..task import Task


@runtime_checkable
class Questions(Protocol):
    """A request that asks an entailment model in several steps."""

    def steps(self, name: str, threshold: float) -> Steps[Response]:
        """Yield pairs, receive their judgements, return the response; the arguments are the model's."""
        ...


class JudgeEngine:
    """Answers with an entailment model; each different pair is judged once, the longest first.

    Args:
        model: The model.
        options: Those that it was loaded with, for the record.
        at_once: How many requests it is given at once.
    """

    def __init__(
        self, model: EntailmentModel, options: Mapping[str, object] | None = None, *, at_once: int = 256
    ) -> None:
        self.model = model
        self.at_once = at_once
        self._options = dict(options or {})
        self._judge = CachedEntailment(model).judge

    @property
    def name(self) -> str:
        """Return the model's name with its revision."""
        return self.model.name

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the threshold, and the options that the model was loaded with."""
        options = {f"option {name}": value for name, value in self._options.items()}
        return {"engine": "entailment", "threshold": self.model.threshold, **options}

    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """Raise: an entailment model is not the model whose texts a task cuts.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"{self.name} judges texts and has no tokenizer to cut them by")

    def described(self, method: None) -> tuple[str, str, Mapping[str, Any]]:
        """Return the model as its only method."""
        return "entailment", self.name, {"threshold": self.model.threshold}

    def refuses(self, task: Task, method: None) -> str | None:
        """Return `None`: it judges whatever it is given."""
        return None

    def answer(self, methods: Sequence[None], requests: Sequence[Request]) -> list[list[Response]]:
        """Return the responses to requests that are all :class:`~..requests.Judgements`, or all have steps."""
        asked = [request for request in requests if isinstance(request, Judgements)]
        if len(asked) == len(requests):
            return [self._judged(asked)]
        steps = [
            request.steps(self.name, self.model.threshold) for request in requests if isinstance(request, Questions)
        ]
        return [run(together(steps), self._judge)]

    def _judged(self, requests: Sequence[Judgements]) -> list[Response]:
        pairs = [[Pair(request.premise, text) for text in request.hypotheses] for request in requests if request.asked]
        judgements = iter(self._judge([_sendable(pair) for some in pairs for pair in some]))
        return [
            [_recorded(next(judgements), self.model.threshold) for _ in request.hypotheses] if request.asked else []
            for request in requests
        ]  # fmt: skip


def _recorded(found: Judgement, threshold: float) -> dict[str, Any]:
    known = {name: value for name, value in asdict(found).items() if value is not None and value != ()}
    told = {name: list(value) if isinstance(value, tuple) else value for name, value in known.items()}
    if found.supported is not None:
        told["verdict"] = found.supported >= threshold if found.decided is None else found.decided
    return told


def _sendable(pair: Pair) -> Pair:
    return Pair(without_surrogates(pair.premise), without_surrogates(pair.hypothesis))
