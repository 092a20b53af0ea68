"""The trace's way through vLLM's own classes: a column in the engine, an entry of each token in the server."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("vllm", reason="the classes are vLLM's")

from counterfoil.decoding.vllm.server.traced_logprobs import traced, view_of
from counterfoil.decoding.vllm.token_trace import TracedLogprob, chosen, read_traces, with_contrasts
from vllm.sampling_params import SamplingParams
from vllm.v1.engine.logprobs import LogprobsProcessor
from vllm.v1.outputs import LogprobsLists

TOKEN = 7


def lists(chosen_logprob: float, others: int = 1) -> LogprobsLists:
    """What the engine gives for one step: the sampled token first, then the likeliest."""
    ids = np.array([[TOKEN, *range(others)]], np.int32)
    values = np.array([[chosen_logprob, *(-0.5 - i for i in range(others))]], np.float32)
    return LogprobsLists(ids, values, np.array([2], np.int32))


def processor(keys: dict | None, **options) -> LogprobsProcessor:
    params = SamplingParams(extra_args=keys, **{"logprobs": 1, **options})
    return LogprobsProcessor.from_new_request(None, SimpleNamespace(sampling_params=params))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def reading() -> None:
    for _ in range(2):
        read_traces()


def test_the_column_reaches_the_token_that_was_sampled() -> None:
    found = processor({"cf_method": "cad", "cf_trace": True, "cf_contrast_ids": [1, 2]})
    for main, contrast in ((-0.25, -3.0), (-1.0, -0.5)):
        found._update_sample_logprobs(with_contrasts(lists(main), [lists(contrast, 3)], [TOKEN]))
    assert found.logprobs is not None
    assert [position[TOKEN].logprob for position in found.logprobs] == [-0.25, -1.0]
    assert [position[TOKEN].contrasts for position in found.logprobs] == [(-3.0,), (-0.5,)]  # type: ignore[attr-defined]
    assert [list(position) for position in found.logprobs] == [[TOKEN, 0]] * 2
    assert found.cumulative_logprob == -1.25
    assert [len(traced([TOKEN] * 2, found.logprobs))] == [2]


def test_each_of_several_contrasts_has_a_column() -> None:
    found = processor({"cf_method": "dexperts", "cf_trace": True, "cf_contrast_ids": [[1, 2], [3, 4]]})
    given = with_contrasts(lists(-0.25), [lists(-3.0, 3), lists(-2.0)], [TOKEN])
    found._update_sample_logprobs(given)
    assert found.logprobs is not None
    assert found.logprobs[0][TOKEN] == TracedLogprob(-0.25, 2, None, (-3.0, -2.0))


def test_a_contrast_without_a_trace_is_marked_and_a_plain_request_is_not() -> None:
    found = processor({"cf_method": "cad"})
    found._update_sample_logprobs(lists(-0.25))
    assert found.logprobs is not None
    assert found.logprobs[0][TOKEN] == TracedLogprob(-0.25, 2, None, ())
    for keys in (None, {"theirs": 1}):
        plain = processor(keys)
        plain._update_sample_logprobs(lists(-0.25))
        assert plain.logprobs is not None
        assert type(plain.logprobs[0][TOKEN]) is not TracedLogprob
        assert traced([TOKEN], plain.logprobs) == []


def test_a_token_is_found_wherever_vllm_puts_it() -> None:
    assert chosen(lists(-0.25), 0, TOKEN) == -0.25
    assert chosen(lists(-0.25, 3), 0, 2) == -2.5
    assert np.isnan(chosen(lists(-0.25), 0, 99))


def test_the_view_is_that_of_the_engines_mode() -> None:
    modes = ("raw_logprobs", "raw_logits", "processed_logprobs", "processed_logits")
    assert [view_of(mode) for mode in modes] == ["main", "main", "contrasted", "contrasted"]
