"""The logits processor and the copying of tokens against the interfaces of both model runners, on tensors alone.

Model Runner V2 needs a GPU; here its own `Sampler.sample` and `apply_sampling_params` run with what they would find
there replaced, so that the order of calls and their arguments are vLLM's.
"""

from __future__ import annotations

import inspect
import itertools
from types import SimpleNamespace

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed")

import numpy as np
import torch
from counterfoil.decoding.methods import CAD, M3ID, DExperts, Method, WeightedSum
from counterfoil.decoding.vllm import PROCESSOR
from counterfoil.decoding.vllm.contrast_params import MEMBER, PairMember
from counterfoil.decoding.vllm.engine_limits import EXITS
from counterfoil.decoding.vllm.worker.logits_processor import PairLogitsProcessor, position_seed
from scipy import stats
from vllm.platforms import current_platform
from vllm.sampling_params import SamplingParams
from vllm.v1.sample.logits_processor import (
    BatchUpdate,
    LogitsProcessors,
    MoveDirectionality,
    _load_logitsprocs_by_fqcns,
)
from vllm.v1.sample.metadata import SamplingMetadata
from vllm.v1.sample.sampler import Sampler
from vllm.v1.worker.gpu.sample.logits_processor.loader import _load_v2_logitsprocs_by_fqcns
from vllm.v1.worker.gpu.sample.sampler import Sampler as SlotSampler

from tests.support import oracles

pytestmark = pytest.mark.engine

VOCABULARY = 11
ONE = CAD(strength=1.0)
TWO = CAD(strength=2.0)
SIZES = range(2, 9)


def params(pair: str | None = None, main: bool = True, method: Method = ONE, seed: int | None = None):
    extra = None if pair is None else {MEMBER: PairMember(pair, main, method, seed)}
    return SamplingParams(extra_args=extra)


def logits(rows: int) -> torch.Tensor:
    return torch.randn(rows, VOCABULARY, generator=torch.Generator().manual_seed(rows))


def test_both_loaders_take_the_class() -> None:
    assert _load_logitsprocs_by_fqcns([PROCESSOR]) == [PairLogitsProcessor]
    assert _load_v2_logitsprocs_by_fqcns([PROCESSOR]) == [PairLogitsProcessor]


# Model Runner V1: rows.


