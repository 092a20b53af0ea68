"""The twin takes the token that was sampled for its main request.

Both halves could sample for themselves from equal rows with equal seeds, but would not always agree: penalties look at
the prompts, which differ, and generators advance with every chunk of a prompt. So the main row is sampled by vLLM, with
everything that vLLM can do to a row, and its token copied, on the device, before anything else sees either.

Seeds. Model Runner V1 gives a seeded request a generator and winds it back for every sample that is thrown away, which
a generator on a CPU cannot do: it stops the engine. A member always has such samples, so its seed is kept from the
runner and set here for each token anew, from the seed and the token's position. What a seed gives is then independent
of how the prompt was cut, of preemption and of the rest of the batch. V2 draws by seed and position by itself.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .pair_rows import flat

if TYPE_CHECKING:
    from .logits_processor import PairLogitsProcessor

INSTALLED = "_counterfoil"


def install(*, uses_slots: bool) -> None:
    """Wrap the `sample` of the runner's sampler, once a process.

    Args:
        uses_slots: Of Model Runner V2.

    Raises:
        RuntimeError: vLLM's sampler has moved.
    """
    sampler = _sampler(uses_slots)
    if getattr(sampler.sample, INSTALLED, False):
        return
    wrapped = (_sampled_by_slot if uses_slots else _sampled_by_row)(sampler.sample)
    setattr(wrapped, INSTALLED, True)
    sampler.sample = wrapped


def copy_tokens(processor: PairLogitsProcessor, sampled: Tensor, slots: Any = None) -> None:  # noqa: ANN401
    """Give each twin of this step the token of its main request, in place.

    Args:
        processor: Knows the rows.
        sampled: `[rows]` token ids.
        slots: `[rows]`, under Model Runner V2.
    """
    main, twin = flat(processor.rows(slots))
    if main:
        sampled[twin] = sampled[main]


def position_seed(seed: int, position: int) -> int:
    """The seed of one token, in [0, 2^63): from the request's seed and how many tokens were produced before it."""
    digest = hashlib.blake2b(f"{seed} {position}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def _sampler(uses_slots: bool) -> type:
    if uses_slots:
        from vllm.v1.worker.gpu.sample.sampler import Sampler  # noqa: PLC0415  # pyright: ignore[reportMissingImports]
    else:
        from vllm.v1.sample.sampler import Sampler  # noqa: PLC0415  # pyright: ignore[reportMissingImports]
    if not callable(getattr(Sampler, "sample", None)):
        raise RuntimeError(
            "this vLLM samples elsewhere than counterfoil expects (Sampler.sample not found): install vllm 0.32"
        )
    return Sampler


def _processors(candidates: Any) -> list[PairLogitsProcessor]:  # noqa: ANN401
    from .logits_processor import PairLogitsProcessor  # noqa: PLC0415

    return [candidate for candidate in candidates if isinstance(candidate, PairLogitsProcessor)]


def _sampled_by_row(sample: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(sample)
    def with_copies(self: Any, logits: Tensor, sampling_metadata: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        processors = _processors(sampling_metadata.logitsprocs.non_argmax_invariant)
        with _seeded(processors, sampling_metadata.generators, logits.device):
            sampled, logprobs = sample(self, logits, sampling_metadata, *args, **kwargs)
        for processor in processors:
            copy_tokens(processor, sampled)
        return sampled, logprobs

    return with_copies


def _sampled_by_slot(sample: Callable[..., Any]) -> Callable[..., Any]:
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
        for processor in _processors(self.logits_processors):
            copy_tokens(processor, sampled, idx_mapping_np)
        return sampled, processed

    return with_copies


@contextmanager
def _seeded(
    processors: list[PairLogitsProcessor], generators: dict[int, torch.Generator], device: torch.device
) -> Iterator[None]:
    """Lend the seeded main rows of this step a generator, set to the token's position."""
    lent = [
        (row, position_seed(seat.member.seed, len(seat.output_ids)))
        for processor in processors
        for group in processor.groups
        for row in group.main
        if (seat := processor.seats[row]).member.seed is not None
    ]
    for row, seed in lent:
        generators[row] = torch.Generator(device=device).manual_seed(seed)
    try:
        yield
    finally:
        for row, _ in lent:
            del generators[row]
