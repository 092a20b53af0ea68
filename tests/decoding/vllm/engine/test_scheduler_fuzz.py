"""The pair scheduler under random workloads, with a worker that checks every step; and what happens without its parts.

`make test` runs a small number of them, `make soak` as many as make a million steps.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections import Counter

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed")

from counterfoil.decoding.vllm.engine import pair_policy
from counterfoil.decoding.vllm.engine.scheduler import AsyncPairScheduler, PairScheduler
from vllm.v1.core.sched.scheduler import Scheduler

from tests.support.pair_workload import MODES, Workload

pytestmark = pytest.mark.engine

STEPS = int(os.environ.get("COUNTERFOIL_SOAK_STEPS", "6000"))
LONG = STEPS > 100_000
TRIES = 6000 if LONG else 2500


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL", logger="vllm")


@pytest.mark.timeout(3 * 3600 if LONG else 300)
@pytest.mark.parametrize("groups", [0.0, 0.6], ids=["pairs", "groups of two to eight"])
@pytest.mark.parametrize("mode", MODES)
def test_no_workload_goes_wrong(mode: str, groups: float) -> None:
    """No pair is misaligned, no block, slot or request is left behind, no client hears of a contrast request."""
    total: Counter[str] = Counter()
    for seed in itertools.count():
        try:
            total.update(Workload(seed, mode, groups=groups).run())
        except AssertionError as error:
            raise AssertionError(f"{mode}, seed {seed}: {error}") from error
        if total["steps"] >= STEPS / len(MODES):
            break
    print(f"{mode}, groups {groups}: {dict(total)}")
    # A workload in which nothing happens proves nothing.
    for happened in ("pairs", "held", "preempted", "refused", "aborted", "resets", "pauses"):
        assert total[happened] > 0, happened


def without_hold(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pair_policy, "tokens_without_sampling", lambda request, computed, tokens: tokens)


def without_reservation(patch: pytest.MonkeyPatch) -> None:
    for kind in (PairScheduler, AsyncPairScheduler):
        patch.setattr(kind, "_with_blocks", lambda self, ready: list(ready))


def without_order(patch: pytest.MonkeyPatch) -> None:
    for kind in (PairScheduler, AsyncPairScheduler):
        let_sample = kind._let_pairs_sample

        def unordered(self, prefills_wait, let_sample=let_sample):
            before = list(self.running)
            let_sample(self, prefills_wait)
            self.running = [request for request in before if request in self.running]

        patch.setattr(kind, "_let_pairs_sample", unordered)


def without_protection(patch: pytest.MonkeyPatch) -> None:
    for kind in (PairScheduler, AsyncPairScheduler):
        patch.setattr(kind, "_protected_from_preemption", lambda self: contextlib.nullcontext())


def without_shorter_hit(patch: pytest.MonkeyPatch) -> None:
    for kind in (PairScheduler, AsyncPairScheduler):
        patch.setattr(kind, "_get_local_prefix_cache_hit", Scheduler._get_local_prefix_cache_hit)


def without_the_last(patch: pytest.MonkeyPatch) -> None:
    """Groups that sample as soon as two of their requests are ready."""
    may_sample = pair_policy.may_sample
    patch.setattr(pair_policy, "may_sample", lambda pair, **options: may_sample(pair[:2], **options))


@pytest.mark.parametrize("mode", ["sync, V1", "async, V2"])
@pytest.mark.parametrize(
    ("without", "groups"),
    [
        (without_hold, 0.0),
        (without_reservation, 0.0),
        (without_order, 0.0),
        (without_protection, 0.0),
        (without_shorter_hit, 0.0),
        (without_hold, 0.6),
        (without_reservation, 0.6),
        (without_the_last, 0.6),
    ],
)
def test_every_part_is_needed(without, groups: float, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch)
    for seed in range(TRIES):
        try:
            Workload(seed, mode, groups=groups).run()
        except AssertionError:
            return
    pytest.fail(f"{TRIES} workloads did as well without it")