@pytest.fixture(autouse=True)
def written_in_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let V1's sampler take the way of other devices, which is torch alone, where a vLLM has kernels for CPUs that were
    not built here: of 0.33 there are the Python parts."""
    if "greedy_argmax" in inspect.getsource(Sampler.greedy_sample) and not hasattr(torch.ops._C, "greedy_argmax"):
        monkeypatch.setattr(type(current_platform), "is_cpu", lambda _: False)


def v1(*added: tuple[int, SamplingParams]) -> PairLogitsProcessor:
    processor = PairLogitsProcessor(None, torch.device("cpu"), False)
    change(processor, added=[(row, given, [1], []) for row, given in added])
    return processor


def change(processor: PairLogitsProcessor, removed=(), added=(), moved=()) -> None:
    processor.update_state(BatchUpdate(8, list(removed), list(added), list(moved)))


def test_main_rows_become_scores_and_others_stay() -> None:
    processor = v1((0, params()), (1, params("a", False)), (2, params("b", True, TWO)), (3, params("a")))
    given = logits(4)
    found = processor.apply(given.clone())
    torch.testing.assert_close(found[3:], CAD(strength=1.0).scores(given[3:], given[1:2]))
    # Of pair b only one request is in the batch: it reads its prompt, and its sample counts for nothing.
    assert torch.equal(found[:3], given[:3])
    assert not processor.is_argmax_invariant()


def test_rules_and_parameters_do_not_mix() -> None:
    processor = v1((0, params("a")), (1, params("b", True, TWO)), (2, params("b", False, TWO)), (3, params("a", False)))
    given = logits(4)
    found = processor.apply(given.clone())
    torch.testing.assert_close(found[:1], CAD(strength=1.0).scores(given[:1], given[3:]))
    torch.testing.assert_close(found[1:2], CAD(strength=2.0).scores(given[1:2], given[2:3]))


def test_a_method_that_needs_it_gets_the_number_of_tokens_of_each_row() -> None:
    method = M3ID(decay=0.3, gate=1.0)
    written: dict[str, list[int]] = {"a": [], "b": [1, 2, 3, 4]}
    processor = PairLogitsProcessor(None, torch.device("cpu"), False)
    pairs = [(2 * i + (not main), pair, main) for i, pair in enumerate(written) for main in (True, False)]
    change(processor, added=[(row, params(pair, main, method), [1], written[pair]) for row, pair, main in pairs])
    given = logits(4)
    for _ in range(3):
        found = processor.apply(given.clone())
        for row, pair in ((0, "a"), (2, "b")):
            expected = method.scores(given[row : row + 1], given[row + 1 : row + 2], step=len(written[pair]))
            torch.testing.assert_close(found[row : row + 1], expected)
            written[pair].append(5)  # the runner's own list, which grows


GROUP = DExperts(strength=0.7, plausibility=0.0)


def member(pair: str, index: int | None, method: Method = GROUP, size: int = 3) -> SamplingParams:
    """The main request of a group, or by its index a contrast request."""
    return SamplingParams(extra_args={MEMBER: PairMember(pair, index is None, method, index=index or 0, size=size)})


class Exits:
    """A model with early exits: the logits after a layer are a table of its own."""

    def __init__(self, rows: int) -> None:
        self.tables = {layer: logits(rows) * layer - 1 for layer in (4, 7)}

    def early_logits(self, layer: int, rows: torch.Tensor, of: int) -> torch.Tensor:
        assert of == len(self.tables[layer])
        return self.tables[layer][rows]


def exiting(pair: str, method: Method, *exits: int, size: int = 1) -> SamplingParams:
    return SamplingParams(extra_args={MEMBER: PairMember(pair, True, method, size=size, exits=exits)})


def test_early_exits_are_read_behind_the_rows_of_a_pair() -> None:
    model = Exits(6)
    config = SimpleNamespace(compilation_config=SimpleNamespace(static_forward_context={EXITS: model}))
    processor = PairLogitsProcessor(config, torch.device("cpu"), False)
    added = [
        (5, exiting("a", GROUP, 4, size=2)),
        (0, member("a", 0, size=2)),
        (2, exiting("b", ONE, 7)),
        (3, exiting("c", TWO, 7)),
        (1, exiting("d", GROUP, 7, 4)),
        (4, params()),
    ]
    change(processor, added=[(row, given, [1], []) for row, given in added])
    given = logits(6)
    found = processor.apply(given.clone())
    four, seven = (model.tables[layer] for layer in (4, 7))
    expected = {
        5: GROUP.scores(given[5:], torch.stack([given[:1], four[5:]])),
        2: ONE.scores(given[2:3], seven[2:3]),
        3: TWO.scores(given[3:4], seven[3:4]),
        1: GROUP.scores(given[1:2], torch.stack([seven[1:2], four[1:2]])),
    }
    for row, scores in expected.items():
        torch.testing.assert_close(found[row], scores[0])
    assert torch.equal(found[[0, 4]], given[[0, 4]])
    tokens = torch.arange(6)
    processor.copy_tokens(tokens)
    assert tokens.tolist() == [5, 1, 2, 3, 4, 5]


def test_an_engine_without_early_exits_does_not_answer_by_plain_decoding() -> None:
    config = SimpleNamespace(compilation_config=SimpleNamespace(static_forward_context={}))
    processor = PairLogitsProcessor(config, torch.device("cpu"), False)
    change(processor, added=[(0, exiting("a", ONE, 4), [1], [])])
    with pytest.raises(RuntimeError, match="has to be started with early exits"):
        processor.apply(logits(1))


def test_a_group_of_three_is_its_rule_once_all_its_rows_are_there() -> None:
    method = GROUP
    processor = v1((0, member("a", 1)), (1, member("b", None)), (2, member("a", None)), (3, member("b", 0)))
    change(processor, added=[(4, member("a", 0), [1], [])])
    given = logits(5)
    found = processor.apply(given.clone())
    torch.testing.assert_close(found[2:3], method.scores(given[2:3], torch.stack([given[4:5], given[0:1]])))
    # Of group b a contrast is missing: it reads its prompt.
    assert torch.equal(found[[0, 1, 3, 4]], given[[0, 1, 3, 4]])
    sampled = torch.arange(5)
    processor.copy_tokens(sampled)
    assert sampled.tolist() == [2, 1, 2, 3, 2]


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_groups_of_all_sizes_in_one_batch_are_their_sums(version: str) -> None:
    """Two groups of each size from two to eight, their rows in any order, beside a plain request, in float64."""
    weights = {f"{size} {first}": [first - 0.1 * i for i in range(size - 1)] for size in SIZES for first in (0.3, 0.5)}
    sums = {name: WeightedSum(weights=given, plausibility=0.01) for name, given in weights.items()}
    members = [(name, index) for name, given in weights.items() for index in (None, *range(len(given)))]
    order = np.random.default_rng(0).permutation(len(members))
    rows = {members[place]: row for row, place in enumerate(order)}
    seated = [(rows[name, index], member(name, index, sums[name], 1 + len(weights[name]))) for name, index in members]
    plain = len(members)
    given, slots = logits(plain + 1), np.arange(plain + 1)
    if version == "V1":
        found = v1(*seated, (plain, params())).apply(given.clone())
    else:
        found = v2(*seated, (plain, params())).apply(given.clone(), SimpleNamespace(idx_mapping_np=slots))
    assert torch.equal(found[plain], given[plain])
    for name, index in members:
        row = rows[name, index]
        if index is not None:
            assert torch.equal(found[row], given[row])
            continue
        others = given[[rows[name, i] for i in range(len(weights[name]))]].double().numpy()
        expected = oracles.weighted_sum(given[row].double().numpy(), others, weights[name], 1.5, 0.01)
        np.testing.assert_allclose(found[row].double().numpy(), expected, rtol=1e-5, atol=1e-5)


def test_rows_move_and_go() -> None:
    processor = v1((0, params("a")), (1, params("a", False)), (2, params()))
    change(processor, moved=[(0, 2, MoveDirectionality.SWAP)])
    given = logits(3)
    found = processor.apply(given.clone())
    torch.testing.assert_close(found[2:], CAD(strength=1.0).scores(given[2:], given[1:2]))
    assert torch.equal(found[:2], given[:2])
    change(processor, removed=[1])
    assert torch.equal(processor.apply(given.clone()), given)
    change(processor, added=[(1, params(), [1], [])])
    assert torch.equal(processor.apply(given.clone()), given)


def metadata(processor: PairLogitsProcessor, rows: int, temperature: float) -> SamplingMetadata:
    greedy = temperature == 0
    return SamplingMetadata(
        temperature=None if greedy else torch.full((rows,), temperature),
        all_greedy=greedy,
        all_random=not greedy,
        top_p=None,
        top_k=None,
        generators={},
        max_num_logprobs=None,
        no_penalties=True,
        prompt_token_ids=None,
        frequency_penalties=torch.empty(0),
        presence_penalties=torch.empty(0),
        repetition_penalties=torch.empty(0),
        output_token_ids=[[] for _ in range(rows)],
        allowed_token_ids_mask=None,
        bad_words_token_ids={},
        logitsprocs=LogitsProcessors([processor]),
    )


def test_main_rows_are_drawn_from_the_scores() -> None:
    """Ten thousand draws of a pair in one batch, seeded and not."""
    draws, given = 10_000, torch.tensor([[0.0, 1.0, 2.0, -1.0, 0.5], [0.5, 0.0, 1.5, 1.0, -1.0]])
    expected = torch.softmax(CAD(strength=1.0).scores(given[:1], given[1:])[0].double(), -1) * draws
    for seeds in (itertools.repeat(None), itertools.count()):
        processor = v1()
        members = [params(str(i // 2), i % 2 == 0, seed=next(seeds) if i % 2 == 0 else None) for i in range(2 * draws)]
        change(processor, added=[(row, member, [1], []) for row, member in enumerate(members)])
        scores = processor.apply(given.repeat(draws, 1))
        tokens, _ = Sampler().sample(scores, metadata(processor, 2 * draws, 1.0))
        assert torch.equal(tokens[::2], tokens[1::2])
        counts = torch.bincount(tokens[::2].long(), minlength=5)
        assert stats.chisquare(counts.numpy(), expected.numpy()).pvalue > 1e-4


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_contrast_requests_take_the_token_of_their_main_request(temperature: float) -> None:
    processor = v1((0, params("a", False)), (1, params("a")), (2, params()), (3, params("b")), (4, params("b", False)))
    for _ in range(20):
        tokens, _ = Sampler().sample(torch.randn(5, VOCABULARY), metadata(processor, 5, temperature))
        assert tokens[0] == tokens[1]
        assert tokens[4] == tokens[3]


def test_a_seed_and_a_position_decide() -> None:
    """Whatever row the request has, and whoever else is there; and the runner's generators are left as they were."""

    def drawn(row: int, rows: int, produced: list[int], seed: int = 7) -> int:
        processor = v1()
        seated = [(row, params("a", True, seed=seed), [1], produced), (rows - 1, params("a", False), [1], produced)]
        change(processor, added=seated)
        flat = torch.zeros(rows, 997)
        given = metadata(processor, rows, 1.0)
        tokens, _ = Sampler().sample(flat, given)
        assert given.generators == {}
        return int(tokens[row])

    assert drawn(0, 2, []) == drawn(3, 6, []) == drawn(1, 9, [])
    assert len({drawn(0, 2, [5] * produced) for produced in range(8)}) > 4
    assert len({drawn(0, 2, [], seed) for seed in range(8)}) > 4
    assert drawn(0, 2, [5, 6]) == drawn(0, 2, [8, 9]), "the position counts, not what was drawn before"


