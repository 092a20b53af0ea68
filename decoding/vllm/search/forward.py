# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
"""Forwards with candidates in them: beside the rows of a step, or alone."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from vllm.config import get_layers_from_vllm_config, set_current_vllm_config
from vllm.forward_context import set_forward_context
from vllm.model_executor.layers.attention_layer_base import AttentionLayerBase

from ..engine_limits import SearchLimits
from .compat import check_step
from .history import History
from .metadata import candidate_metadata, joined, lengths_of, on_device, rows_alone
from .scratch import Scratch
from .seats import Seat

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.v1.attention.backend import CommonAttentionMetadata

    Rows = Sequence[tuple[int, Seat, int]]
    """The row of each request in the step, its seat, and the group in which its candidates are tried."""


class CandidateForward:
    """The candidates of one engine.

    Args:
        model: `model(tokens, positions) -> hidden states`, the forward of vLLM's own class.
        vllm_config: The engine's configuration.
        history: The layer of hidden states.

    Attributes:
        common: The metadata of the last step.
        lengths: How many tokens each of its rows has; empty if no row searches.
        tried: The hidden states `[k, width]` of the candidates that came along in the last step, by seat.
        counts: `search_steps` (candidates came along), `extra_forwards`, `fallbacks`, and for tests and benchmarks
            `forwards` (of steps), `rows` of all forwards and the `candidates` among them.
    """

    def __init__(self, model: Callable[[Tensor, Tensor], Tensor], vllm_config: VllmConfig, history: History) -> None:
        limits = SearchLimits.of(vllm_config)
        assert limits is not None
        self._model, self._config, self.history, self._limits = model, vllm_config, history, limits
        self.find_rows: Callable[[CommonAttentionMetadata], list[tuple[int, Seat]]] = lambda _: []
        """Returns the rows of a step that search; the logits processor says which."""
        self.common: CommonAttentionMetadata | None = None
        self.lengths: list[int] = []
        self.tried: dict[Seat, Tensor] = {}
        self.counts: Counter[str] = Counter()
        self._scratch: Scratch | None = None
        self._builders: list[tuple[Any, list[str]]] = []
        self._layers: list[Any] = []

    @property
    def scratch(self) -> Scratch:
        """Return the groups of scratch blocks; there are none before there is a cache."""
        if self._scratch is None:
            dtype, device = self._config.model_config.dtype, self.history.kv_cache.device
            self._scratch = Scratch(self._limits, self.history.blocks, self.history.width, dtype, device)
            self._prepare()
        return self._scratch

    def step(self, common: CommonAttentionMetadata, tokens: Tensor, positions: Tensor) -> Tensor | None:
        """Run a step with the candidates that can come along; return the hidden states of its own rows `[n, width]`.

        A request whose candidates come along has the token that it reads in the cache already, and its hidden state:
        it won among the last candidates. So its own row is not run; what the winner left is copied to where the row
        would have written it. If no candidates can come along, nothing is run and the result is `None`: the step is
        vLLM's own.

        Args:
            common: The metadata of the step.
            tokens: The tokens that it reads.
            positions: Theirs.
        """
        if self.common is None:
            check_step(common)
        searching = self.find_rows(common)
        self.common, self.lengths, self.tried = common, lengths_of(common) if searching else [], {}
        n = common.num_actual_tokens
        going = self._coming_along(common, searching)
        if not going:
            self.counts.update(forwards=1, rows=n)
            return None
        self._copy_winners(going)
        ids = torch.cat([self.scratch.tokens[group, : seat.top_k] for _, seat, group in going])
        wide, ids = self._metadata(going), ids.to(tokens.dtype)
        where = _positions(wide).to(positions.dtype)
        known, rest = _split(common, [row for row, *_ in going], tokens)
        others = sorted(set(range(common.num_reqs)).difference(row for row, *_ in going))
        if others:
            wide = joined(wide, rows_alone(common, self.lengths, others, rest))
            ids, where = torch.cat([ids, tokens[rest]]), torch.cat([where, positions[rest]])
        hidden = self._run(wide, ids, where)
        tried = hidden[: len(hidden) - len(rest)].split([seat.top_k for _, seat, _ in going])
        self.tried = {seat: part for (_, seat, _), part in zip(going, tried, strict=True)}
        self.counts.update(search_steps=1, forwards=1, rows=len(hidden), candidates=len(hidden) - len(rest))
        own = hidden.new_empty(n, hidden.shape[1])
        own[known] = self.scratch.hidden[on_device([group for *_, group in going], tokens)].to(own.dtype)
        own[rest] = hidden[len(hidden) - len(rest) :]
        return own

    def alone(self, rows: Rows) -> list[Tensor]:
        """Return the hidden states `[k, width]` of the candidates in these groups, by a forward of their own."""
        assert self.common is not None
        self._copy_tails(rows)
        ids = torch.cat([self.scratch.tokens[group, : seat.top_k] for _, seat, group in rows])
        self.counts.update(extra_forwards=1, rows=len(ids), candidates=len(ids))
        wide = self._metadata(rows)
        hidden = self._run(wide, ids.to(torch.int32), _positions(wide))
        return list(hidden.split([seat.top_k for _, seat, _ in rows]))

    @property
    def most_rows(self) -> int:
        """Return how many tokens a forward may have."""
        return self._config.scheduler_config.max_num_batched_tokens

    def _coming_along(
        self, common: CommonAttentionMetadata, searching: Sequence[tuple[int, Seat]]
    ) -> list[tuple[int, Seat, int]]:
        """Return the requests that read the token chosen last, and for which its successors are known."""
        starts = common.query_start_loc_cpu.tolist()
        room = self.most_rows - common.num_actual_tokens
        going = []
        for row, seat in searching:
            if seat.ahead is None:
                continue
            fits = seat.ahead == self.lengths[row] and starts[row + 1] - starts[row] == 1 and seat.top_k - 1 <= room
            if seat.group is None or not fits:
                seat.ahead = None
                continue
            room -= seat.top_k - 1
            going.append((row, seat, seat.group))
        return going

    def _metadata(self, rows: Rows) -> CommonAttentionMetadata:
        assert self.common is not None
        of_requests = [row for row, seat, _ in rows for _ in range(seat.top_k)]
        return candidate_metadata(self.common, self.lengths, of_requests, self._blocks(rows), self.history.block_size)

    def _blocks(self, rows: Rows) -> Tensor:
        """Return the scratch block of each candidate."""
        places = [place for _, seat, group in rows for j in range(seat.top_k) for place in (group, j)]
        groups, candidates = on_device(places, self.scratch.winner).view(-1, 2).unbind(1)
        return self.scratch.blocks(groups, candidates)

    def _copy_winners(self, going: Rows) -> None:
        """Copy the end of each sequence from the block of the candidate that won last into the request's own last
        block, and into those of the candidates if they do not begin a new one."""
        assert self.common is not None
        size = self.history.block_size
        stale = [entry for entry in going if self.lengths[entry[0]] % size]
        places = [place for row, *_ in going for place in (row, (self.lengths[row] - 1) // size)]
        of_requests, last = on_device(places, self.scratch.winner).view(-1, 2).unbind(1)
        targets = [self.common.block_table_tensor[of_requests, last].long()]
        groups = [group for *_, group in going]
        if stale:
            targets.append(self._blocks(stale))
            groups += [group for _, seat, group in stale for _ in range(seat.top_k)]
        of_groups = on_device(groups, self.scratch.winner)
        self._copy(self.scratch.blocks(of_groups, self.scratch.winner[of_groups]), torch.cat(targets))

    def _copy_tails(self, rows: Rows) -> None:
        """Copy the end of each sequence from the request's own last block into those of all candidates."""
        size = self.history.block_size
        stale = [entry for entry in rows if self.lengths[entry[0]] % size]
        if stale:
            assert self.common is not None
            tails = [tail for row, *_ in stale for tail in (row, self.lengths[row] // size)]
            of_requests, last = on_device(tails, self.scratch.winner).view(-1, 2).unbind(1)
            times = on_device([seat.top_k for _, seat, _ in stale], of_requests)
            source = self.common.block_table_tensor[of_requests, last].long()
            self._copy(source.repeat_interleave(times), self._blocks(stale))

    def _copy(self, source: Tensor, target: Tensor) -> None:
        for layer in self._layers:
            layer.kv_cache[target] = layer.kv_cache[source]

    def _run(self, common: CommonAttentionMetadata, tokens: Tensor, positions: Tensor) -> Tensor:
        metadata, slots = {}, {}
        for builder, names in self._builders:
            metadata.update(dict.fromkeys(names, builder.build(0, common)))
            slots.update(dict.fromkeys(names, common.slot_mapping))
        with (
            torch.inference_mode(),
            set_forward_context(metadata, self._config, num_tokens=len(tokens), slot_mapping=slots),
        ):
            return self._model(tokens, positions)

    def _prepare(self) -> None:
        """Make builders of metadata that have room for the candidates' rows beside any step."""
        layers: dict[str, Any] = get_layers_from_vllm_config(self._config, AttentionLayerBase)
        kinds: dict[Any, list[str]] = {}
        for name, layer in layers.items():
            if layer is self.history:
                continue
            if len(layer.kv_cache) != self.history.blocks or layer.kv_cache.shape[2] != self.history.block_size:
                raise RuntimeError(
                    f"this vLLM is not built as counterfoil expects it (the cache of {name} has the shape "
                    f"{list(layer.kv_cache.shape)}): install vllm 0.32, or start the engine without contrastive search"
                )
            self._layers.append(layer)
            spec = layer.get_kv_cache_spec(self._config).copy_with_new_block_size(self.history.block_size)
            kinds.setdefault((layer.get_attn_backend(), spec), []).append(name)
        config = copy.copy(self._config)
        config.scheduler_config = copy.copy(config.scheduler_config)
        config.scheduler_config.max_num_seqs += self._limits.scratch_blocks
        device = self.history.kv_cache.device
        with set_current_vllm_config(config):
            self._builders = [
                (backend.get_builder_cls()(spec, names, config, device), names)
                for (backend, spec), names in kinds.items()
            ]


def _split(common: CommonAttentionMetadata, rows: Sequence[int], like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the places of the tokens of these rows, which read one each, and those of all other tokens of a step."""
    known = common.query_start_loc_cpu[torch.tensor(rows)].long()
    kept = torch.ones(common.num_actual_tokens, dtype=torch.bool)
    kept[known] = False
    rest = kept.nonzero()[:, 0]
    return known.to(like.device, non_blocking=True), rest.to(like.device, non_blocking=True)


def _positions(candidates: CommonAttentionMetadata) -> Tensor:
    assert candidates.positions is not None
    return candidates.positions
