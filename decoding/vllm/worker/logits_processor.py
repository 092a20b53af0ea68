"""The logits processor that combines the rows of pairs, and the sampler that gives all requests of a pair one token.

An engine loads one class by name before it is known which model runner will use it, so one class serves both. V1 calls
`update_state` and `apply(logits)`, V2 `add_request` and `apply(logits, ctx)`.

One token. All requests could sample for themselves from equal rows with equal seeds, but would not always agree:
penalties look at the prompts, which differ, and generators advance with every chunk of a prompt. So vLLM samples the
main row, with everything that it can do to a row, and the token is copied to each contrast row on the device, before
anything else reads them.

Seeds. Model Runner V1 gives a seeded request a generator and rewinds it for every sample that is thrown away, which a
generator on a CPU cannot do: the engine stops. Requests of pairs always have such samples, so their seed is kept from
the runner and set here for each token, from the seed and the token's position. What a seed gives then does not depend
on how the prompt was cut, on preemption or on the rest of the batch. V2 draws by seed and position itself.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from vllm.v1.sample.logits_processor import LogitsProcessor  # pyright: ignore[reportMissingImports]
from vllm.v1.worker.gpu.sample.logits_processor.interface import (  # pyright: ignore[reportMissingImports]
    LogitsProcessor as SlotLogitsProcessor,
)

from ..contrast_params import parse_contrast
from ..engine_limits import EXITS, check_sampling, check_switch
from ..token_trace import read_traces
from .pair_rows import PairBatchRows, PairSlotRows

if TYPE_CHECKING:
    from vllm.sampling_params import SamplingParams  # pyright: ignore[reportMissingImports]
    from vllm.v1.sample.logits_processor import BatchUpdate  # pyright: ignore[reportMissingImports]

WRAPPED = "_counterfoil"
"""The mark of a `sample` method that copies tokens already."""


class PairLogitsProcessor(LogitsProcessor, SlotLogitsProcessor):
    """Puts the method's scores into the main rows of pairs; other rows stay as they are.

    Args:
        vllm_config: The engine's configuration.
        second: The device (V1) or the state of all requests (V2).
        is_pin_memory: Given by V1 alone.

    Attributes:
        rows: Where the pairs of a step are.
    """

    rows: Any  # PairBatchRows under V1, PairSlotRows under V2; each runner calls only the methods that its rows have

    def __init__(self, vllm_config: Any, second: Any, is_pin_memory: bool | None = None) -> None:  # noqa: ANN401
        self._config = vllm_config
        if is_pin_memory is None:
            self.rows = PairSlotRows(second)
            copy_sampled_tokens(_slot_sampler(), _sample_by_slot)
        else:
            self.rows = PairBatchRows()
            copy_sampled_tokens(_row_sampler(), _sample_by_row)

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        """Reject a contrast that cannot be served; called before a request reaches the engine.

        Raises:
            ValueError: Names the key, its value and the remedy.
        """
        check_switch(sampling_params)
        params = parse_contrast(sampling_params.extra_args)
        if params is not None:
            check_sampling(params, sampling_params)
            read_traces()

    def is_argmax_invariant(self) -> bool:
        """Return false: changing the likeliest token is the purpose."""
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Follow the rows of Model Runner V1."""
        self.rows.update(batch_update)

    def add_request(self, req_idx: int, sampling_params: SamplingParams) -> bool:
        """Follow the slots of Model Runner V2; return whether the request belongs to a pair."""
        return self.rows.put(req_idx, sampling_params)

    def apply(self, logits: Tensor, ctx: Any = None) -> Tensor:  # noqa: ANN401
        """Put the method's scores into each main row of `logits` `[rows, vocab]`, in place."""
        rows = self.rows.of_step(ctx and ctx.idx_mapping_np)
        rows.put_scores(logits, logits, self.rows.steps(ctx), self._early_logits)
        return logits

    def _early_logits(self, layer: int, rows: Tensor, of: int) -> Tensor:
        """Return what the model would say after a layer, see :data:`.pair_rows.EarlyLogits`."""
        model = self._config.compilation_config.static_forward_context.get(EXITS)  # made after this processor
        if model is None:
            raise RuntimeError("the engine has to be started with early exits for a request that names one, but is not")
        return model.early_logits(layer, rows, of)

    def copy_tokens(self, sampled: Tensor, slots: Any = None) -> None:  # noqa: ANN401
        """Give each contrast request of this step the token of its main request, in place.

        Args:
            sampled: `[rows]` token ids.
            slots: `[rows]`, the slot of each row, under Model Runner V2.
        """
        self.rows.of_step(slots).copy_tokens(sampled)


