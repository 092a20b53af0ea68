"""What a reader has to know beside the answer: how it was made, and what was left out on the way."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from counterfoil.attribution import Status
from counterfoil.attribution.loaders.documents import Reading
from counterfoil.attribution.report import AnswerRecord

from .settings import Settings

if TYPE_CHECKING:
    from .generating import Generated
    from .prompting import Prompt


def described(settings: Settings, language: str, entailment: str, prompt: Prompt) -> dict[str, str]:
    """How the answers were made, by name, in the order in which it is shown."""
    return {
        "Language model": language,
        "Decoding": "; ".join(label for label, _ in settings.decodings),
        "Passages read": str(len(prompt.passages)),
        "Entailment model": entailment,
        "Longest answer": f"{settings.max_sentences} sentences, {settings.max_new_tokens} tokens",
        "Version": f"counterfoil {version('counterfoil')}",
    }


def notes(
    reading: Reading, prompt: Prompt, generated: Sequence[tuple[str, Generated]], records: Sequence[AnswerRecord]
) -> list[str]:
    """Sentences on files, passages and parts of an answer that were left out, and on what could not be checked."""
    found = [f"Left out: {left_out}." for left_out in reading.left_out]
    if prompt.dropped:
        n_found = len(prompt.dropped) + len(prompt.passages)
        found.append(
            f"The model's context has room for {len(prompt.passages)} of the {n_found} passages found; "
            "the others were not read."
        )
    found += [
        f"{label}: the last sentence was unfinished at {text.n_tokens} tokens and was left out. Raise --max-new-tokens."
        for label, text in generated
        if text.unfinished
    ]
    for record in records:
        unchecked = sum(verdict.status is Status.NOT_CHECKED for verdict in record.statements)
        if unchecked:
            found.append(f"{record.label}: {unchecked} sentence(s) could not be checked and are not in the scores.")
    return found
