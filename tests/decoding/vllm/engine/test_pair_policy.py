"""The decisions about pairs, on values alone: for any state of the requests, and for more than one contrast."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed")

from counterfoil.decoding.vllm.engine import pair_policy
from hypothesis import given
from hypothesis import strategies as st
from vllm.v1.request import RequestStatus

RUNNING, WAITING, PREEMPTED = RequestStatus.RUNNING, RequestStatus.WAITING, RequestStatus.PREEMPTED


@dataclass(eq=False)
class State:
    """What the decisions read of vLLM's `Request`."""

    request_id: str
    status: RequestStatus = RUNNING
    num_tokens: int = 10
    num_computed_tokens: int = 9
    num_output_tokens: int = 3
    num_output_placeholders: int = 0
    max_tokens: int = 20
    is_prefill_chunk: bool = False
    arrival_time: float = 0.0
    priority: int = 0


states = st.builds(
    State,
    request_id=st.uuids().map(str),
    status=st.sampled_from([RUNNING, WAITING, PREEMPTED]),
    num_tokens=st.integers(2, 20),
    num_computed_tokens=st.integers(0, 20),
    num_output_tokens=st.integers(0, 4),
    num_output_placeholders=st.integers(0, 1),
    max_tokens=st.integers(1, 5),
    is_prefill_chunk=st.booleans(),
    arrival_time=st.floats(0, 9),
    priority=st.integers(0, 2),
)
pairs = st.lists(states, min_size=2, max_size=8).map(tuple)


@given(pairs)
def test_a_pair_samples_only_if_each_of_its_requests_would(pair: tuple[State, ...]) -> None:
    if pair_policy.may_sample(pair):
        assert all(request.status == RUNNING and pair_policy.tokens_left(request) == 1 for request in pair)
        assert len({pair_policy.output_position(request) for request in pair}) == 1
        assert pair_policy.output_position(pair[0]) < pair[0].max_tokens
        waits = pair_policy.may_sample(pair, prefills_wait=True)
        assert waits == (not any(request.is_prefill_chunk for request in pair))


@given(states, st.integers(0, 20), st.integers(1, 20))
def test_a_chunk_without_sampling_leaves_the_last_token(request_: State, computed: int, tokens: int) -> None:
    allowed = pair_policy.tokens_without_sampling(request_, computed, tokens)
    known = request_.num_tokens + request_.num_output_placeholders
    assert 0 <= allowed <= tokens
    assert computed >= known or computed + allowed < known
    # And no more is held back than that.
    assert allowed == tokens or computed + allowed >= known - 1


@given(st.integers(0, 8), st.integers(1, 8), st.integers(0, 20), st.integers(0, 20), st.integers(2, 4))
def test_the_first_request_enters_if_there_is_room_for_all(
    taken: int, slots: int, needed: int, free: int, size: int
) -> None:
    enters = pair_policy.may_enter(taken, slots, needed, free, size=size)
    assert enters == (taken + size <= slots and (needed <= free or taken == 0))


@given(st.lists(pairs, max_size=4))
def test_those_that_are_pulled_wait_beside_a_running_partner(all_pairs: list[tuple[State, ...]]) -> None:
    pulled = pair_policy.requests_to_pull(all_pairs, None)
    for pair in all_pairs:
        runs = any(request.status == RUNNING for request in pair)
        assert [request in pulled for request in pair] == [runs and request.status != RUNNING for request in pair]
    for head in pulled:
        assert pair_policy.requests_to_pull(all_pairs, head) == []


@given(st.lists(pairs, max_size=4))
def test_the_youngest_of_the_stuck_pairs_gives_way_with_all_that_it_holds(all_pairs: list[tuple[State, ...]]) -> None:
    stuck = pair_policy.stuck_requests(all_pairs)
    candidates = [pair for pair in all_pairs if len({request.status == RUNNING for request in pair}) == 2]
    assert bool(stuck) == bool(candidates)
    if stuck:
        pair = next(pair for pair in candidates if stuck[0] in pair)
        assert stuck == [request for request in pair if request.status == RUNNING][::-1]
        urgency = [(pair[0].priority, pair[0].arrival_time) for pair in candidates]
        assert (pair[0].priority, pair[0].arrival_time) == max(urgency)


@given(st.lists(pairs, max_size=3), st.lists(states, max_size=3), st.data())
def test_victims_are_a_whole_pair_with_the_main_request_last(
    all_pairs: list[tuple[State, ...]], alone: list[State], data: st.DataObject
) -> None:
    running = [r for r in (*(r for pair in all_pairs for r in pair), *alone) if r.status == RUNNING]
    spared = set(
        data.draw(st.lists(st.sampled_from([r.request_id for r in running]), unique=True) if running else st.just([]))
    )
    victims = pair_policy.victims(running, all_pairs, spared)
    others = [request for request in running if request.request_id not in spared]
    assert bool(victims) == bool(others)
    if not victims:
        return
    chosen = max(others, key=lambda request: (request.priority, request.arrival_time))
    pair = next((pair for pair in all_pairs if chosen in pair), (chosen,))
    assert victims == [request for request in pair if request.status == RUNNING][::-1]


@given(st.lists(pairs, max_size=3), st.data())
def test_whoever_samples_without_the_whole_pair_is_found(
    all_pairs: list[tuple[State, ...]], data: st.DataObject
) -> None:
    ids = [request.request_id for pair in all_pairs for request in pair]
    scheduled = set(data.draw(st.lists(st.sampled_from(ids), unique=True) if ids else st.just([])))
    alone = pair_policy.sampling_alone(all_pairs, scheduled)
    for pair in all_pairs:
        sampling = [r for r in pair if r.request_id in scheduled and not r.is_prefill_chunk]
        whole = len(sampling) == len(pair) and len({pair_policy.output_position(r) for r in pair}) == 1
        assert [request for request in alone if request in pair] == ([] if whole else sampling)
