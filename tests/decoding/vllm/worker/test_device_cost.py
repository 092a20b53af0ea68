"""What a step of the logits processors asks of the device: operations, copies from the host, waiting, memory.

Counted on the CPU, where an operation is one kernel of a GPU, or a few.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed")

import numpy as np
import torch
from counterfoil.decoding.methods import CAD, METHODS, VCD, DExperts, Method, WeightedSum
from counterfoil.decoding.vllm.amateur.logits_processor import AmateurLogitsProcessor
from counterfoil.decoding.vllm.amateur.model import NAME
from counterfoil.decoding.vllm.contrast_params import MEMBER, PairMember, served_methods
from counterfoil.decoding.vllm.worker import pair_rows
from counterfoil.decoding.vllm.worker.logits_processor import PairLogitsProcessor
from vllm.sampling_params import SamplingParams
from vllm.v1.sample.logits_processor import BatchUpdate

from tests.support.counting import COPIES, WAITS, Counted

pytestmark = pytest.mark.engine

PAIRS, VOCABULARY = 32, 3000
SERVED = [kind() for kind in served_methods().values() if kind.contrast != "candidates"]
RULES = [
    *SERVED,
    METHODS["cid"](rule="log_ratio"),
    METHODS["contrastive_decoding"](formulation="li"),
    METHODS["ritual"](normalize=True),
    WeightedSum(weights=(-0.4, 0.3, 0.2, -0.1, 0.1, -0.2, 0.3), main_weight=1.2),
]


def contrasts_of(method: Method) -> int:
    """How many contrasts a request for the method has."""
    return len(method.settings.get("weights", ())) or method.contrasts


def requests(methods: list[Method]) -> list[SamplingParams]:
    """Main and contrast requests of each pair, one after the other."""
    members = []
    for pair, method in enumerate(methods):
        size = 1 + contrasts_of(method)
        members.append(PairMember(str(pair), True, method, size=size))
        members += [PairMember(str(pair), False, method, index=index, size=size) for index in range(size - 1)]
    return [SamplingParams(extra_args={MEMBER: member}) for member in members]


class Runner:
    """The calls that a model runner makes in a step, with the processor and its batch."""

    def __init__(self, methods: list[Method], version: str) -> None:
        given = requests(methods)
        self.order = np.arange(len(given))
        self.produced: list[list[int]] = [[] for _ in given]
        if version == "V1":
            self.processor = PairLogitsProcessor(None, torch.device("cpu"), False)
            self.slots, self.context = None, None
            added = [(row, params, [1], self.produced[row]) for row, params in enumerate(given)]
            self.processor.update_state(BatchUpdate(len(given), [], added, []))
        else:
            lengths = torch.full((len(given),), 5, dtype=torch.int32)
            states = SimpleNamespace(prompt_len=SimpleNamespace(gpu=lengths), total_len=SimpleNamespace(gpu=lengths))
            self.processor = PairLogitsProcessor(None, states)
            slots = torch.arange(len(given), dtype=torch.int32)
            self.slots, self.context = self.order, SimpleNamespace(idx_mapping_np=self.order, idx_mapping=slots)
            for slot, params in enumerate(given):
                self.processor.add_request(slot, params)

    def step(self) -> Counted:
        """One step; returns what it cost."""
        logits = torch.randn(len(self.order), VOCABULARY)
        tokens = torch.zeros(len(self.order), dtype=torch.long)
        with Counted() as counted:
            if self.slots is None:
                self.processor.update_state(None)
            self.processor.apply(logits, self.context)
            self.processor.copy_tokens(tokens, self.slots)
        for produced in self.produced:
            produced.append(0)
        return counted


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_many_strengths_are_one_call(version: str) -> None:
    """32 pairs with 32 strengths: at most 30 operations, and no index or parameter comes from the host."""
    runner = Runner([CAD(strength=0.1 * pair) for pair in range(PAIRS)], version)
    runner.step()
    steps = [runner.step() for _ in range(2)]
    assert steps[0].operations <= 30, steps[0].calls
    assert steps[0].calls == steps[1].calls
    assert not any(step.of(COPIES | WAITS) for step in steps)


def test_many_weights_are_one_call_too() -> None:
    """32 requests with weights of their own cost as many operations as one."""
    steps = []
    for count in (1, PAIRS):
        runner = Runner([WeightedSum(weights=(-0.1 * pair, 0.2)) for pair in range(count)], "V2")
        runner.step()
        steps.append(runner.step())
    assert steps[0].calls == steps[1].calls
    assert not steps[1].of(COPIES | WAITS), steps[1].calls


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_a_group_costs_no_more_operations_than_its_rule(version: str) -> None:
    """Gathering takes as many as for a pair, however many contrasts there are."""
    steps = []
    for method in (CAD(strength=1.0), DExperts(strength=1.0, plausibility=0.0)):
        runner = Runner([method] * PAIRS, version)
        runner.step()
        steps.append(runner.step().calls)
    for gathering in ("index_select", "index_copy_"):
        assert steps[0][gathering] == steps[1][gathering], steps


@pytest.mark.parametrize("version", ["V1", "V2"])
@pytest.mark.parametrize("method", RULES, ids=lambda method: method.label)
def test_a_step_neither_copies_nor_waits(method: Method, version: str) -> None:
    runner = Runner([method] * 4, version)
    runner.step()
    counted = runner.step()
    # What changes the type of a tensor stays on its device: CODE's rule is in double precision.
    copies = counted.of(COPIES - ({"_to_copy"} if method.name == "code" else set()) | WAITS)
    assert not copies, counted.calls


@pytest.mark.parametrize("pairs", [1, 8])
@pytest.mark.parametrize("method", RULES, ids=lambda method: method.label)
def test_memory_is_at_most_two_and_a_half_times_the_rows(method: Method, pairs: int) -> None:
    runner = Runner([method] * pairs, "V2")
    runner.step()
    rows = (1 + contrasts_of(method)) * pairs * VOCABULARY * 4
    assert runner.step().peak <= 2.5 * rows


def test_memory_of_a_large_batch_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the scores are those of the whole batch at once."""
    methods = [VCD(strength=0.1 * pair) for pair in range(9)]
    given = torch.randn(18, VOCABULARY)
    whole, parts = Runner(methods, "V2"), Runner(methods, "V2")
    expected = whole.processor.apply(given.clone(), whole.context)
    at_once = 4 * 2 * VOCABULARY * 4
    monkeypatch.setattr(pair_rows, "AT_ONCE", at_once)
    assert torch.equal(parts.processor.apply(given.clone(), parts.context), expected)
    assert parts.step().peak <= 2.5 * at_once


def test_an_engine_with_an_amateur_copies_nothing_either() -> None:
    """And it reads the logits of its own model, not of another engine's in the same process."""
    method = METHODS["contrastive_decoding"]
    keys = [{"cf_method": "contrastive_decoding", "cf_strength": 0.1 * row} for row in range(PAIRS)]
    for given in torch.randn(2, PAIRS, VOCABULARY):
        model = SimpleNamespace(amateur_logits=given)
        table = SimpleNamespace(compilation_config=SimpleNamespace(static_forward_context={NAME: model}))
        processor = AmateurLogitsProcessor(table, torch.device("cpu"), False)
        added = [(row, SamplingParams(extra_args=extra), [1], []) for row, extra in enumerate(keys)]
        processor.update_state(BatchUpdate(PAIRS, [], added, []))
        logits = torch.randn(PAIRS, VOCABULARY)
        found = processor.apply(logits.clone())
        for row in (0, 7, 31):
            expected = method(strength=0.1 * row).scores(logits[row, None], given[row, None])[0]
            torch.testing.assert_close(found[row], expected)
        with Counted() as counted:
            processor.update_state(None)
            processor.apply(logits)
        assert not counted.of(COPIES | WAITS)
        assert counted.operations <= 30, counted.calls
