# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""The rows of candidates in a forward, as attention sees them.

Each candidate is a sequence of its own: the blocks of its request, but for the last one, which is a scratch block.
Plain causal attention does the rest, in every back-end: no mask, and equal positions are nothing special. Functions
here read values and return values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from vllm.v1.attention.backend import CommonAttentionMetadata


def lengths_of(common: CommonAttentionMetadata) -> list[int]:
    """Return how many tokens each row of a step has, those that it reads included."""
    known = common.seq_lens_cpu_upper_bound
    return (common.seq_lens if known is None else known).tolist()[: common.num_reqs]


def on_device(values: Sequence[int], like: Tensor) -> Tensor:
    """Return integers as a tensor `[n]` beside another one, without waiting for the device."""
    return torch.tensor(values, dtype=torch.int64).to(like.device, non_blocking=True)


def candidate_metadata(
    common: CommonAttentionMetadata, lengths: Sequence[int], rows: Sequence[int], blocks: Tensor, block_size: int
) -> CommonAttentionMetadata:
    """Return the metadata of candidates alone.

    Args:
        common: The metadata of the step.
        lengths: Of its rows, see :func:`lengths_of`.
        rows: `[n]`, the row of each candidate's request.
        blocks: `[n]`, each candidate's scratch block.
        block_size: Tokens in a block.
    """
    n = len(rows)
    at = on_device(rows, blocks)
    positions = common.seq_lens[at].long()
    tables = common.block_table_tensor[at]  # a copy
    tables[torch.arange(n, device=tables.device), positions // block_size] = blocks.to(tables.dtype)
    starts = torch.arange(n + 1, dtype=torch.int32)
    known = torch.tensor([lengths[row] + 1 for row in rows], dtype=torch.int32)
    return common.replace(
        query_start_loc=starts.to(blocks.device, non_blocking=True),
        query_start_loc_cpu=starts,
        seq_lens=common.seq_lens[at] + 1,
        seq_lens_cpu_upper_bound=known,
        num_reqs=n,
        num_actual_tokens=n,
        max_query_len=1,
        max_seq_len=int(known.max()),
        block_table_tensor=tables,
        slot_mapping=(blocks * block_size + positions % block_size).to(common.slot_mapping.dtype),
        positions=positions,
        is_prefilling=None if common.is_prefilling is None else torch.zeros_like(common.is_prefilling[:1]).expand(n),
        **_UNKNOWN,
    )


def rows_alone(
    common: CommonAttentionMetadata, lengths: Sequence[int], rows: Sequence[int], tokens: Tensor
) -> CommonAttentionMetadata:
    """Return the metadata of some rows of a step.

    Args:
        common: The metadata of the step.
        lengths: Of its rows, see :func:`lengths_of`.
        rows: Which rows, at least one.
        tokens: Where their tokens stand in the step.
    """
    at, at_host = on_device(rows, common.block_table_tensor), torch.tensor(rows)
    reading = common.query_start_loc_cpu.diff()[at_host]
    starts = torch.cat([reading.new_zeros(1), reading.cumsum(0, dtype=reading.dtype)])
    known = torch.tensor([lengths[row] for row in rows], dtype=torch.int32)
    prefilling = common.is_prefilling
    return common.replace(
        query_start_loc=starts.to(common.query_start_loc.device, non_blocking=True),
        query_start_loc_cpu=starts,
        seq_lens=common.seq_lens[at],
        seq_lens_cpu_upper_bound=known,
        num_reqs=len(rows),
        num_actual_tokens=len(tokens),
        max_query_len=int(reading.max()),
        max_seq_len=int(known.max()),
        block_table_tensor=common.block_table_tensor[at],
        slot_mapping=common.slot_mapping[tokens],
        positions=None,
        is_prefilling=None if prefilling is None else prefilling[at_host.to(prefilling.device)],
        **_UNKNOWN,
    )


def joined(first: CommonAttentionMetadata, second: CommonAttentionMetadata) -> CommonAttentionMetadata:
    """Return the metadata of the candidates with those of other rows behind them.

    They stand in front because they read one token each: some back-ends want such rows first.
    """
    n = first.num_actual_tokens
    prefilling = None
    if first.is_prefilling is not None and second.is_prefilling is not None:
        prefilling = torch.cat([first.is_prefilling, second.is_prefilling])
    return second.replace(
        query_start_loc=torch.cat([first.query_start_loc[:-1], second.query_start_loc + n]),
        query_start_loc_cpu=torch.cat([first.query_start_loc_cpu[:-1], second.query_start_loc_cpu + n]),
        seq_lens=torch.cat([first.seq_lens, second.seq_lens]),
        seq_lens_cpu_upper_bound=torch.cat(
            [_some(first.seq_lens_cpu_upper_bound), _some(second.seq_lens_cpu_upper_bound)]
        ),
        num_reqs=first.num_reqs + second.num_reqs,
        num_actual_tokens=n + second.num_actual_tokens,
        max_query_len=max(first.max_query_len, second.max_query_len),
        max_seq_len=max(first.max_seq_len, second.max_seq_len),
        block_table_tensor=torch.cat([first.block_table_tensor, second.block_table_tensor]),
        slot_mapping=torch.cat([first.slot_mapping, second.slot_mapping]),
        is_prefilling=prefilling,
    )


_UNKNOWN: dict[str, Any] = {
    "req_idx": None,
    "_num_computed_tokens_cache": None,
    "_token_to_req_indices_cache": None,
}


def _some(tensor: Tensor | None) -> Tensor:
    assert tensor is not None
    return tensor
