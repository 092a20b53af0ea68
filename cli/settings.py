"""What `counterfoil ask` was asked for, checked before anything is loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

METHODS = ("cad", "none")
LOCATING = ("alignment", "hidden_states", "none")


@dataclass(frozen=True)
class Settings:
    """The question and how to answer it.

    Args:
        question: What is asked.
        documents: Files and folders.
        method: `"cad"` decodes against the same question without documents, `"none"` plainly.
        strength: Strength of CAD, at least 0.
        compare: Decode plainly as well.
        model: Language model; `None` for the default.
        embedding_model: For retrieval; `None` for the default.
        entailment: Name of the entailment model.
        top_k: How many passages the model reads.
        max_new_tokens: The longest answer in tokens.
        max_sentences: The longest answer in sentences.
        locate: Method by which the words of each clause are located beforehand, for the page; `"none"` leaves it to
            `counterfoil view`.

    Raises:
        ValueError: For an empty question or values out of range.
    """

    question: str
    documents: tuple[Path, ...]
    method: str = "cad"
    strength: float = 0.5
    compare: bool = False
    model: str | None = None
    embedding_model: str | None = None
    entailment: str = "local"
    top_k: int = 3
    max_new_tokens: int = 80
    max_sentences: int = 3
    locate: str = "alignment"

    def __post_init__(self) -> None:
        if not self.question.strip():
            raise ValueError(
                'the question has to hold a word, but is empty. Ask, for example: counterfoil ask "Who …?"'
            )
        if not self.documents:
            raise ValueError(
                "--documents has to name files or folders, but is missing. Add, for example: --documents ."
            )
        if self.method not in METHODS:
            raise ValueError(f"--method has to be one of {', '.join(METHODS)}, but is {self.method!r}")
        if self.locate not in LOCATING:
            raise ValueError(f"--locate has to be one of {', '.join(LOCATING)}, but is {self.locate!r}")
        if not math.isfinite(self.strength) or self.strength < 0:
            raise ValueError(f"--strength has to be at least 0, but is {self.strength}")
        if self.compare and self.method == "none":
            raise ValueError("--compare sets CAD beside plain decoding, so --method has to be cad, but is none")
        for name in ("top_k", "max_new_tokens", "max_sentences"):
            if getattr(self, name) < 1:
                option = name.replace("_", "-")
                raise ValueError(f"--{option} has to be at least 1, but is {getattr(self, name)}")

    @property
    def decodings(self) -> tuple[tuple[str, float | None], ...]:
        """Label and strength of each answer to decode; `None` is plain decoding."""
        plain = ("Plain decoding", None)
        if self.method == "none":
            return (plain,)
        cad = (f"Context-aware decoding, strength {self.strength:g}", self.strength)
        return (cad, plain) if self.compare else (cad,)
