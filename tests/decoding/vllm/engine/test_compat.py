"""An engine that cannot serve pairs does not start, and says why."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed")

import vllm
from counterfoil.decoding.vllm import PROCESSOR, SCHEDULER, llm_kwargs
from counterfoil.decoding.vllm.engine import compat
from counterfoil.decoding.vllm.engine.scheduler import (
    AsyncPairScheduler,
    PairScheduler,
    PairScheduling,
    pair_scheduler,
)
from counterfoil.decoding.vllm.engine_limits import DISABLE
from counterfoil.decoding.vllm.worker.logits_processor import PairLogitsProcessor
from vllm.sampling_params import SamplingParams
from vllm.v1.core.sched.scheduler import Scheduler

from tests.support.pair_workload import Workload

pytestmark = pytest.mark.engine

SOUND = {
    "speculative_config": None,
    "kv_transfer_config": None,
    "ec_transfer_config": None,
    "parallel_config": {
        "pipeline_parallel_size": 1,
        "decode_context_parallel_size": 1,
        "prefill_context_parallel_size": 1,
        "enable_batch_sharded_sampling": None,
    },
    "model_config": {"runner_type": "generate", "is_diffusion": False, "is_encoder_decoder": False},
    "scheduler_config": {"enable_chunked_prefill": True},
}
SCHEDULER_STATE = {"has_mamba_layers": False, "max_num_scheduled_tokens": 64, "max_num_running_reqs": 8}
UNSOUND = [
    ({"speculative_config": object()}, {}, "speculative decoding"),
    ({"parallel_config": {"pipeline_parallel_size": 2}}, {}, "pipeline parallelism"),
    ({"parallel_config": {"decode_context_parallel_size": 2}}, {}, "decode context parallelism"),
    ({"parallel_config": {"enable_batch_sharded_sampling": True}}, {}, "batch-sharded sampling"),
    ({"kv_transfer_config": object()}, {}, "connector"),
    ({"watermark_config": object()}, {}, "watermarking"),
    ({"model_config": {"runner_type": "pooling"}}, {}, "pooling"),
    ({"model_config": {"is_encoder_decoder": True}}, {}, "encoder-decoder"),
    ({"scheduler_config": {"enable_chunked_prefill": False}}, {}, "never split"),
    ({}, {"has_mamba_layers": True}, "recurrent layers"),
    ({}, {"max_num_scheduled_tokens": 4}, "fewer tokens a step"),
]


def configured(changes: dict) -> SimpleNamespace:
    """A sound configuration with some of its parts changed."""
    parts = dict(SOUND)
    for name, change in changes.items():
        parts[name] = {**SOUND[name], **change} if isinstance(change, dict) else change
    return SimpleNamespace(**{k: SimpleNamespace(**v) if isinstance(v, dict) else v for k, v in parts.items()})


def test_a_sound_engine_is_accepted() -> None:
    compat.check_hooks()
    compat.check_configuration(configured({}), SimpleNamespace(**SCHEDULER_STATE))


@pytest.mark.parametrize(("changes", "state", "reason"), UNSOUND, ids=[reason for *_, reason in UNSOUND])
def test_what_pairs_cannot_be_served_with(changes: dict, state: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        compat.check_configuration(configured(changes), SimpleNamespace(**{**SCHEDULER_STATE, **state}))


def test_a_hook_that_nobody_calls_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scheduler, "schedule", lambda self, throttle_prefills=False: None)
    with pytest.raises(RuntimeError, match="_reserve_prefill_lookahead"):
        compat.check_hooks()


def test_the_installed_version_is_known() -> None:
    """Whoever installs a third one learns here what has moved, before adding it to the table."""
    print(f"vLLM {vllm.__version__}, known: {', '.join(compat.VERSIONS)}")
    moved = compat.moved()
    assert compat.installed() in compat.VERSIONS, f"vLLM {vllm.__version__} is not known; moved in it: {moved or '-'}"
    assert not moved


def test_what_has_moved_in_a_third_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm, "__version__", "0.99.1")
    monkeypatch.setattr(Scheduler, "finish_requests", lambda self, request_ids, finished_status, reason: None)
    assert set(compat.moved()) >= {
        "Scheduler.finish_requests(request_ids, finished_status)",
        "Scheduler.finish_requests -> _free_request",
    }
    with pytest.raises(RuntimeError, match=r"vLLM 0\.99\.1 is not built .* install vllm 0\.33 or 0\.32"):
        compat.check_hooks()


def test_every_override_is_listed() -> None:
    """A method that replaces one of vLLM's, and is not in the table, could change its parameters unnoticed."""
    own = {name for name in vars(PairScheduling) if hasattr(Scheduler, name) and not name.startswith("__")}
    assert own == set(compat.OVERRIDDEN)


def test_an_attribute_that_is_gone_is_found() -> None:
    scheduler = Workload(0, "sync, V1").scheduler
    compat.check_attributes(scheduler)
    del scheduler.max_num_active_reqs
    with pytest.raises(RuntimeError, match="max_num_active_reqs"):
        compat.check_attributes(scheduler)


@pytest.mark.parametrize(("mode", "kind"), [("sync, V1", PairScheduler), ("async, V1", AsyncPairScheduler)])
def test_the_scheduler_fits_the_engine(mode: str, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Workload(0, mode, (pair_scheduler, pair_scheduler)).scheduler
    assert type(made) is kind
    monkeypatch.setenv(DISABLE, "1")
    plain = Workload(0, mode, (pair_scheduler, pair_scheduler)).scheduler
    assert not isinstance(plain, PairScheduling)


def test_switched_off_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    params = SamplingParams(extra_args={"cf_method": "cad", "cf_contrast_ids": [5, 6]})
    PairLogitsProcessor.validate_params(params)
    monkeypatch.setenv(DISABLE, "1")
    PairLogitsProcessor.validate_params(SamplingParams())
    with pytest.raises(ValueError, match=DISABLE):
        PairLogitsProcessor.validate_params(params)


def test_arguments_of_an_engine() -> None:
    made = llm_kwargs(max_model_len=64, logits_processors=["mine:Own"])
    assert made == {"max_model_len": 64, "scheduler_cls": SCHEDULER, "logits_processors": ["mine:Own", PROCESSOR]}
    with pytest.raises(ValueError, match="scheduler_cls"):
        llm_kwargs(scheduler_cls="another")
