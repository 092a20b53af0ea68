"""vLLM's scheduler with pairs: requests that sample in the same steps or not at all.

:mod:`.pair_policy` decides and :mod:`.kv_blocks` counts; only the scheduler acts. vLLM decides everything else as
usual, and a step without a pair in the engine is vLLM's own.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vllm.v1.core.sched.async_scheduler import AsyncScheduler  # pyright: ignore[reportMissingImports]
from vllm.v1.core.sched.request_queue import SchedulingPolicy  # pyright: ignore[reportMissingImports]
from vllm.v1.core.sched.scheduler import Scheduler  # pyright: ignore[reportMissingImports]
from vllm.v1.request import RequestStatus  # pyright: ignore[reportMissingImports]

from ..contrast_params import has_contrast_keys, parse_contrast
from ..engine_limits import EngineLimits, SearchLimits, exits_of, switched_off
from ..metrics import PAIR_COUNTERS, EngineCounters
from ..search.compat import check_cache
from . import compat, pair_policy
from .kv_blocks import blocks_for, blocks_for_next, free_blocks, without_last_blocks
from .pair_requests import (
    PairTable,
    leave_main_requests,
    make_contrast_requests,
    make_main_request,
    room_for_pair,
)
from .search_requests import admit_search, count_searches, tokens_beside_candidates

if TYPE_CHECKING:
    from vllm.v1.core.kv_cache_manager import KVCacheBlocks  # pyright: ignore[reportMissingImports]
    from vllm.v1.core.sched.output import SchedulerOutput  # pyright: ignore[reportMissingImports]
    from vllm.v1.engine import EngineCoreOutputs  # pyright: ignore[reportMissingImports]
    from vllm.v1.outputs import ModelRunnerOutput  # pyright: ignore[reportMissingImports]
    from vllm.v1.request import Request  # pyright: ignore[reportMissingImports]

    Base = Scheduler
else:
    Base = object

logger = logging.getLogger("vllm.counterfoil")

NEVER_PREEMPTED = -(1 << 60)
"""A priority above that of any request."""


class PairScheduling(Base):
    """What pairs add to a scheduler of vLLM; a mixin.

    Attributes:
        pairs: Which requests belong together.
        pair_stats: Counts since the start: `pairs`, `held` (a request kept from sampling in a step), `preempted`
            pairs, `refused` ones, and `violations` (steps in which a request would have sampled without the rest of its
            pair: 0, or this code is wrong); and `searches`, requests for contrastive search.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        compat.check_hooks()
        super().__init__(*args, **kwargs)
        compat.check_attributes(self)
        compat.check_configuration(self.vllm_config, self)
        self.pairs = PairTable()
        self.pair_stats: Counter[str] = Counter()
        self._metrics = EngineCounters.of(self.vllm_config, PAIR_COUNTERS)
        self._search = SearchLimits.of(self.vllm_config)
        self._counted = -1, 0  # how many requests ran when searches among them were counted, and how many were
        self._sampling: frozenset[str] = frozenset()  # requests of pairs that sample in this step
        self._orphans: set[str] = set()  # requests whose partner has ended
        self._refused: dict[str, str] = {}  # requests that end with an error, and why

    # Requests come.

    def add_request(self, request: Request) -> None:
        """Add a request; one that asks for a contrast becomes two, or ends with an error that says why not.

        Contrastive search stays one request: the worker knows its candidates. So does one that is contrasted with early
        exits alone: the worker reads them off its own row.
        """
        params = request.sampling_params
        if params is None or not has_contrast_keys(params.extra_args) or request.request_id in self.requests:
            super().add_request(request)
            return
        try:
            contrast = parse_contrast(params.extra_args)
            assert contrast is not None
            if contrast.searches:
                admit_search(request, contrast, self._limits())
                super().add_request(request)
                self.pair_stats["searches"] += 1
                self._metrics.publish(self.pair_stats)
                return
            room = room_for_pair(request, contrast, self._limits(), self.kv_cache_manager)
            made = make_contrast_requests(request, contrast, max_tokens=room, config=self.vllm_config)
        except ValueError as error:
            self._refuse(request, str(error))
            return
        # Model Runner V2 draws by seed and position whatever else happens; V1 needs our seeds.
        make_main_request(request, contrast, max_tokens=room, own_seed=not self.use_v2_model_runner)
        if made:
            self.pairs.add(request.request_id, *(one.request_id for one in made))
        for one in (request, *made):
            super().add_request(one)
        self.pair_stats["pairs"] += 1
        self._metrics.publish(self.pair_stats)

    def _limits(self) -> EngineLimits:
        return EngineLimits(
            max_model_len=self.max_model_len,
            max_num_seqs=min(self.max_num_active_reqs, self.max_num_running_reqs),
            vocabulary_size=self.vllm_config.model_config.get_vocab_size(),
            logprobs_mode=self.vllm_config.model_config.logprobs_mode,
            search=self._search,
            early_exits=exits_of(self.vllm_config),
        )

    def _refuse(self, request: Request, reason: str) -> None:
        """Let a request end with an error in the next step, like one whose grammar does not compile."""
        logger.warning("counterfoil: request %s is refused: %s", request.request_id, reason)
        super().add_request(request)
        self._end_with_error(request.request_id, reason)
        self.pair_stats["refused"] += 1

    def _end_with_error(self, request_id: str, reason: str) -> None:
        self._refused[request_id] = reason
        compat.end_with_error(self, request_id, reason)

    # A step is scheduled.

    def schedule(self, throttle_prefills: bool = False) -> SchedulerOutput:
        """Schedule a step: first the pairs that sample in it, with KV blocks set aside for them."""
        self._sampling = frozenset()
        if not self.pairs:
            with self._room_for_candidates():
                return super().schedule(throttle_prefills)
        self._pull_forward()
        self._let_pairs_sample(throttle_prefills)
        with self._protected_from_preemption(), self._room_for_candidates():
            output = super().schedule(throttle_prefills)
        for request in pair_policy.sampling_alone(self._pairs(), output.num_scheduled_tokens):
            logger.error("counterfoil: %s would sample without its pair, which is ended", request.request_id)
            self.pair_stats["violations"] += 1
            # Its token would be one of plain decoding.
            self._end_with_error(request.request_id, "its contrast was lost")
        if not output.num_scheduled_tokens and not any(
            request.num_in_flight_tokens for request in self.requests.values()
        ):
            for stuck in pair_policy.stuck_requests(self._pairs()):
                self._preempt(stuck)
        self._metrics.publish(self.pair_stats)
        return output

    def _pairs(self) -> Iterator[pair_policy.Pair]:
        """Iterate over the requests of each living pair, main request first."""
        return (tuple(self.requests[request_id] for request_id in pair) for pair in self.pairs)

    def _partners(self, request: Request) -> list[Request]:
        return [self.requests[request_id] for request_id in self.pairs.partners(request.request_id)]

    def _pull_forward(self) -> None:
        """Put the waiting requests of pairs that run in part at the head of the queue."""
        if self.policy != SchedulingPolicy.FCFS:  # a queue by priority has an order of its own
            return
        head = self.waiting.peek_request() if self.waiting else None
        for request in pair_policy.requests_to_pull(self._pairs(), head):
            self.waiting.remove_requests([request])
            self.waiting.prepend_request(request)

    def _let_pairs_sample(self, prefills_wait: bool) -> None:
        """Choose the pairs that sample in this step and put them first in line.

        Each of their requests needs one token of the step's budget, and the budget has one for every running request.
        """
        ready = [pair for pair in self._pairs() if pair_policy.may_sample(pair, prefills_wait=prefills_wait)]
        first = [request for pair in self._with_blocks(ready) for request in pair]
        self._sampling = frozenset(request.request_id for request in first)
        if first:
            self.running = first + [request for request in self.running if request.request_id not in self._sampling]

    def _with_blocks(self, ready: Sequence[pair_policy.Pair]) -> list[pair_policy.Pair]:
        """Return the pairs with free KV blocks for the next step of all their requests, preempting others for them.

        vLLM allocates request by request and preempts when it is short, so it could schedule the first request of a
        pair and find no block for the second. The pairs returned are served first and need no more than is free.

        Args:
            ready: Pairs that may sample, in the order in which they are served.
        """
        kept: list[pair_policy.Pair] = []
        needed = 0
        for pair in ready:
            blocks = sum(blocks_for_next(self.kv_cache_manager, request) for request in pair)
            while pair_policy.all_run(pair) and needed + blocks > free_blocks(self.kv_cache_manager):
                spared = {request.request_id for one in (*kept, pair) for request in one}
                for victim in pair_policy.victims(self.running, self._pairs(), spared) or reversed(pair):
                    self._preempt(victim)
            if pair_policy.all_run(pair):
                kept.append(pair)
                needed += blocks
        return kept

    def _preempt(self, request: Request) -> None:
        """Send a running request back to the waiting queue; it will read its tokens again."""
        self.running.remove(request)
        self._preempt_request(request, time.monotonic())

    @contextmanager
    def _protected_from_preemption(self) -> Iterator[None]:
        """Give the pairs that sample in this step the highest priority while vLLM schedules it.

        Under scheduling by priority vLLM may preempt what the same step has scheduled already, and so tear a pair
        apart.
        """
        sampling = [self.requests[request_id] for request_id in self._sampling]
        priorities = [request.priority for request in sampling]
        for request in sampling:
            request.priority = NEVER_PREEMPTED
        try:
            yield
        finally:
            for request, priority in zip(sampling, priorities, strict=True):
                request.priority = priority

    @contextmanager
    def _room_for_candidates(self) -> Iterator[None]:
        """Keep prompts from taking the room of candidates while vLLM schedules a step."""
        budget, self._counted = self.max_num_scheduled_tokens, (-1, 0)
        if self._search is not None:
            running = (request.sampling_params for request in self.running)
            self.max_num_scheduled_tokens = tokens_beside_candidates(budget, running)
        try:
            yield
        finally:
            self.max_num_scheduled_tokens = budget

    def _reserve_prefill_lookahead(self, request: Request, num_computed_tokens: int, num_new_tokens: int) -> int:
        """Return how many tokens a request gets, before any memory is taken for them; 0 means "not in this step"."""
        tokens = super()._reserve_prefill_lookahead(request, num_computed_tokens, num_new_tokens)
        partners = self._partners(request)
        if not partners or request.request_id in self._sampling:
            return tokens
        if request.status != RequestStatus.RUNNING and not self._may_enter(request, partners):
            return 0
        allowed = pair_policy.tokens_without_sampling(request, num_computed_tokens, tokens)
        self.pair_stats["held"] += allowed == 0
        return allowed

    def _may_enter(self, request: Request, partners: list[Request]) -> bool:
        if any(partner.status == RequestStatus.RUNNING for partner in partners):
            return True
        pair = [request, *partners]
        return pair_policy.may_enter(
            taken=len(self.running) + self.num_waiting_for_streaming_input,
            slots=self.max_num_active_reqs,
            needed=sum(blocks_for(self.kv_cache_manager, one.num_tokens) for one in pair),
            free=free_blocks(self.kv_cache_manager),
            size=len(pair),
        )

    def _handle_blocked_waiting_request(self, request: Request) -> bool:
        """Return whether a waiting request may be considered in this step, rather than passed over.

        A contrast request waits for its main request, which may itself wait for a grammar or a free adapter, and a
        search for another one to end if there are no scratch blocks for it; nothing behind them has to wait for that.
        """
        if request.request_id in self._refused:
            return False
        if self.pairs.is_contrast(request.request_id) and not any(
            partner.status == RequestStatus.RUNNING for partner in self._partners(request)
        ):
            return False
        if self._search is not None and count_searches([request]) and self._running_searches() >= self._search.requests:
            return False
        return super()._handle_blocked_waiting_request(request)

    def _running_searches(self) -> int:
        """Count the running searches, anew if a request has begun: none ends while vLLM looks at those that wait."""
        if self._counted[0] != len(self.running):
            self._counted = len(self.running), count_searches(self.running)
        return self._counted[1]

    def _get_local_prefix_cache_hit(
        self, request: Request, max_cache_hit_length: int | None = None
    ) -> tuple[KVCacheBlocks, int, int, bool]:
        """Return a prefix cache hit that leaves a request of a pair something to read before it samples.

        A hit that leaves one token would keep the request out for good, because the step that reads it samples. The
        cache is then searched as if the prompt were one token shorter.
        """
        limit = () if max_cache_hit_length is None else (max_cache_hit_length,)  # vLLM 0.32 knows none
        hit = super()._get_local_prefix_cache_hit(request, *limit)
        if not self.pairs.pair(request.request_id) or hit[1] < request.num_tokens - 1:
            return hit
        cache = self.kv_cache_manager
        longest = min((request.num_tokens - 2, *limit))
        blocks, tokens, _ = cache.coordinator.find_longest_cache_hit(request.block_hashes, longest)
        return cache.create_kv_cache_blocks(blocks), tokens, 0, False

    def _preempt_request(self, request: Request, timestamp: float, drop_stale_output: bool = False) -> None:
        super()._preempt_request(request, timestamp, drop_stale_output)
        partners = self._partners(request)
        # A pair counts once, when the first of its requests is preempted.
        self.pair_stats["preempted"] += bool(partners) and all(
            partner.status != RequestStatus.PREEMPTED for partner in partners
        )

    def reset_prefix_cache(self, reset_running_requests: bool = False, reset_connector: bool = False) -> bool:
        """Empty the prefix cache; with `reset_running_requests`, drop the tokens in flight and sample them again.

        vLLM drops them for requests that run. If one request of a pair runs and the other was preempted while the same
        step is in flight, both must lose their token, or they would stay one apart.
        """
        if reset_running_requests:
            for request in (request for pair in self._pairs() for request in pair):
                request.drop_stale_output |= request.num_stale_output_tokens > 0
        return super().reset_prefix_cache(reset_running_requests, reset_connector)

    # Requests end.

    def finish_requests(self, request_ids: str | Iterable[str] | None, finished_status: RequestStatus) -> list[Request]:
        """End requests and the rest of their pairs; return those that clients know."""
        if request_ids is not None:
            ids = {request_ids} if isinstance(request_ids, str) else set(request_ids)
            request_ids = ids.union(*map(self.pairs.partners, ids))
        finished = super().finish_requests(request_ids, finished_status)
        return [request for request in finished if not self.pairs.is_contrast(request.request_id)]

    def _free_request(
        self, request: Request, delay_free_blocks: bool = False
    ) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        self._orphans.update(self.pairs.dissolve(request.request_id))
        self._orphans.discard(request.request_id)
        return super()._free_request(request, delay_free_blocks)

    def update_from_output(
        self, scheduler_output: SchedulerOutput, model_runner_output: ModelRunnerOutput
    ) -> dict[int, EngineCoreOutputs]:
        """Process the tokens of a step; clients hear of main requests only."""
        outputs = super().update_from_output(scheduler_output, model_runner_output)
        if self.pairs or self._refused:
            self._end_orphans()
            for client in outputs.values():
                leave_main_requests(client, self.pairs, self._refused)
            self.pairs.forget()
            self._refused = {key: reason for key, reason in self._refused.items() if key in self.requests}
        return outputs

    def _end_orphans(self) -> None:
        """End contrast requests whose main request has ended. A main request without its contrast ends with an error:
        it must not go on as plain decoding."""
        contrasts = {request_id for request_id in self._orphans if self.pairs.is_contrast(request_id)}
        for request_id in self._orphans - contrasts:
            self._end_with_error(request_id, "its contrast ended before it")
        self.finish_requests(contrasts, RequestStatus.FINISHED_ABORTED)
        self._orphans.clear()


class PairScheduler(PairScheduling, Scheduler):
    """The scheduler of engines that wait for a step before they schedule the next."""


class AsyncPairScheduler(PairScheduling, AsyncScheduler):
    """The scheduler of engines that schedule a step while the last one runs.

    A schedule never depends on the value of a token, so pairs stay together in the same way.
    """


def pair_scheduler(*args: Any, **kwargs: Any) -> Scheduler:  # noqa: ANN401
    """Return the scheduler that fits the engine's way of stepping; to be named as `--scheduler-cls`.

    vLLM asks for a class there but only calls it; a plain class would switch asynchronous scheduling off.
    """
    config = kwargs["vllm_config"] if "vllm_config" in kwargs else args[0]
    plain, paired = (
        (AsyncScheduler, AsyncPairScheduler) if config.scheduler_config.async_scheduling else (Scheduler, PairScheduler)
    )
    if switched_off():
        return plain(*args, **kwargs)
    search = SearchLimits.of(config)
    if search is not None:
        cache = kwargs["kv_cache_config"]
        check_cache(cache)
        longest = config.model_config.max_model_len
        kwargs["kv_cache_config"] = without_last_blocks(cache, search.scratch_blocks, longest)
    return paired(*args, **kwargs)
