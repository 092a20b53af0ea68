"""lm-evaluation-harness under any method: its generation tasks decode by it, its likelihood tasks score with it.

    python -m counterfoil.eval.harness run --model counterfoil \\
        --model_args pretrained=smollm2,method=cad,strength=0.5,contrast_from=Question: --tasks ...

The harness finds no models by itself, so this command is its own, with this model made known to it. From Python, pass
:class:`CounterfoilLM` to `lm_eval.simple_evaluate(model=...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from counterfoil.decoding.by_name import Decoding, parameters_of
from counterfoil.decoding.decoder import Decoder
from counterfoil.models import LanguageModel, load_language_model
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from .engines.teacher_forcing import ForcedBatch

try:
    from lm_eval.api.registry import register_model
    from lm_eval.models.huggingface import HFLM
except ImportError as error:
    raise ImportError(
        f'the harness needs lm-eval and accelerate ({error}): pip install "counterfoil[lm-eval]"'
    ) from error

Scored = tuple[float, bool]
Request = tuple[tuple[str, str] | None, list[int], list[int]]
"""Context and continuation as text, then as tokens, as the harness passes them."""


# The harness registers its classes through a decorator without types.
_Model: Any = HFLM


@register_model("counterfoil")
class CounterfoilLM(_Model):
    """The harness' own transformers model, decoding and scoring by a method.

    Everything but the method is the harness': prompts, few-shot examples, batches, stop strings, truncation, sampling.

    Args:
        pretrained: Hub id or folder; a loaded :class:`LanguageModel`; or `None` for SmolLM2-135M-Instruct.
        method: As for :class:`counterfoil.decoding.Decoding`.
        contrast_from: For methods that compare two prompts: the other one begins at the last place of this text in the
            prompt, for example `"Question:"`. What stands before it is the context that may be believed or not.
        contrast: The same as a function of the prompt, from Python.
        batch_size: As the harness has it, a number.
        **options: The method's parameters by name; what is none of them goes to the harness' model.

    Raises:
        ValueError: As :class:`counterfoil.decoding.Decoding`, or no contrast for a method that takes one.
        ModelLoadError: The model cannot be loaded.
    """

    def __init__(
        self,
        pretrained: str | LanguageModel | None = None,
        *,
        method: str = "none",
        contrast_from: str | None = None,
        contrast: Callable[[str], str] | None = None,
        batch_size: int | str = 8,
        device: str | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        own = {p.name: options.pop(p.name) for p in parameters_of(method) if p.name in options}
        decoding = Decoding(method, own)
        if decoding.needs_contrast and contrast_from is None and contrast is None:
            raise ValueError(
                f"`contrast_from` has to be given for {method}, which compares two prompts: name the text with which "
                "the other one begins, for example contrast_from=Question:"
            )
        language = pretrained
        if not isinstance(language, LanguageModel):
            language = load_language_model(language, device=_present(device))
        self._contrast = contrast or (lambda prompt: _behind(prompt, cast("str", contrast_from)))
        self._compares = decoding.takes_contrast and (contrast_from is not None or contrast is not None)
        self._decoder = Decoder(decoding, language)
        super().__init__(
            pretrained=language.model,
            tokenizer=language.tokenizer,
            batch_size=int(batch_size),
            **options,
        )

    def get_model_info(self) -> dict[str, Any]:
        """Return what the harness records: its own, and the method with all its parameters."""
        found = super().get_model_info()
        return {**found, "method": self._decoder.decoding.method, "method_settings": self._decoder.decoding.settings}

    def _model_generate(
        self,
        context: Tensor,
        max_length: int,
        stop: list[str],
        **generation_kwargs: Any,  # noqa: ANN401
    ) -> Tensor:
        mask = generation_kwargs["attention_mask"]
        contrast = None
        if self._compares:
            rows = zip(context, mask, strict=True)
            prompts = [self.tokenizer.decode(row[kept.bool()], skip_special_tokens=False) for row, kept in rows]
            contrast = self._contrasts(prompts)
        inputs = {"input_ids": context, "attention_mask": mask}
        options = {**generation_kwargs, **self._decoder.options(inputs, contrast)}
        return super()._model_generate(context, max_length, stop, **options)

    def _loglikelihood_tokens(
        self,
        requests: list[Request],
        disable_tqdm: bool = False,
        override_bs: int | None = None,
    ) -> list[Scored]:
        size = override_bs or int(self.batch_size)
        # The longest first, as in the harness: what does not fit into memory fails at once.
        order = sorted(range(len(requests)), key=lambda i: -len(requests[i][1]) - len(requests[i][2]))
        found: dict[int, Scored] = {}
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            for i, scored in zip(chosen, self._scored([requests[i] for i in chosen]), strict=True):
                found[i] = scored
                texts = requests[i][0]
                if texts is not None:
                    self.cache_hook.add_partial("loglikelihood", texts, scored)
        return [found[i] for i in range(len(requests))]

    @torch.no_grad()
    def _scored(self, requests: Sequence[Request]) -> list[Scored]:
        decoder = self._decoder
        contexts = [_fitting(context, self.max_length + 1 - len(rest)) for _, context, rest in requests]
        padded = self.tokenizer.pad({"input_ids": contexts}, padding_side="left", return_tensors="pt").to(self.device)
        contrast = None
        if self._compares:
            prompts = [texts[0] for texts, _, _ in requests if texts is not None]
            if len(prompts) < len(requests):
                raise ValueError(
                    f"`method` has to read one prompt for perplexity, whose texts have none, but is "
                    f"{decoder.decoding.method}, which compares two"
                )
            # The harness has moved the white space at the end of a prompt to the beginning of what follows.
            contrast = self._contrasts(prompts, str.rstrip)
        tokens = [torch.tensor(rest) for _, _, rest in requests]
        continuation = pad_sequence(tokens, batch_first=True, padding_value=-1).to(self.device)
        batch = ForcedBatch(decoder.language.model, padded, continuation, keep_layers=decoder.decoding.contrasts_layers)
        scores = batch.log_probabilities(decoder, contrast)
        return _by_row(scores, continuation)

    def _contrasts(self, prompts: Sequence[str], ended: Callable[[str], str] = str) -> dict[str, Tensor]:
        """Return the other prompts, begun as the harness begins its own: its `add_bos_token` holds for both."""
        ids, mask = self.tok_batch_encode([ended(self._contrast(prompt)) for prompt in prompts])
        return {"input_ids": ids.to(self.device), "attention_mask": mask.to(self.device)}


def _present(device: str | None) -> str | None:
    """Return the device; `None` for a GPU that is not there: the harness names one unless it is told otherwise."""
    return None if device is not None and device.startswith("cuda") and not torch.cuda.is_available() else device


def _by_row(log_probabilities: Tensor, continuation: Tensor) -> list[Scored]:
    """Return per row the sum over its tokens, and whether each was the likeliest; `[tokens, vocab]`, row after row."""
    found, start = [], 0
    for row in continuation:
        ids = row[row >= 0]
        scores = log_probabilities[start : start + len(ids)]
        start += len(ids)
        chosen = scores.gather(-1, ids[:, None])[:, 0].double()
        found.append((float(chosen.sum()), bool((scores.argmax(-1) == ids).all())))
    return found


def _fitting(context: list[int], room: int) -> list[int]:
    """Return the last tokens of a context for which there is room, at least one."""
    return context[-max(room, 1) :]


def _behind(prompt: str, marker: str) -> str:
    """Return the prompt from the last place of `marker` on."""
    place = prompt.rfind(marker)
    if place < 0:
        raise ValueError(f"`contrast_from` has to stand in every prompt, but {marker!r} does not in {prompt[-200:]!r}")
    return prompt[place:]


if __name__ == "__main__":
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()