def copy_sampled_tokens(sampler: Any, wrapper: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:  # noqa: ANN401
    """Wrap the `sample` method of a model runner's sampler class so that it copies tokens, once a process.

    Args:
        sampler: The class.
        wrapper: Makes the new method from the old one.

    Raises:
        RuntimeError: If this version of vLLM samples elsewhere.
    """
    if not callable(getattr(sampler, "sample", None)):
        raise RuntimeError(
            "this vLLM samples elsewhere than counterfoil expects (Sampler.sample not found): install vllm 0.33 or 0.32"
        )
    if getattr(sampler.sample, WRAPPED, False):
        return
    wrapped = wrapper(sampler.sample)
    setattr(wrapped, WRAPPED, True)
    sampler.sample = wrapped


def position_seed(seed: int, position: int) -> int:
    """Return the seed of one token, in [0, 2^63).

    Args:
        seed: The request's seed.
        position: How many tokens were produced before it.
    """
    digest = hashlib.blake2b(f"{seed} {position}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def _row_sampler() -> type:
    from vllm.v1.sample.sampler import Sampler  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    return Sampler


def _slot_sampler() -> type:
    # Imported only where Model Runner V2 runs: its sampler needs Triton.
    from vllm.v1.worker.gpu.sample.sampler import Sampler  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    return Sampler


def _of_pairs(processors: Iterable[Any]) -> list[PairLogitsProcessor]:
    return [processor for processor in processors if isinstance(processor, PairLogitsProcessor)]


def _sample_by_row(sample: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `Sampler.sample` of Model Runner V1."""

    @functools.wraps(sample)
    def with_copies(self: Any, logits: Tensor, sampling_metadata: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        processors = _of_pairs(sampling_metadata.logitsprocs.non_argmax_invariant)
        with _seeded(processors, sampling_metadata.generators, logits.device):
            sampled, logprobs = sample(self, logits, sampling_metadata, *args, **kwargs)
        for processor in processors:
            processor.copy_tokens(sampled)
        return sampled, logprobs

    return with_copies


def _sample_by_slot(sample: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `Sampler.sample` of Model Runner V2."""

    @functools.wraps(sample)
    def with_copies(
        self: Any,  # noqa: ANN401
        logits: Tensor,
        expanded_idx_mapping: Tensor,
        idx_mapping: Tensor,
        idx_mapping_np: Any,  # noqa: ANN401
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        sampled, processed = sample(self, logits, expanded_idx_mapping, idx_mapping, idx_mapping_np, *args, **kwargs)
        for processor in _of_pairs(self.logits_processors):
            processor.copy_tokens(sampled, idx_mapping_np)
        return sampled, processed

    return with_copies


@contextmanager
def _seeded(
    processors: list[PairLogitsProcessor], generators: dict[int, torch.Generator], device: torch.device
) -> Iterator[None]:
    """Lend the seeded main rows of this step a generator that is set to the token's position."""
    seeds = {row: seed for processor in processors for row, seed in processor.rows.seeds().items()}
    for row, (seed, position) in seeds.items():
        generators[row] = torch.Generator(device=device).manual_seed(position_seed(seed, position))
    try:
        yield
    finally:
        for row in seeds:
            del generators[row]
