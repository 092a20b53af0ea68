"""Conversations with a chat model on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from .entailment.checkpoints import in_halves, options, place
from .entailment.llm import Message, Reply

TOO_LARGE = Reply(None, failure="the conversation does not fit into the device's memory")


class LocalChat:
    """Answers conversations greedily, in batches.

    Args:
        model: Hub id or path of a model with a chat template.
        revision: Branch, tag or commit of the hub.
        device: Where to run; `None` for a GPU where there is one.
        device_map: Passed to `from_pretrained`.
        max_tokens: The most tokens a reply may have.
        rows: Conversations in one forward pass.

    Attributes:
        revision: The commit that was loaded, where it came from the hub.

    Raises:
        ValueError: Where the model has no chat template.
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str | None = None,
        device: str | None = None,
        device_map: str | None = None,
        max_tokens: int = 256,
        rows: int = 8,
    ) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(model, revision=revision or "main", padding_side="left")
        if self.tokenizer.chat_template is None:
            raise ValueError(f"`model` has to have a chat template, but {model!r} has none")
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = place(AutoModelForCausalLM.from_pretrained(model, **options(device, device_map, revision)), device)
        self.revision: str | None = getattr(self.model.config, "_commit_hash", None)
        self.max_tokens = max_tokens
        self.rows = rows

    def replies(self, conversations: Sequence[Sequence[Message]]) -> list[Reply]:
        """One reply a conversation, in order; one that does not fit into memory is a failure of its own."""
        found: list[Reply] = []
        for start in range(0, len(conversations), self.rows):
            found.extend(in_halves(self._some, conversations[start : start + self.rows], TOO_LARGE))
        return found

    @torch.inference_mode()
    def _some(self, conversations: Sequence[Sequence[Message]]) -> list[Reply]:
        texts = [
            self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
            for messages in conversations
        ]
        inputs = self.tokenizer(texts, padding=True, return_tensors="pt", add_special_tokens=False)
        written = self.model.generate(
            **inputs.to(self.model.device),
            do_sample=False,
            max_new_tokens=self.max_tokens,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        new = written[:, inputs["input_ids"].shape[1] :]
        replies = self.tokenizer.batch_decode(new, skip_special_tokens=True)
        read = inputs["attention_mask"].sum(dim=1).tolist()
        wrote = (new != self.tokenizer.pad_token_id).sum(dim=1).tolist()
        return [Reply(text, r, w) for text, r, w in zip(replies, read, wrote, strict=True)]
