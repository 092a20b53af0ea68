"""Random workloads for the pair scheduler, from a seed: what may be in an engine at once, and what may happen to it."""

from __future__ import annotations

import functools
import json
import random
import tempfile
from collections import Counter, deque
from pathlib import Path

import torch
from counterfoil.decoding.vllm.engine.pair_requests import CONTRAST_SUFFIX
from counterfoil.decoding.vllm.engine.scheduler import AsyncPairScheduler, PairScheduler
from vllm.engine.arg_utils import EngineArgs
from vllm.sampling_params import SamplingParams
from vllm.utils.hashing import get_hash_fn_by_name
from vllm.v1.core.kv_cache_utils import get_request_block_hasher, init_none_hash
from vllm.v1.core.sched.interface import PauseState
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec, SlidingWindowSpec
from vllm.v1.request import Request, RequestStatus
from vllm.v1.structured_output import StructuredOutputManager

from tests.support.fake_worker import EOS, FakeWorker

BLOCK, LONGEST, WINDOW = 4, 60, 8
MODES = {"sync, V1": (False, False), "async, V1": (True, False), "async, V2": (True, True)}
PATIENCE = 60


class StuckError(AssertionError):
    """Requests are left and nothing happens."""


@functools.cache
def configuration():
    """An engine's configuration for a model of which there is nothing but this."""
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-"))
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 64, "hidden_size": 32,
        "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1,
        "max_position_embeddings": 128, "torch_dtype": "float32",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    init_none_hash(get_hash_fn_by_name("sha256"))
    arguments = {"dtype": "float32", "enforce_eager": True, "skip_tokenizer_init": True, "max_model_len": 128}
    return EngineArgs(str(folder), block_size=16, **arguments).create_engine_config()


