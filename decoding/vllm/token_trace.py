# pyright: reportMissingImports=false
"""The trace of a pair: each token's log-probability under the main view and under the contrast, from worker to client.

vLLM computes the log-probability of a sampled token for any request that asks, from the raw logits of its row, and all
requests of a pair sample the same token. So each contrast request asks, the scheduler puts what it got beside that of
the main request, as one column more, and here the server's process takes the columns off again: from then on the
numbers belong to the token, through streaming, several samples and stop strings, wherever vLLM carries the token's own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from vllm.logprobs import Logprob
from vllm.v1.engine import EngineCoreOutput
from vllm.v1.engine.logprobs import LogprobsProcessor
from vllm.v1.outputs import LogprobsLists

from .contrast_params import has_contrast_keys, is_traced, parse_contrast
from .contrast_values import MOST_CONTRASTS

WRAPPED = "_counterfoil"
"""The mark of a method that reads traces already."""
_TRACED = "_counterfoil_traced"
"""Attribute of a :class:`LogprobsProcessor`: how many contrasts its tokens are traced under; absent without any."""


@dataclass
class TracedLogprob(Logprob):
    """What vLLM knows of a token that was sampled under a contrast.

    Args:
        contrasts: Its log-probability under each contrast; empty if no trace was asked for.
    """

    contrasts: tuple[float, ...] = ()


def with_contrasts(main: LogprobsLists, contrasts: Sequence[LogprobsLists], tokens: list[int]) -> LogprobsLists:
    """Return a main request's log-probabilities with those of its contrast requests as last columns.

    Args:
        main: Of the main request, `[tokens, k]`.
        contrasts: Of each contrast request.
        tokens: The tokens that all sampled.
    """
    values = [[chosen(contrast, i, token) for contrast in contrasts] for i, token in enumerate(tokens)]
    columns = np.array(values, main.logprobs.dtype).reshape(len(tokens), len(contrasts))
    ids = np.array(tokens, main.logprob_token_ids.dtype)[:, None].repeat(len(contrasts), 1)
    return main._replace(
        logprob_token_ids=np.concatenate([main.logprob_token_ids, ids], 1),
        logprobs=np.concatenate([main.logprobs, columns], 1),
    )


def with_traces(
    outputs: Sequence[EngineCoreOutput], contrast_id: Callable[[str, int], str]
) -> list[tuple[EngineCoreOutput, LogprobsLists]]:
    """Return the main requests' outputs that have a trace, each with its log-probabilities and those of its contrasts.

    Args:
        outputs: What a client hears in a step.
        contrast_id: Returns the id of a main request's contrast request, by its index.
    """
    given = {output.request_id: output.new_logprobs for output in outputs if output.new_logprobs is not None}
    found = []
    for output in outputs:
        main = given.get(output.request_id)
        if main is None:
            continue
        asked = (given.get(contrast_id(output.request_id, index)) for index in range(MOST_CONTRASTS))
        contrasts = [one for one in asked if one is not None]
        if contrasts:
            found.append((output, with_contrasts(main, contrasts, output.new_token_ids)))
    return found


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
        traced = getattr(self, _TRACED, None)
        if traced is None:
            update(self, logprobs_lists)
            return
        own = logprobs_lists.logprobs.shape[1] - traced
        columns = logprobs_lists.logprobs[:, own:]
        lists = logprobs_lists._replace(
            logprob_token_ids=logprobs_lists.logprob_token_ids[:, :own], logprobs=logprobs_lists.logprobs[:, :own]
        )
        update(self, lists)
        _mark(self.logprobs[-len(columns) :], columns)

    def made(cls: type[LogprobsProcessor], tokenizer: Any, request: Any) -> LogprobsProcessor:  # noqa: ANN401
        processor = make.__func__(cls, tokenizer, request)  # type: ignore[attr-defined]
        extra_args = request.sampling_params.extra_args
        if has_contrast_keys(extra_args) and not request.sampling_params.flat_logprobs:
            params = parse_contrast(extra_args) if is_traced(extra_args) else None
            setattr(processor, _TRACED, 0 if params is None else params.count)
        return processor

    setattr(updated, WRAPPED, True)
    LogprobsProcessor._update_sample_logprobs = updated
    LogprobsProcessor.from_new_request = classmethod(made)  # type: ignore[assignment]


def _mark(positions: list[dict[int, Logprob]], columns: np.ndarray) -> None:
    """Put the traced entry in the place of each sampled token's, which vLLM keeps first."""
    for entries, values in zip(positions, columns.tolist(), strict=True):
        token, entry = next(iter(entries.items()))
        entries[token] = TracedLogprob(entry.logprob, entry.rank, entry.decoded_token, tuple(values))
