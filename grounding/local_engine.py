"""The engine in this process: a transformers model, decoded against the contrast "same question, no documents"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from counterfoil.attribution.report import TraceSpan
from counterfoil.attribution.retrieval import Passage
from counterfoil.attribution.text.segmentation import sentences
from counterfoil.decoding import CADLogitsProcessor, batched_views, drafted_views
from jinja2 import TemplateError
from transformers import StoppingCriteria

from .engine import Generated, Limits, OnToken, Prompt
from .messages import INSTRUCTION, in_reading_order, user_message

if TYPE_CHECKING:
    from counterfoil.models import LanguageModel
    from transformers import PreTrainedTokenizerBase

Tokens = Mapping[str, torch.Tensor]
"""`input_ids` and `attention_mask`, each `[1, length]`."""


class LocalEngine:
    """A language model in this process; see :class:`~counterfoil.grounding.engine.Engine`.

    Args:
        language: The model and its tokenizer, from :func:`counterfoil.models.load_language_model`.
        drafts: Whether CAD reads what the answer copies from the documents several tokens at once, where that gives the
            same tokens; see :func:`~counterfoil.decoding.drafted_views`.
    """

    def __init__(self, language: LanguageModel, *, drafts: bool = True) -> None:
        self.language = language
        self._loop = drafted_views if drafts else batched_views

    @property
    def name(self) -> str:
        """Name of the language model."""
        return self.language.name

    @property
    def context_length(self) -> int:
        """Return the most tokens that the model reads and writes together."""
        config = self.language.model.config.get_text_config()
        return getattr(config, "max_position_embeddings", None) or self.language.tokenizer.model_max_length

    def prompt(self, question: str, passages: Sequence[Passage], max_new_tokens: int) -> Prompt[Tokens]:
        """Return the prompt with as many of the best passages as the context holds beside the answer.

        Raises:
            ValueError: Not even one passage fits.
        """
        for n_read in range(len(passages), 0, -1):
            read = in_reading_order(passages[:n_read])
            main = self._tokens(user_message(question, read))
            if main["input_ids"].shape[1] + max_new_tokens <= self.context_length:
                return Prompt(read, tuple(passages[n_read:]), main, self._tokens(user_message(question, ())))
        raise ValueError(
            f"the question, one passage and {max_new_tokens} new tokens do not fit the context of {self.name}, "
            f"which is {self.context_length} tokens. Ask more briefly, lower `max_new_tokens`, or choose another model"
        )

    def generate(
        self, prompt: Prompt[Tokens], *, strength: float | None, limits: Limits, on_token: OnToken | None = None
    ) -> Generated:
        """Decode one answer greedily, both views of the question in one forward.

        Args:
            prompt: From :meth:`prompt`.
            strength: Of CAD; `None` decodes plainly.
            limits: When to stop.
            on_token: Called with the number of tokens so far.
        """
        model, tokenizer = self.language.model, self.language.tokenizer
        main = {name: tensor.to(model.device) for name, tensor in prompt.main.items()}
        length = main["input_ids"].shape[1]
        cad = None
        if strength is not None:
            cad = CADLogitsProcessor(model, prompt.contrast, strength=strength, trace=True)
        generate_tokens: Any = model.generate
        sequences = generate_tokens(
            **main,
            do_sample=False,
            max_new_tokens=limits.max_new_tokens,
            logits_processor=[cad] if cad else [],
            custom_generate=self._loop if cad else None,
            stopping_criteria=[_EnoughSentences(tokenizer, length, limits.max_sentences, on_token)],
            pad_token_id=tokenizer.pad_token_id,
        )
        new = sequences[0, length:].tolist()
        written = _text(tokenizer, new)
        ended = new[-1] in _end_tokens(self.language)
        found = sentences(written)
        enough = ended or len(found) > limits.max_sentences
        # If not even one sentence was finished, what there is of it is the answer.
        kept = (found if enough else found[:-1])[: limits.max_sentences] or found
        start, end = (kept[0].start, kept[-1].end) if kept else (0, 0)
        values = cad.trace(sequences).difference[0].tolist() if cad else []
        trace = _trace(_ends(tokenizer, new), values, start, end)
        return Generated(written[start:end], len(new), not enough, trace)

    def _tokens(self, message: str) -> Tokens:
        tokenizer = self.language.tokenizer
        if tokenizer.chat_template is None:
            return tokenizer(f"{INSTRUCTION}\n\n{message}\nAnswer:", return_tensors="pt")
        options = {"add_generation_prompt": True, "return_tensors": "pt", "return_dict": True}
        system, user = {"role": "system", "content": INSTRUCTION}, {"role": "user", "content": message}
        try:
            encoded: Any = tokenizer.apply_chat_template([system, user], **options)
        except TemplateError:  # how a template says that it knows no system message
            user["content"] = f"{INSTRUCTION}\n\n{message}"
            encoded = tokenizer.apply_chat_template([user], **options)
        return encoded


class _EnoughSentences(StoppingCriteria):
    """Stop after the last wanted sentence: when the next one has begun, for a full stop alone may be "2.4"."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, prompt_length: int, max_sentences: int, on_token: OnToken | None
    ) -> None:
        self.tokenizer, self.prompt_length = tokenizer, prompt_length
        self.max_sentences, self.on_token = max_sentences, on_token

    def __call__(
        self, input_ids: torch.Tensor, scores: tuple[torch.FloatTensor] | None, **kwargs: object
    ) -> torch.BoolTensor:
        new = input_ids[:, self.prompt_length :]
        if self.on_token is not None:
            self.on_token(new.shape[1])
        written = self.tokenizer.batch_decode(new, skip_special_tokens=True)
        done = [len(sentences(text)) > self.max_sentences for text in written]
        return cast("torch.BoolTensor", torch.tensor(done, device=input_ids.device))


def _trace(ends: list[int], values: list[float], start: int, end: int) -> tuple[TraceSpan, ...]:
    """Return the values of the tokens that stand in `[start, end)` of the text, with offsets from `start`."""
    return tuple(
        TraceSpan(max(begin, start) - start, min(stop, end) - start, value)
        for begin, stop, value in zip([0, *ends], ends, values, strict=False)
        if max(begin, start) < min(stop, end)
    )


def _ends(tokenizer: PreTrainedTokenizerBase, tokens: list[int]) -> list[int]:
    """Return where each token ends in the text, decoded from the start each time: a token may be part of a letter."""
    prefixes = (_text(tokenizer, tokens[: n + 1]) for n in range(len(tokens)))
    return [len(prefix.rstrip("�")) for prefix in prefixes]


def _text(tokenizer: PreTrainedTokenizerBase, tokens: list[int]) -> str:
    return tokenizer.batch_decode([tokens], skip_special_tokens=True)[0]


def _end_tokens(language: LanguageModel) -> set[int]:
    declared = language.model.generation_config.eos_token_id
    return set(declared) if isinstance(declared, list) else {declared}