class Workload:
    """One engine's life.

    Args:
        seed: Decides everything.
        mode: Of :data:`MODES`.
        scheduler_classes: The synchronous and the asynchronous scheduler.
        groups: How often a contrast is one of three to eight views instead of two.
    """

    def __init__(
        self, seed: int, mode: str, scheduler_classes=(PairScheduler, AsyncPairScheduler), groups: float = 0.0
    ) -> None:
        self.random = random.Random(seed)
        self.groups = groups
        self.ahead, self.v2 = MODES[mode]
        self.scheduler = self._engine(scheduler_classes[self.ahead])
        self.worker = FakeWorker(seed, BLOCK, self.windows, self.scheduler.max_num_running_reqs, rebuilds=not self.v2)
        self.arrivals = deque(sorted(self._requests(), key=lambda arrival: arrival[0]))
        self.asked = {request.request_id: request for _, request in self.arrivals}
        self.text: dict[str, list[int]] = {name: [] for name in self.asked}
        self.finished: dict[str, str] = {}
        self.aborted: set[str] = set()
        self.in_flight: deque = deque()
        self.steps = 0
        self.statistics: Counter[str] = Counter()

    def _engine(self, scheduler_class):
        chance, config = self.random, configuration()
        slots = chance.choice([1, 2, 3, 4, 5, 8, 16])
        scheduling = config.scheduler_config
        scheduling.async_scheduling = self.ahead
        scheduling.max_num_seqs = slots
        scheduling.max_num_batched_tokens = max(slots, chance.choice([4, 8, 16, 33, 64, 256]))
        scheduling.policy = chance.choice(["fcfs", "fcfs", "fcfs", "priority"])
        scheduling.long_prefill_token_threshold = chance.choice([0, 0, 7])
        scheduling.scheduler_reserve_full_isl = chance.random() < 0.7
        config.cache_config.enable_prefix_caching = chance.random() < 0.6
        config.cache_config.block_size = BLOCK
        self.windows = [None, WINDOW] if chance.random() < 0.25 else [None]
        blocks = len(self.windows) * chance.choice([18, 22, 26, 30, 40, 60, 400])
        config.cache_config.num_gpu_blocks = self.blocks = blocks
        shape = {"block_size": BLOCK, "num_kv_heads": 1, "head_size": 1, "dtype": torch.float32}
        specs = [
            FullAttentionSpec(**shape) if window is None else SlidingWindowSpec(**shape, sliding_window=window)
            for window in self.windows
        ]
        groups = [KVCacheGroupSpec([f"layer {i}"], spec) for i, spec in enumerate(specs)]
        scheduler = scheduler_class(
            vllm_config=config,
            kv_cache_config=KVCacheConfig(num_blocks=blocks, kv_cache_tensors=[], kv_cache_groups=groups),
            block_size=BLOCK,
            structured_output_manager=StructuredOutputManager(config),
        )
        scheduler.use_v2_model_runner = self.v2
        scheduler.max_model_len = LONGEST
        return scheduler

    def _requests(self):
        chance = self.random
        texts = [[chance.randrange(3, 50) for _ in range(40)] for _ in range(3)]
        hasher = get_request_block_hasher(BLOCK, get_hash_fn_by_name("sha256"))

        def prompt() -> list[int]:
            return chance.choice(texts)[: chance.choice([2, 3, 4, 5, 8, 9, 12, 17, 21, 33])]

        for i in range(chance.randint(1, 14)):
            extra = None
            if chance.random() < 0.75:
                extra = {"cf_method": "contrastive_decoding", "cf_contrast_ids": prompt()}
                if chance.random() < 0.2:
                    extra = {"cf_method": "contrastive_decoding", "cf_cut_context": chance.choice([2, 3, 5])}
                if chance.random() < self.groups:
                    others = [prompt() for _ in range(chance.choice([2, 2, 2, 3, 3, 4, 5, 6, 7]))]
                    weights = [-0.1] * len(others)
                    extra = {"cf_method": "weighted_sum", "cf_weights": weights, "cf_contrast_ids": others}
                if chance.random() < 0.05:
                    extra = {"cf_method": "cad", "cf_contrast_ids": chance.choice([[99, 99], [4] * 70])}
            params = SamplingParams(
                temperature=0,
                max_tokens=chance.randint(1, 24),
                stop_token_ids=[EOS],
                extra_args=extra,
                skip_reading_prefix_cache=chance.random() < 0.1,
            )
            request = Request(
                f"r{i}", prompt(), params, None,
                block_hasher=hasher, priority=chance.randint(0, 2), arrival_time=float(i),
            )  # fmt: skip
            yield chance.randint(0, 25), request

    def run(self) -> Counter:
        """Live it to its end; raises an `AssertionError` for whatever goes wrong."""
        idle = 0
        while self.arrivals or self.scheduler.requests or self.scheduler.has_requests() or self.in_flight:
            while self.arrivals and self.arrivals[0][0] <= self.steps:
                self.scheduler.add_request(self.arrivals.popleft()[1])
            self._mishap()
            progress = self._step()
            idle = 0 if progress or self.arrivals else idle + 1
            if idle > PATIENCE:
                left = [(r.request_id, r.status.name, r.num_computed_tokens) for r in self.scheduler.requests.values()]
                raise StuckError(f"{left}, {dict(self.scheduler.pair_stats)}")
            self.steps += 1
        self._check_end()
        self.statistics.update(self.scheduler.pair_stats)
        self.statistics.update(steps=self.steps, workloads=1, aborted=len(self.aborted), tokens=self.worker.sampled)
        return self.statistics

    def _step(self) -> bool:
        """One turn of the engine's loop, with one step in flight if it runs ahead."""
        progress = False
        if self.scheduler.requests or self.scheduler.has_requests():
            output = self.scheduler.schedule(self.random.random() < 0.1)
            progress = bool(output.num_scheduled_tokens)
            self.in_flight.append((output, self.worker.execute(output)))
        while self.in_flight and (len(self.in_flight) > self.ahead or not progress):
            output, sampled = self.in_flight.popleft()
            for client in self.scheduler.update_from_output(output, sampled).values():
                self._hear(client)
            progress = progress or bool(output.num_scheduled_tokens)
        return progress

    def _hear(self, client) -> None:
        for output in client.outputs:
            name = output.request_id
            assert CONTRAST_SUFFIX not in name, f"a client hears of {name}"
            assert name not in self.finished, f"{name} speaks after its end"
            self.text[name] += output.new_token_ids
            if output.finished:
                self.finished[name] = str(output.finish_reason)
                refused = str(output.finish_reason) == "error"
                assert refused == (output.stop_reason is not None and "counterfoil" in str(output.stop_reason)), name

    def _mishap(self) -> None:
        chance, scheduler = self.random, self.scheduler
        if chance.random() < 0.03:
            name = chance.choice(list(self.asked))
            lost = chance.choice(scheduler.pairs.partners(name) or (name,)) if chance.random() < 0.2 else name
            if name in scheduler.requests and lost in scheduler.requests:
                scheduler.finish_requests(lost, RequestStatus.FINISHED_ABORTED)
                self.aborted.add(name)
                alive = {request_id for request_id, r in scheduler.requests.items() if not r.is_finished()}
                left = [other for other in alive if other == name or other.startswith(name + CONTRAST_SUFFIX)]
                assert not left, "a pair is left in part"
        if chance.random() < 0.01:
            self.worker.may_forget({r.request_id for r in scheduler.requests.values() if r.num_in_flight_tokens})
            scheduler.reset_prefix_cache(reset_running_requests=True)
            self.statistics["resets"] += 1
        # For one step everything stands still, as while weights are exchanged.
        state = PauseState.PAUSED_ALL if chance.random() < 0.02 else PauseState.UNPAUSED
        if state != scheduler.pause_state:
            scheduler.set_pause_state(state)
            self.statistics["pauses"] += state == PauseState.PAUSED_ALL

    def _check_end(self) -> None:
        scheduler = self.scheduler
        assert not scheduler.requests
        assert not scheduler.running
        assert not len(scheduler.waiting)
        assert not scheduler.pairs
        assert not list(scheduler.pairs)
        assert not scheduler._refused
        assert not scheduler._orphans
        assert scheduler.pair_stats["violations"] == 0
        assert scheduler.kv_cache_manager.block_pool.get_num_free_blocks() == self.blocks - 1, "blocks are lost"
        for name, request in self.asked.items():
            assert (name in self.finished) != (name in self.aborted), f"{name} ended in no way, or twice"
            if self.finished.get(name) == "length":
                params = request.sampling_params
                assert len(self.text[name]) == params.max_tokens <= LONGEST
