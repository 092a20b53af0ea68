"""The engine in this process: a transformers model, decoded against the contrast "same question, no documents"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from counterfoil.attribution.retrieval import Passage
from counterfoil.attribution.text.segmentation import sentences
from counterfoil.decoding import ContrastLogitsProcessor, OtherPrompt, batched_views, drafted_views
from counterfoil.decoding.methods import Method
from jinja2 import TemplateError
from transformers import StoppingCriteria

from .contrasts import document_methods
from .engine import Generated, Limits, OnText, Prompt, Written, finished, generated, trace_spans
from .messages import INSTRUCTION, in_reading_order, user_message

if TYPE_CHECKING:
    from counterfoil.attribution.report import TraceSpan
    from counterfoil.models import LanguageModel
    from transformers import PreTrainedTokenizerBase

Tokens = Mapping[str, torch.Tensor]
"""`input_ids` and `attention_mask`, each `[1, length]`."""


class LocalEngine:
    """A language model in this process; see :class:`~counterfoil.grounding.engine.Engine`.

    Args:
        language: The model and its tokenizer, from :func:`counterfoil.models.load_language_model`.
        drafts: Whether a method reads what the answer copies from the documents several tokens at once, where that
            gives the same tokens; see :func:`~counterfoil.decoding.drafted_views`.
    """

    def __init__(self, language: LanguageModel, *, drafts: bool = True) -> None:
        self.language = language
        self._loop = drafted_views if drafts else batched_views

    @property
    def name(self) -> str:
        """Name of the language model."""
        return self.language.name

    def methods(self) -> tuple[type[Method], ...]:
        """Return all methods that compare two prompts."""
        return tuple(document_methods().values())

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
        self, prompt: Prompt[Tokens], *, method: Method | None, limits: Limits, on_text: OnText | None = None
    ) -> Generated:
        """Decode one answer greedily, both views of the question in one forward.

        Args:
            prompt: From :meth:`prompt`.
            method: What combines the two views; `None` decodes plainly.
            limits: When to stop.
            on_text: Called after each step.
        """
        model, tokenizer = self.language.model, self.language.tokenizer
        main = {name: tensor.to(model.device) for name, tensor in prompt.main.items()}
        length = main["input_ids"].shape[1]
        processor = None
        if method is not None:
            processor = ContrastLogitsProcessor(model, OtherPrompt(model, prompt.contrast), method, trace=True)
        generate_tokens: Any = model.generate
        sequences = generate_tokens(
            **main,
            do_sample=False,
            max_new_tokens=limits.max_new_tokens,
            logits_processor=[processor] if processor else [],
            custom_generate=self._loop if processor else None,
            stopping_criteria=[_EnoughSentences(tokenizer, length, limits, processor, on_text)],
            pad_token_id=tokenizer.pad_token_id,
        )
        new = sequences[0, length:].tolist()
        return generated(
            _text(tokenizer, new),
            len(new),
            limits,
            ended=new[-1] in _end_tokens(self.language),
            ends=_ends(tokenizer, new),
            values=processor.trace(sequences).difference[0].tolist() if processor else [],
        )

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
    """Stop after the last wanted sentence, when the next one has begun, and tell what was written so far."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        prompt_length: int,
        limits: Limits,
        processor: ContrastLogitsProcessor | None,
        on_text: OnText | None,
    ) -> None:
        self.tokenizer, self.prompt_length, self.limits = tokenizer, prompt_length, limits
        self.processor, self.on_text = processor, on_text
        self._traced = 0
        self._trace: tuple[TraceSpan, ...] = ()

    def __call__(
        self, input_ids: torch.Tensor, scores: tuple[torch.FloatTensor] | None, **kwargs: object
    ) -> torch.BoolTensor:
        new = input_ids[0, self.prompt_length :].tolist()
        text = _text(self.tokenizer, new)
        if self.on_text is not None:
            shown = text.rstrip("�")
            self.on_text(Written(shown, len(new), self._traced_to(finished(shown, self.limits)[1], input_ids, new)))
        done = len(sentences(text)) > self.limits.max_sentences
        return cast("torch.BoolTensor", torch.tensor([done], device=input_ids.device))

    def _traced_to(self, end: int, input_ids: torch.Tensor, new: list[int]) -> tuple[TraceSpan, ...]:
        """Return the trace up to a place of the text, read anew if that is further than the last time."""
        if self.processor is not None and end > self._traced:
            # The last token is chosen, but its number is known after the next step only.
            values = self.processor.trace(input_ids[:, :-1]).difference[0].tolist()
            self._traced, self._trace = end, trace_spans(_ends(self.tokenizer, new[:-1]), values, 0, end)
        return self._trace


def _ends(tokenizer: PreTrainedTokenizerBase, tokens: list[int]) -> list[int]:
    """Return where each token ends in the text, decoded from the start each time: a token may be part of a letter."""
    prefixes = (_text(tokenizer, tokens[: n + 1]) for n in range(len(tokens)))
    return [len(prefix.rstrip("�")) for prefix in prefixes]


def _text(tokenizer: PreTrainedTokenizerBase, tokens: list[int]) -> str:
    return tokenizer.batch_decode([tokens], skip_special_tokens=True)[0]


def _end_tokens(language: LanguageModel) -> set[int]:
    declared = language.model.generation_config.eos_token_id
    return set(declared) if isinstance(declared, list) else {declared}
