"""A model that answers questions from a text by one span of it, or by none, as SQuAD 2.0 models do.

transformers 5 has no such pipeline any more; this is the reading of the one before, which ALCE's scorer calls with
`handle_impossible_answer=True`: windows of 384 tokens that overlap by 128, answers of 15 tokens at most, whole words,
and no answer if the first token of some window is the likelier one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

WINDOW, OVERLAP, LONGEST = 384, 128, 15
IMPOSSIBLE = -10_000.0


class Reader:
    """An extractive reader.

    Args:
        model: Hub id or folder of a model for question answering; ALCE's is gaotianyu1350/roberta-large-squad.
        device: A torch device; `None` for a GPU if there is one.

    Raises:
        ModelLoadError: There is no such model.
        ValueError: Its tokenizer does not know which characters a token stands for.
    """

    def __init__(self, model: str, *, device: str | None = None) -> None:
        from counterfoil.models.checkpoints import on_device  # noqa: PLC0415
        from counterfoil.models.errors import ModelLoadError, reason_of  # noqa: PLC0415
        from transformers import AutoModelForQuestionAnswering, AutoTokenizer  # noqa: PLC0415

        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(model)
            self.model: Any = on_device(AutoModelForQuestionAnswering.from_pretrained(model), device)
        except (OSError, ValueError, KeyError) as error:
            remedy = "Give the hub id or the folder of a model for extractive question answering."
            raise ModelLoadError(model, [f"as a reader it could not be read ({reason_of(error)})"], remedy) from error
        if not self.tokenizer.is_fast:
            raise ValueError(f"`model` has to have a fast tokenizer, but {model} has not")
        self.name = model

    def answers(self, questions: Sequence[str], text: str) -> list[str]:
        """Return the answer to each question that a text gives, empty if it gives none."""
        return [self._answer(question, text or " ") for question in questions]

    @torch.inference_mode()
    def _answer(self, question: str, text: str) -> str:
        first = self.tokenizer.padding_side == "right"
        longest = min(self.tokenizer.model_max_length, WINDOW)
        read = self.tokenizer(
            *((question, text) if first else (text, question)),
            truncation="only_second" if first else "only_first",
            max_length=longest,
            stride=min(longest // 2, OVERLAP),
            return_overflowing_tokens=True,
            padding="longest",
            return_tensors="pt",
        )
        accepted = {name: read[name] for name in self.tokenizer.model_input_names if name in read}
        found = self.model(**{name: value.to(self.model.device) for name, value in accepted.items()})
        best, answer, none = -1.0, "", 1e6
        for window, encoding in enumerate(read.encodings):
            context = torch.tensor([of == (1 if first else 0) for of in encoding.sequence_ids])
            allowed = context & torch.tensor(encoding.attention_mask, dtype=torch.bool)
            allowed[0] = True  # the first token stands for no answer
            starts, ends = (
                logits[window].cpu().float().masked_fill(~allowed, IMPOSSIBLE).softmax(-1)
                for logits in (found.start_logits, found.end_logits)
            )
            none = min(none, float(starts[0] * ends[0]))
            starts[0] = ends[0] = 0.0
            score, low, high = _best_span(starts, ends)
            if score > best:
                best, answer = score, _words(encoding, low, high, text, int(first))
        return answer if best > none else ""


def _best_span(starts: torch.Tensor, ends: torch.Tensor) -> tuple[float, int, int]:
    """Return the likeliest span of at most :data:`LONGEST` tokens: its probability, first and last token."""
    joint = starts[:, None] * ends[None, :]
    joint = joint.triu().tril(LONGEST - 1)
    place = int(joint.argmax())
    low, high = divmod(place, len(starts))
    return float(joint[low, high]), low, high


def _words(encoding: Any, low: int, high: int, text: str, sequence: int) -> str:  # noqa: ANN401 (tokenizers' Encoding)
    """Return the whole words of the text that tokens belong to."""
    words = [encoding.token_to_word(token) for token in (low, high)]
    if None not in words:
        (start, _), (_, end) = (encoding.word_to_chars(word, sequence) for word in words)
    else:
        (start, _), (_, end) = (encoding.offsets[token] for token in (low, high))
    return text[start:end]
