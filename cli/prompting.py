"""What the model reads: the question behind the passages, and the question alone as the contrast."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterfoil.attribution.passages import Passage

if TYPE_CHECKING:
    from counterfoil.models import LanguageModel

INSTRUCTION = "You answer questions from the given documents, in one or two full sentences."
_HEADING_MARK = re.compile(r"(?m)^#{1,6}[ \t]+")


@dataclass(frozen=True)
class Prompt:
    """One question, seen with and without documents.

    Args:
        passages: What the model is shown, in the order in which it is shown.
        dropped: Passages that the context had no room for, the least similar ones.
        inputs: Tokens of the prompt with the passages: `input_ids` and `attention_mask`, `[1, length]`.
        contrast: Tokens of the same prompt without them.
    """

    passages: tuple[Passage, ...]
    dropped: tuple[Passage, ...]
    inputs: Mapping[str, Any]
    contrast: Mapping[str, Any]


def build_prompt(question: str, passages: Sequence[Passage], language: LanguageModel, max_new_tokens: int) -> Prompt:
    """The prompt, with as many of the best passages as the model's context holds beside the answer.

    Raises:
        ValueError: Not even one passage fits.
    """
    context = context_length(language)
    for n_shown in range(len(passages), 0, -1):
        shown = in_reading_order(passages[:n_shown])
        inputs = _tokens(language, _asked(question, shown))
        if inputs["input_ids"].shape[1] + max_new_tokens <= context:
            contrast = _tokens(language, _asked(question, ()))
            return Prompt(shown, tuple(passages[n_shown:]), inputs, contrast)
    raise ValueError(
        f"the question, one passage and {max_new_tokens} new tokens do not fit the context of {language.name}, "
        f"which is {context} tokens. Ask more briefly, lower --max-new-tokens, or choose another --model"
    )


def context_length(language: LanguageModel) -> int:
    """The most tokens that the model reads and writes together."""
    config = language.model.config.get_text_config()
    return getattr(config, "max_position_embeddings", None) or language.tokenizer.model_max_length


def in_reading_order(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Passages by document, the document with the best passage first; within one, as they stand in it."""
    order = list(dict.fromkeys(passage.document.id for passage in passages))
    return tuple(sorted(passages, key=lambda passage: (order.index(passage.document.id), passage.start)))


def _asked(question: str, passages: Sequence[Passage]) -> str:
    return "\n\n".join([*(_shown(passage) for passage in passages), f"Question: {' '.join(question.split())}"])


def _shown(passage: Passage) -> str:
    """The passage without heading marks and line breaks, which a small model would otherwise copy into its answer."""
    return " ".join(_HEADING_MARK.sub("", passage.text).split())


def _tokens(language: LanguageModel, content: str) -> Mapping[str, Any]:
    tokenizer = language.tokenizer
    if tokenizer.chat_template is None:
        return tokenizer(f"{INSTRUCTION}\n\n{content}\nAnswer:", return_tensors="pt")
    from jinja2 import TemplateError  # noqa: PLC0415

    options = {"add_generation_prompt": True, "return_tensors": "pt", "return_dict": True}
    system, user = {"role": "system", "content": INSTRUCTION}, {"role": "user", "content": content}
    try:
        encoded: Any = tokenizer.apply_chat_template([system, user], **options)
    except TemplateError:  # how a template says that it knows no system message
        user["content"] = f"{INSTRUCTION}\n\n{content}"
        encoded = tokenizer.apply_chat_template([user], **options)
    return encoded