def test_seeds_of_positions_are_apart() -> None:
    seeds = {position_seed(seed, position) for seed in range(-20, 20) for position in range(50)}
    assert len(seeds) == 2000
    assert all(0 <= seed < 1 << 63 for seed in seeds)


# Model Runner V2: slots.


def v2(*slots: tuple[int, SamplingParams]) -> PairLogitsProcessor:
    lengths = {name: SimpleNamespace(gpu=torch.zeros(8, dtype=torch.int32)) for name in ("prompt_len", "total_len")}
    processor = PairLogitsProcessor(None, SimpleNamespace(device=torch.device("cpu"), max_num_reqs=8, **lengths))
    for slot, given in slots:
        processor.add_request(slot, given)
    return processor


def sampled(processor: PairLogitsProcessor, given: torch.Tensor, slots: list[int], works_on=None):
    """vLLM's own `Sampler.sample` for Model Runner V2, greedy; the tokens and the scores."""
    flags = np.zeros(8, dtype=bool)
    flags[slots if works_on is None else works_on] = True
    nothing = SimpleNamespace(apply=lambda *_: None)
    states = SimpleNamespace(
        apply_temperature=lambda *_: None,
        apply_min_p=lambda *_: None,
        # From 0.33 on with a third value: whether some rows have a top_p alone.
        get_top_k_top_p=lambda *given: (None, None) if len(given) == 2 else (None, None, False),
        any_greedy=lambda *_: True,
        any_explicit_seed=lambda *_: False,
    )
    sampler = SimpleNamespace(
        needs_logits_processing=flags,
        logits_processors=[processor],
        thinking_budget_state=nothing,
        sampling_states=states,
        use_flashinfer=False,
        use_xpu_sampler=False,
        _sample_random=lambda scores, *_: (scores.argmax(-1), scores),
    )
    sampler.apply_sampling_params = SlotSampler.apply_sampling_params.__get__(sampler)
    mapping = np.array(slots, dtype=np.int32)
    on_device = torch.from_numpy(mapping)
    zeros = torch.zeros_like(on_device)
    return SlotSampler.sample(sampler, given, on_device, on_device, mapping, zeros, zeros, zeros, mapping)


