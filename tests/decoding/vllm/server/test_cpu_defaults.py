"""What is chosen for a machine without a GPU, on vLLM's own arguments; and that what the user has chosen stays."""

from __future__ import annotations

from argparse import Namespace

import pytest

pytest.importorskip("vllm", reason="the options are vLLM's")

from counterfoil.decoding.vllm.server import cpu_defaults
from counterfoil.decoding.vllm.server.cpu_defaults import GIB, choose_for_cpu
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm.entrypoints.cli.serve import ServeSubcommand
from vllm.platforms import current_platform
from vllm.utils.argparse_utils import FlexibleArgumentParser

pytestmark = pytest.mark.skipif(not current_platform.is_cpu(), reason="this is vLLM for another platform")


@pytest.fixture(scope="module")
def parser() -> FlexibleArgumentParser:
    made = FlexibleArgumentParser()
    ServeSubcommand().subparser_init(made.add_subparsers())
    return made


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)


def on(monkeypatch: pytest.MonkeyPatch, total: float, free: float) -> None:
    """A machine with so many GiB of memory."""
    monkeypatch.setattr(cpu_defaults, "_memory", lambda: (int(total * GIB), int(free * GIB)))


def chosen(parser: FlexibleArgumentParser, *options: str, default: bool = False) -> tuple[Namespace, str | None]:
    arguments = parser.parse_args(["serve", "model", *options])
    return arguments, choose_for_cpu(arguments, default_model=default)


def test_the_default_model_gets_a_small_cache_and_its_precision(
    parser: FlexibleArgumentParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, 23.5, 16.4)
    arguments, said = chosen(parser, default=True)
    assert (arguments.dtype, arguments.enforce_eager, arguments.kv_cache_memory_bytes) == ("float32", True, 2 * GIB)
    assert said is not None
    assert "16.4 of 23.5 GiB of memory are free" in said
    assert "--dtype float32 --enforce-eager --kv-cache-memory-bytes 2147483648" in said
    on(monkeypatch, 4, 2)
    assert chosen(parser, default=True)[0].kv_cache_memory_bytes == GIB // 2


def test_another_model_gets_what_is_free_if_that_is_less_than_vllm_asks_for(
    parser: FlexibleArgumentParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, 20, 10)
    arguments, said = chosen(parser)
    assert (arguments.dtype, arguments.gpu_memory_utilization, arguments.kv_cache_memory_bytes) == ("auto", 0.4, None)
    assert "--gpu-memory-utilization 0.4" in (said or "")
    assert chosen(parser, "-tp", "2")[0].gpu_memory_utilization == 0.2


@pytest.mark.parametrize(
    "options",
    [
        ("--gpu-memory-utilization", "0.3", "--dtype", "bfloat16", "--enforce-eager"),
        ("--kv-cache-memory-bytes", "1000000", "--dtype", "bfloat16", "--enforce-eager"),
    ],
)
@pytest.mark.parametrize("default", [True, False])
def test_what_the_user_has_chosen_stays(
    parser: FlexibleArgumentParser, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], default: bool
) -> None:
    on(monkeypatch, 20, 10)
    arguments, said = chosen(parser, *options, default=default)
    assert arguments == parser.parse_args(["serve", "model", *options])
    assert said is None


def test_so_does_the_environment(parser: FlexibleArgumentParser, monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, 20, 10)
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    assert chosen(parser)[1] is None


def test_an_idle_machine_is_left_to_vllm(parser: FlexibleArgumentParser, monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, 1000, 999)
    monkeypatch.setattr(cpu_defaults, "SHARE", 0.95)
    assert chosen(parser)[1] is None


def test_this_machine_has_what_is_chosen(parser: FlexibleArgumentParser) -> None:
    total, free = cpu_defaults._memory()
    assert 0 < free <= total
    arguments, _ = chosen(parser)
    assert arguments.gpu_memory_utilization * total <= free


@settings(deadline=None, max_examples=50)
@given(st.floats(1, 4000), st.floats(0.02, 1), st.integers(1, 8), st.booleans())
def test_never_more_than_is_free(total: float, free_share: float, processes: int, default: bool) -> None:
    arguments = Namespace(
        dtype="auto", enforce_eager=False, kv_cache_memory_bytes=None, gpu_memory_utilization=0.92,
        tensor_parallel_size=processes, data_parallel_size=1,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        on(patch, total, total * free_share)
        choose_for_cpu(arguments, default_model=default)
    free = total * free_share * GIB
    if arguments.kv_cache_memory_bytes is not None:
        assert 0 < arguments.kv_cache_memory_bytes * processes <= free
    else:
        assert arguments.gpu_memory_utilization * processes * total * GIB <= max(free, 0.01 * total * GIB)
