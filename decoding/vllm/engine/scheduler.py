"""vLLM's scheduler with pairs: two requests that only ever sample in the same step.

What holds at any time is said in :mod:`.pair_policy`. vLLM decides everything else as it always
does; a step without a pair in the engine is vLLM's own.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vllm.v1.core.sched.async_scheduler import AsyncScheduler  # pyright: ignore[reportMissingImports]
from vllm.v1.core.sched.scheduler import Scheduler  # pyright: ignore[reportMissingImports]
from vllm.v1.request import RequestStatus  # pyright: ignore[reportMissingImports]

from ..contrast_params import PairRequest, has_contrast_keys, pair_request
from ..engine_limits import EngineLimits, check_prompt_logprobs
from ..switch import switched_off
from . import admission
from . import compat as internals
from . import pair_policy as lockstep
from .kv_blocks import reserve, room_for_output
from .metrics import PairMetrics
from .pair_requests import Pairs
from .twin import make_main, make_twin

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


class PairScheduling(Base):
    """What pairs add to a scheduler of vLLM; to be mixed into one.

    Attributes:
        pairs: Who belongs together.
        pair_stats: Counts since the start: `pairs`, `held` (a half kept from sampling, once a step), `preempted` pairs,
            `refused` ones, and `violations` (steps in which a half sampled alone: 0, or this code is wrong).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        internals.check_hooks()
        super().__init__(*args, **kwargs)
        internals.check_attributes(self)
        internals.check_configuration(self.vllm_config, self)
        self.pairs = Pairs()
        self.pair_stats: Counter[str] = Counter()
        self._metrics = PairMetrics.of(self.vllm_config)
        self._released: frozenset[str] = frozenset()
        self._widowed: set[str] = set()
        self._refused: dict[str, str] = {}

    # Requests come.

    def add_request(self, request: Request) -> None:
        """Take a request in; one that asks for a contrast becomes two, or ends with an error that says why not."""
        params = request.sampling_params
        if params is None or not has_contrast_keys(params.extra_args) or request.request_id in self.requests:
            super().add_request(request)
            return
        try:
            contrast = pair_request(params.extra_args)
            assert contrast is not None
            room = self._room(request, contrast)
            twin = make_twin(request, contrast, max_tokens=room, config=self.vllm_config)
        except ValueError as error:
            self._refuse(request, str(error))
            return
        # Model Runner V2 draws by seed and position, whatever else happens; V1 has to be helped.
        make_main(request, contrast, max_tokens=room, own_seed=not self.use_v2_model_runner)
        self.pairs.add(request.request_id, twin.request_id)
        super().add_request(request)
        super().add_request(twin)
        self.pair_stats["pairs"] += 1

    def _room(self, request: Request, contrast: PairRequest) -> int:
        """How many tokens the pair may produce; raises `ValueError` for one that cannot be served."""
        params = request.sampling_params
        assert params is not None
        assert params.max_tokens is not None
        if request.prompt_token_ids is None or request.prompt_embeds is not None or request.resumable:
            raise ValueError(
                "a contrast has to come with a prompt of tokens, all at once, but this one is made of embeddings or "
                "streamed in"
            )
        if getattr(params, "trace_decode_token_ids", None) is not None:
            raise ValueError("`trace_decode_token_ids` has to be left out where a contrast is asked for: it chooses")
        check_prompt_logprobs(params.prompt_logprobs)
        EngineLimits(
            max_model_len=self.max_model_len,
            max_num_seqs=min(self.max_num_active_reqs, self.max_num_running_reqs),
            vocabulary_size=self.vllm_config.model_config.get_vocab_size(),
        ).check(contrast, request.num_prompt_tokens)
        prompts = [request.num_prompt_tokens, contrast.other_tokens(request.num_prompt_tokens)]
        most = min(params.max_tokens, self.max_model_len - max(prompts))
        room = room_for_output(self.kv_cache_manager, prompts, most)
        if room < 1:
            raise ValueError(
                f"prompt and contrast have to fit the KV cache together, but have {prompts[0]} and {prompts[1]} tokens "
                "and leave no room for an answer: shorten them, or give the engine more memory"
            )
        return room

    def _refuse(self, request: Request, reason: str) -> None:
        """Let a request end with an error in the next step, as one whose grammar does not compile."""
        logger.warning("counterfoil: request %s is refused: %s", request.request_id, reason)
        super().add_request(request)
        self._refused[request.request_id] = reason
        self.grammar_compile_error_reqs.add(request.request_id)
        self.pair_stats["refused"] += 1

    # A step is scheduled.

    def schedule(self, throttle_prefills: bool = False) -> SchedulerOutput:
        """Schedule a step: pairs that may sample in it first, with their memory set aside."""
        self._released = frozenset()
        if not self.pairs:
            return super().schedule(throttle_prefills)
        self._release(throttle_prefills)
        with self._out_of_reach():
            output = super().schedule(throttle_prefills)
        self._check(output)
        if not output.num_scheduled_tokens and not any(
            request.num_in_flight_tokens for request in self.requests.values()
        ):
            admission.free_a_half(self)
        self._metrics.publish(self.pair_stats)
        return output

    def living_pairs(self) -> Iterator[tuple[Request, Request]]:
        """Main request and twin of each pair."""
        return ((self.requests[main], self.requests[twin]) for main, twin in self.pairs)

    def _release(self, prefills_wait: bool) -> None:
        """Choose the pairs that sample in this step and let them go first: each needs one token of the step's budget,
        which has one for every running request."""
        admission.pull_forward(self)
        ready = [
            (main, twin)
            for main, twin in self.living_pairs()
            if lockstep.may_sample(main, twin, prefills_wait=prefills_wait)
        ]
        first = [member for pair in reserve(self, ready) for member in pair]
        self._released = frozenset(member.request_id for member in first)
        if first:
            self.running = first + [request for request in self.running if request.request_id not in self._released]

    @contextmanager
    def _out_of_reach(self) -> Iterator[None]:
        """Under scheduling by priority vLLM may preempt what the same step has scheduled already: not half a pair."""
        released = [self.requests[request_id] for request_id in self._released]
        priorities = [request.priority for request in released]
        for request in released:
            request.priority = NEVER_PREEMPTED
        try:
            yield
        finally:
            for request, priority in zip(released, priorities, strict=True):
                request.priority = priority

    def _reserve_prefill_lookahead(self, request: Request, num_computed_tokens: int, num_new_tokens: int) -> int:
        """The last word on how many tokens a request gets, before any memory is taken for them; 0 is "not now"."""
        tokens = super()._reserve_prefill_lookahead(request, num_computed_tokens, num_new_tokens)
        other = self.pairs.other(request.request_id)
        if other is None or request.request_id in self._released:
            return tokens
        if request.status != RequestStatus.RUNNING and not admission.may_enter(self, request, self.requests[other]):
            return 0
        allowed = lockstep.fill_only(request, num_computed_tokens, tokens)
        self.pair_stats["held"] += allowed == 0
        return allowed

    def _handle_blocked_waiting_request(self, request: Request) -> bool:
        if request.request_id in self._refused:
            return False
        other = self.pairs.other(request.request_id)
        if other is not None and not admission.may_be_considered(self, request, self.requests[other]):
            return False
        return super()._handle_blocked_waiting_request(request)

    def _get_local_prefix_cache_hit(self, request: Request) -> tuple[KVCacheBlocks, int, int, bool]:
        """A cached prefix that leaves one token leaves nothing to fill, so a half could never be let in: look again as
        if the prompt were one token shorter."""
        hit = super()._get_local_prefix_cache_hit(request)
        if self.pairs.other(request.request_id) is None or hit[1] < request.num_tokens - 1:
            return hit
        cache = self.kv_cache_manager
        blocks, tokens, _ = cache.coordinator.find_longest_cache_hit(request.block_hashes, request.num_tokens - 2)
        return cache.create_kv_cache_blocks(blocks), tokens, 0, False

    def _preempt_request(self, request: Request, timestamp: float, drop_stale_output: bool = False) -> None:
        super()._preempt_request(request, timestamp, drop_stale_output)
        other = self.pairs.other(request.request_id)
        if other is not None:
            self.pair_stats["preempted"] += self.requests[other].status != RequestStatus.PREEMPTED

    def reset_prefix_cache(self, reset_running_requests: bool = False, reset_connector: bool = False) -> bool:
        """Empty the prefix cache; with `reset_running_requests` what is being sampled is dropped and sampled again.

        vLLM drops it for those that run. Where one half runs and the other was preempted while the same step is in
        flight, both have to lose their token, or they would be one apart for good.
        """
        if reset_running_requests:
            for member in (member for pair in self.living_pairs() for member in pair):
                member.drop_stale_output |= member.num_stale_output_tokens > 0
        return super().reset_prefix_cache(reset_running_requests, reset_connector)

    def _check(self, output: SchedulerOutput) -> None:
        """End every pair of which one half is about to sample alone, with an error: its token would be a plain one."""
        for request_id in output.num_scheduled_tokens:
            other = self.pairs.other(request_id)
            if other is None or self.requests[request_id].is_prefill_chunk:
                continue
            request, mate = self.requests[request_id], self.requests[other]
            together = other in output.num_scheduled_tokens and not mate.is_prefill_chunk
            if together and lockstep.output_position(request) == lockstep.output_position(mate):
                continue
            logger.error("counterfoil: %s would sample without %s; the pair is ended", request_id, other)
            self.pair_stats["violations"] += 1
            self._refused[request_id] = "its contrast was lost"
            self.grammar_compile_error_reqs.add(request_id)

    # Requests end.

    def finish_requests(self, request_ids: str | Iterable[str] | None, finished_status: RequestStatus) -> list[Request]:
        """End requests, and the other halves of those that are in a pair; returns those that clients know."""
        if request_ids is not None:
            ids = {request_ids} if isinstance(request_ids, str) else set(request_ids)
            request_ids = ids | {other for other in map(self.pairs.other, ids) if other is not None}
        finished = super().finish_requests(request_ids, finished_status)
        return [request for request in finished if not self.pairs.is_twin(request.request_id)]

    def _free_request(
        self, request: Request, delay_free_blocks: bool = False
    ) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        other = self.pairs.other(request.request_id)
        if other is not None:
            self.pairs.part(request.request_id)
            self._widowed.add(other)
        self._widowed.discard(request.request_id)
        return super()._free_request(request, delay_free_blocks)

    def update_from_output(
        self, scheduler_output: SchedulerOutput, model_runner_output: ModelRunnerOutput
    ) -> dict[int, EngineCoreOutputs]:
        """Process what a step has sampled; clients hear of main requests only."""
        outputs = super().update_from_output(scheduler_output, model_runner_output)
        if self.pairs or self._refused:
            self._end_the_widowed()
            for client in outputs.values():
                self._edit(client)
            self.pairs.forget()
            self._refused = {key: reason for key, reason in self._refused.items() if key in self.requests}
        return outputs

    def _end_the_widowed(self) -> None:
        """A twin goes with its main request. A main request without a twin must not go on: it ends with an error."""
        twins = {request_id for request_id in self._widowed if self.pairs.is_twin(request_id)}
        for request_id in self._widowed - twins:
            self._refused[request_id] = "its contrast ended before it"
            self.grammar_compile_error_reqs.add(request_id)
        self.finish_requests(twins, RequestStatus.FINISHED_ABORTED)
        self._widowed.clear()

    def _edit(self, client: EngineCoreOutputs) -> None:
        client.outputs = [output for output in client.outputs if not self.pairs.is_twin(output.request_id)]
        if client.finished_requests:
            client.finished_requests = {
                request_id for request_id in client.finished_requests if not self.pairs.is_twin(request_id)
            }
        for output in client.outputs:
            if output.finished and output.request_id in self._refused:
                output.stop_reason = f"counterfoil: {self._refused[output.request_id]}"


class PairScheduler(PairScheduling, Scheduler):
    """For engines that wait for a step before they schedule the next."""


class AsyncPairScheduler(PairScheduling, AsyncScheduler):
    """For engines that schedule a step while the last one runs. The schedule never depends on the value of a token, so
    the lock-step is the same."""


def pair_scheduler(*args: Any, **kwargs: Any) -> Scheduler:  # noqa: ANN401
    """The scheduler to name as `--scheduler-cls`: the one that fits the engine's way of stepping.

    vLLM asks for a class, but only calls it; a plain class would switch asynchronous scheduling off.
    """
    config = kwargs["vllm_config"] if "vllm_config" in kwargs else args[0]
    plain, paired = (
        (AsyncScheduler, AsyncPairScheduler) if config.scheduler_config.async_scheduling else (Scheduler, PairScheduler)
    )
    return (plain if switched_off() else paired)(*args, **kwargs)
