"""Entailment models that mark words: LettuceDetect and other detectors that classify the tokens of an answer."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence

from counterfoil.models.checkpoints import load_pretrained, loading_options, on_device
from transformers import AutoModelForTokenClassification, AutoTokenizer

from ..detail_check.findings import Finding, FindingKind
from .base import Judgement, Pair
from .checkpoints import SLACK, CheckpointEntailment, counter, full_name

LETTUCE_WINDOW = 4096
"""Tokens of prompt and answer together that LettuceDetect was trained on."""

_SUPPORTED = re.compile(r"o|label_0|supported|entail(?:s|ed|ment)?|consistent|faithful|correct", re.IGNORECASE)


class TokenClassificationEntailment(CheckpointEntailment):
    """A detector that says of each token of a statement whether the premise supports it.

    A statement is as well supported as its worst token: the probability is the smallest over its tokens. Runs of tokens
    below one half are findings of the judgement, with their places.

    Args:
        model: Hub id or path of a token classifier with a fast tokenizer. Premise and statement are its pair of texts.
        template: What stands around the premise, with `{premise}`.
        window: Tokens of premise, statement and special tokens together; `None` for the tokenizer's limit, or 4096.
        revision: As for all; see :mod:`~counterfoil.attribution.entailment.checkpoints`.

    Raises:
        ValueError: If not exactly one label says that a token is supported.
    """

    def __init__(
        self,
        model: str,
        *,
        template: str = "{premise}",
        window: int | None = None,
        revision: str | None = None,
        device: str | None = None,
        device_map: str | None = None,
        batch_size: int = 8,
        threshold: float = 0.5,
    ) -> None:
        tokenizer = load_pretrained(AutoTokenizer, model, revision=revision or "main")
        loaded = load_pretrained(
            AutoModelForTokenClassification, model, **loading_options(device, device_map, revision)
        )
        self.template = template
        self.supported = supported_label(loaded.config.id2label)
        longest = window or min(tokenizer.model_max_length, LETTUCE_WINDOW)
        frame = counter(tokenizer)(template.format(premise="")) + tokenizer.num_special_tokens_to_add(pair=True) + SLACK
        form = "" if template == "{premise}" else f"/{hashlib.sha256(template.encode()).hexdigest()[:8]}"
        super().__init__(
            tokenizer,
            on_device(loaded, device),
            name=f"{full_name('tokens', model, loaded)}/{longest}{form}",
            threshold=threshold,
            window=max(longest - frame, 1),
            batch_size=batch_size,
        )

    def forward(self, pairs: Sequence[Pair]) -> list[Judgement]:
        """Judge one batch of pairs that fit the window; may run out of memory."""
        premises = [self.template.format(premise=pair.premise) for pair in pairs]
        inputs = self.tokenizer(
            premises,
            [pair.hypothesis for pair in pairs],
            padding=True,
            return_offsets_mapping=True,
            return_tensors="pt",
        )
        places = inputs.pop("offset_mapping").tolist()
        logits = self.model(**inputs.to(self.model.device)).logits.float()
        supported = logits.softmax(dim=-1)[..., self.supported].tolist()
        return [
            _judgement(
                pair.hypothesis,
                [
                    (tuple(place), probability)
                    for place, probability, part in zip(row, probabilities, inputs.sequence_ids(n), strict=True)
                    if part == 1 and place[0] < place[1]
                ],
            )
            for n, (pair, row, probabilities) in enumerate(zip(pairs, places, supported, strict=True))
        ]


class LettuceDetectEntailment(TokenClassificationEntailment):
    """LettuceDetect (Kovács and Recski, 2025; MIT): ModernBERT that marks the words of an answer that are hallucinated.

    Its prompt without a question, as its own package forms it, stands around the premise.

    Args:
        model: Hub id or path.
        **options: See :class:`TokenClassificationEntailment`.
    """

    TEMPLATE = "\nSummarize the following text:\n{premise}\noutput:\n"

    def __init__(self, model: str = "KRLabsOrg/lettucedect-base-modernbert-en-v1", **options: object) -> None:
        super().__init__(model, **{"template": self.TEMPLATE, **options})  # type: ignore[arg-type]


def supported_label(id2label: Mapping[int, str]) -> int:
    """Return which output means that a token is supported.

    Raises:
        ValueError: If not exactly one label does.
    """
    found = [n for n, label in id2label.items() if _SUPPORTED.fullmatch(label.strip())]
    if len(found) != 1:
        raise ValueError(
            f"`model` has to have one label for supported tokens, but its labels are {', '.join(id2label.values())}: "
            "set `id2label` in its configuration"
        )
    return found[0]


def _judgement(statement: str, tokens: Sequence[tuple[tuple[int, int], float]]) -> Judgement:
    if not tokens:
        return Judgement(None, failure="the statement has no token that the model knows")
    least = min(probability for _, probability in tokens)
    judgement = Judgement(least)
    if judgement.supported is None:
        return judgement
    details = tuple(
        Finding.between(FindingKind.UNSUPPORTED, statement, place, "", None) for place in _marked(statement, tokens)
    )
    return Judgement(least, details=details)


def _marked(statement: str, tokens: Sequence[tuple[tuple[int, int], float]]) -> Iterator[tuple[int, int]]:
    """Yield the runs of words whose tokens are more likely unsupported than supported."""
    run: tuple[int, int] | None = None
    for (start, end), probability in tokens:
        if probability < 0.5:
            run = (run[0] if run else start, end)
        elif run:
            yield _trimmed(statement, run)
            run = None
    if run:
        yield _trimmed(statement, run)


def _trimmed(statement: str, run: tuple[int, int]) -> tuple[int, int]:
    """Return the run without white space at its ends, which some tokenizers count to a token."""
    piece = statement[slice(*run)]
    return run[0] + len(piece) - len(piece.lstrip()), run[1] - len(piece) + len(piece.rstrip())
