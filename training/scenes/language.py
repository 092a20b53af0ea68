"""What is said about scenes: questions, captions, and the words a model of them knows."""

from __future__ import annotations

import re
from collections.abc import Sequence

from counterfoil.eval.scenes.objects import NAMES
from counterfoil.eval.scenes.questions import about
from transformers import PreTrainedTokenizerFast

DESCRIBE = "Please describe this image in detail."
"""The prompt that RITUAL's authors use for CHAIR."""

DESCRIBE_EVERYTHING = (
    "Provide a detailed description of the image, covering all visible elements and their interactions, so as to "
    "thoroughly answer any potential questions about the image."
)
"""CODE's instruction (Kim et al. 2024)."""

IMAGE, PAD, BEGIN, END, UNKNOWN = "<image>", "<pad>", "<s>", "</s>", "<unk>"
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['content'] is string %}{{ message['content'] }} "
    "{% else %}{% for part in message['content'] %}{% if part['type'] == 'image' %}<image> "
    "{% else %}{{ part['text'] }} {% endif %}{% endfor %}{% endif %}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
)


def caption(objects: Sequence[str]) -> str:
    """Return a sentence that names the things in their order."""
    *first, last = map(_a, objects or ["nothing"])
    return f"{', '.join(first)} and {last}." if first else f"{last}."


def words(text: str) -> list[str]:
    """Return the words and marks of a text, in lower case."""
    return re.findall(r"\w+|[^\w\s]", text.lower())


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer of whole words that knows those of questions, captions and the two instructions."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors  # noqa: PLC0415

    said = " ".join(["yes no", DESCRIBE, DESCRIBE_EVERYTHING, caption([]), *map(about, NAMES), caption(NAMES)])
    known = [PAD, BEGIN, END, UNKNOWN, IMAGE, *dict.fromkeys(words(said))]
    vocabulary = {word: number for number, word in enumerate(known)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", pair=f"{BEGIN} $A $B", special_tokens=[(BEGIN, vocabulary[BEGIN])]
    )
    # Words are joined with spaces, and marks follow theirs without one.
    tokenizer.decoder = decoders.WordPiece(cleanup=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BEGIN,
        eos_token=END,
        unk_token=UNKNOWN,
        extra_special_tokens={"image_token": IMAGE},
        padding_side="left",
        chat_template=CHAT_TEMPLATE,
    )


def token(tokenizer: PreTrainedTokenizerFast, word: str) -> int:
    """Return the number of a word, or of a special token."""
    return tokenizer.get_vocab()[word]


def _a(name: str) -> str:
    if name == "nothing":
        return name
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"