def test_slots_are_found_in_any_order_of_rows() -> None:
    processor = v2((5, params("a")), (2, params()), (0, params("a", False)), (3, params("b")))
    for slots in ([5, 2, 0, 3], [0, 3, 5, 2], [3, 5, 2, 0]):
        given = logits(4)
        tokens, scores = sampled(processor, given.clone(), slots)
        main, contrast = slots.index(5), slots.index(0)
        torch.testing.assert_close(scores[main], CAD(strength=1.0).scores(given[main, None], given[contrast, None])[0])
        assert tokens[contrast] == tokens[main] == scores[main].argmax()
        for slot in (2, 3):
            assert torch.equal(scores[slots.index(slot)], given[slots.index(slot)])


def test_a_request_without_its_pair_in_the_batch_is_left_alone() -> None:
    processor = v2((5, params("a")), (0, params("a", False)))
    given = logits(1)
    for slot in (5, 0):
        assert torch.equal(sampled(processor, given.clone(), [slot])[1], given)


def test_the_number_of_tokens_is_the_runners_own_count_on_the_device() -> None:
    method = M3ID(decay=0.3, gate=1.0)
    processor = v2((5, params("a", True, method)), (0, params("a", False, method)), (3, params()))
    states, given = processor.rows._states, logits(3)
    states.prompt_len.gpu[5] = 7
    slots = np.array([3, 0, 5])
    context = SimpleNamespace(idx_mapping_np=slots, idx_mapping=torch.tensor(slots, dtype=torch.int32))
    for produced in (0, 1, 2, 9):
        states.total_len.gpu[5] = 7 + produced
        found = processor.apply(given.clone(), context)
        torch.testing.assert_close(found[2:], method.scores(given[2:], given[1:2], step=produced))
        assert torch.equal(found[:2], given[:2])


def test_a_recycled_slot_forgets() -> None:
    processor = v2((5, params("a")), (0, params("a", False)))
    assert processor.add_request(0, params()) is False
    given = logits(2)
    assert torch.equal(sampled(processor, given.clone(), [5, 0])[1], given)
    # The pair is resumed in other slots, and its old one belongs to another pair.
    assert processor.add_request(1, params("a", False)) is True
    assert processor.add_request(5, params("b", False, TWO)) is True
    assert processor.add_request(0, params("a")) is True
    given = logits(3)
    tokens, scores = sampled(processor, given.clone(), [5, 1, 0])
    torch.testing.assert_close(scores[2], CAD(strength=1.0).scores(given[2, None], given[1, None])[0])
    assert torch.equal(scores[:2], given[:2])
    assert tokens[1] == tokens[2]


def test_a_batch_of_plain_requests_is_not_touched() -> None:
    processor = v2((1, params()), (4, params()))
    given = logits(2)
    _, scores = sampled(processor, given, [1, 4], works_on=[])
    assert scores is given


def test_a_second_processor_wraps_the_sampler_no_second_time() -> None:
    v2()
    before = SlotSampler.sample
    v2()
    assert SlotSampler.sample is before
