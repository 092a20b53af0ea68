# pyright: reportMissingImports=false
"""The trace of a pair: each token's log-probability under the main view and under the contrast, from worker to client.

vLLM computes the log-probability of a sampled token for any request that asks, from the raw logits of its row, and both
requests of a pair sample the same token. So the contrast request asks, the scheduler puts what it got beside that of
the main request, as one column more, and here the server's process takes the column off again: from then on the number
belongs to the token, through streaming, several samples and stop strings, wherever vLLM carries the token's own.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from vllm.logprobs import Logprob
from vllm.v1.engine import EngineCoreOutput
from vllm.v1.engine.logprobs import LogprobsProcessor
from vllm.v1.outputs import LogprobsLists

from .contrast_params import has_contrast_keys, is_traced

WRAPPED = "_counterfoil"
"""The mark of a method that reads traces already."""
_TRACED = "_counterfoil_traced"
"""Attribute of a :class:`LogprobsProcessor`: whether its tokens come with a trace; absent without a contrast."""


@dataclass
class TracedLogprob(Logprob):
    """What vLLM knows of a token that was sampled under a contrast.

    Args:
        contrasts: Its log-probability under each contrast; empty if no trace was asked for.
    """

    contrasts: tuple[float, ...] = ()


def with_contrast(main: LogprobsLists, contrast: LogprobsLists, tokens: list[int]) -> LogprobsLists:
    """Return a main request's log-probabilities with those of its contrast request as a last column.

    Args:
        main: Of the main request, `[tokens, k]`.
        contrast: Of the contrast request.
        tokens: The tokens that both sampled.
    """
    column = np.array([[chosen(contrast, i, token)] for i, token in enumerate(tokens)], main.logprobs.dtype)
    ids = np.array(tokens, main.logprob_token_ids.dtype)[:, None]
    return main._replace(
        logprob_token_ids=np.concatenate([main.logprob_token_ids, ids], 1),
        logprobs=np.concatenate([main.logprobs, column], 1),
    )


def with_traces(outputs: Sequence[EngineCoreOutput], suffix: str) -> list[tuple[EngineCoreOutput, LogprobsLists]]:
    """Return the main requests' outputs that have a trace, each with its log-probabilities and those of its contrast.

    Args:
        outputs: What a client hears in a step.
        suffix: What the contrast request's id has behind the main request's.
    """
    given = {output.request_id: output.new_logprobs for output in outputs if output.new_logprobs is not None}
    pairs = ((output, given.get(output.request_id), given.get(output.request_id + suffix)) for output in outputs)
    return [
        (output, with_contrast(main, contrast, output.new_token_ids))
        for output, main, contrast in pairs
        if main is not None and contrast is not None
    ]


def chosen(lists: LogprobsLists, position: int, token: int) -> float:
    """Return the log-probability of a sampled token; NaN if vLLM gave none."""
    (places,) = np.nonzero(lists.logprob_token_ids[position] == token)
    return float(lists.logprobs[position, places[0]]) if len(places) else float("nan")


def read_traces() -> None:
    """Have this process read the traces of the engine's outputs; does nothing the second time.

    Raises:
        AttributeError: This version of vLLM keeps log-probabilities elsewhere.
    """
    update, make = LogprobsProcessor._update_sample_logprobs, LogprobsProcessor.from_new_request
    if getattr(update, WRAPPED, False):
        return

    @functools.wraps(update)
    def updated(self: Any, logprobs_lists: LogprobsLists) -> None:  # noqa: ANN401
        is_traced_here = getattr(self, _TRACED, None)
        if is_traced_here is None:
            update(self, logprobs_lists)
            return
        columns = logprobs_lists.logprobs[:, -1:] if is_traced_here else logprobs_lists.logprobs[:, :0]
        if is_traced_here:
            logprobs_lists = logprobs_lists._replace(
                logprob_token_ids=logprobs_lists.logprob_token_ids[:, :-1], logprobs=logprobs_lists.logprobs[:, :-1]
            )
        update(self, logprobs_lists)
        _mark(self.logprobs[-len(columns) :], columns)

    def made(cls: type[LogprobsProcessor], tokenizer: Any, request: Any) -> LogprobsProcessor:  # noqa: ANN401
        processor = make.__func__(cls, tokenizer, request)  # type: ignore[attr-defined]
        extra_args = request.sampling_params.extra_args
        if has_contrast_keys(extra_args) and not request.sampling_params.flat_logprobs:
            setattr(processor, _TRACED, is_traced(extra_args))
        return processor

    setattr(updated, WRAPPED, True)
    LogprobsProcessor._update_sample_logprobs = updated
    LogprobsProcessor.from_new_request = classmethod(made)  # type: ignore[assignment]


def _mark(positions: list[dict[int, Logprob]], columns: np.ndarray) -> None:
    """Put the traced entry in the place of each sampled token's, which vLLM keeps first."""
    for entries, values in zip(positions, columns.tolist(), strict=True):
        token, entry = next(iter(entries.items()))
        entries[token] = TracedLogprob(entry.logprob, entry.rank, entry.decoded_token, tuple(values))
