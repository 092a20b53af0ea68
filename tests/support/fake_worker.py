"""A worker without a model, for driving vLLM's real scheduler: it keeps its own books and objects to any mistake.

What it checks, from the side of the one who has to execute a step: requests of a pair sample together and at the same
position; every token it is asked to read is one it knows; the cache blocks of a request hold exactly its own history;
requests and slots do not outlive their end.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from counterfoil.decoding.vllm.contrast_params import member_of
from vllm.v1.outputs import ModelRunnerOutput

EOS = 2


class WorkerError(AssertionError):
    """A step that a real worker would have executed wrongly."""


@dataclass
class Sequence:
    tokens: list[int]
    prompt: int
    pair: str | None
    is_main: bool
    size: int
    blocks: list[list[int]] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)

    def mark(self, position: int) -> int:
        """What the cache holds for a position: it depends on all tokens up to there."""
        for token in self.tokens[len(self.marks) : position + 1]:
            self.marks.append(hash((self.marks[-1] if self.marks else 0, token)))
        return self.marks[position]


class FakeWorker:
    """Executes scheduler outputs.

    Args:
        seed: Of the tokens it "samples": a function of the pair (or request) and the position alone.
        block_size: Tokens in a cache block.
        windows: By cache group, how far back its layers attend; `None` for all the way.
        slots: How many requests it has room for.
        rebuilds: Model Runner V1: a request that paused is rebuilt from what the scheduler says.
        eos_rate: How often a sampled token is the end.
    """

    def __init__(
        self, seed: int, block_size: int, windows: list[int | None], slots: int, rebuilds: bool, eos_rate: float = 0.04
    ) -> None:
        self.seed, self.block_size, self.windows, self.slots = seed, block_size, windows, slots
        self.rebuilds, self.eos_rate = rebuilds, eos_rate
        self.sequences: dict[str, Sequence] = {}
        self.seated: set[str] = set()
        self.forgetful: set[str] = set()
        self.cache: dict[int, list[int | None]] = {}
        self.sampled = 0

    def execute(self, output) -> ModelRunnerOutput:
        for request_id in output.finished_req_ids:
            self.sequences.pop(request_id, None)
        self.seated -= output.finished_req_ids | (output.preempted_req_ids or set())
        computed = self._taken_in(output)
        self.seated |= set(computed)
        if len(self.seated) > self.slots:
            raise WorkerError(f"{len(self.seated)} requests in {self.slots} slots")
        sampling = self._read(output, computed)
        self._check_pairs(sampling)
        ids = list(output.num_scheduled_tokens)
        tokens = [[self._sample(request_id)] if request_id in sampling else [] for request_id in ids]
        for request_id, new in zip(ids, tokens, strict=True):
            self.sequences[request_id].tokens += new
        index = {request_id: i for i, request_id in enumerate(ids)}
        return ModelRunnerOutput(req_ids=ids, req_id_to_index=index, sampled_token_ids=tokens)

    def _taken_in(self, output) -> dict[str, int]:
        """New, resumed and continuing requests; how much of each is computed before this step."""
        computed = {}
        for new in output.scheduled_new_reqs:
            known = self.sequences.get(new.req_id)
            tokens = list(new.prompt_token_ids if new.prefill_token_ids is None else new.prefill_token_ids)
            if known is not None:
                self._forget(new.req_id, tokens)
            member = member_of(new.sampling_params.extra_args)
            pair, is_main, size = (member.pair, member.is_main, member.size) if member else (None, True, 1)
            self.sequences[new.req_id] = Sequence(
                tokens, len(new.prompt_token_ids), pair, is_main, size, [list(group) for group in new.block_ids]
            )
            computed[new.req_id] = new.num_computed_tokens
        cached = output.scheduled_cached_reqs
        for i, request_id in enumerate(cached.req_ids):
            sequence = self.sequences[request_id]
            computed[request_id] = cached.num_computed_tokens[i]
            blocks = cached.new_block_ids[i]
            if request_id in cached.resumed_req_ids:
                sequence.blocks = [list(group) for group in blocks]
            elif blocks is not None:
                for group, new in zip(sequence.blocks, blocks, strict=True):
                    group.extend(new)
            if self.rebuilds and request_id in cached.all_token_ids:
                self._forget(request_id, cached.all_token_ids[request_id])
        return computed

    def may_forget(self, request_ids: set[str]) -> None:
        """What these requests have in flight will not reach the scheduler, and is sampled again."""
        self.forgetful |= request_ids & set(self.sequences)

    def _forget(self, request_id: str, said: list[int]) -> None:
        """A request goes on with the tokens that the scheduler knows: all that it has, unless some were dropped."""
        tokens = self.sequences[request_id].tokens
        if len(said) < len(tokens) and request_id in self.forgetful:
            del tokens[len(said) :]
            del self.sequences[request_id].marks[len(said) :]
        if said != tokens:
            raise WorkerError(f"{request_id} goes on with other tokens than it has")
        self.forgetful.discard(request_id)

    def _read(self, output, computed: dict[str, int]) -> set[str]:
        """Fill and check the cache; the requests that sample."""
        ends = {}
        for request_id, count in output.num_scheduled_tokens.items():
            sequence = self.sequences[request_id]
            end = computed[request_id] + count
            if end > len(sequence.tokens):
                raise WorkerError(f"{request_id} is to read {end} tokens of {len(sequence.tokens)}")
            ends[request_id] = end
            for position in range(computed[request_id], end):
                for blocks in sequence.blocks:
                    block = self.cache.setdefault(blocks[position // self.block_size], [None] * self.block_size)
                    block[position % self.block_size] = sequence.mark(position)
        for request_id, end in ends.items():
            self._check_history(request_id, end)
        return {request_id for request_id, end in ends.items() if end == len(self.sequences[request_id].tokens)}

    def _check_history(self, request_id: str, end: int) -> None:
        sequence = self.sequences[request_id]
        for window, blocks in zip(self.windows, sequence.blocks, strict=True):
            for position in range(0 if window is None else max(end - window, 0), end):
                held = self.cache[blocks[position // self.block_size]][position % self.block_size]
                if held != sequence.mark(position):
                    raise WorkerError(f"the cache of {request_id} does not hold its token {position} of {end}")

    def _check_pairs(self, sampling: set[str]) -> None:
        pairs: dict[str, list[Sequence]] = {}
        for request_id in sampling:
            sequence = self.sequences[request_id]
            if sequence.pair is not None:
                pairs.setdefault(sequence.pair, []).append(sequence)
        for pair, found in pairs.items():
            positions = [len(sequence.tokens) - sequence.prompt for sequence in found]
            if len(found) != found[0].size or len(set(positions)) != 1 or sum(one.is_main for one in found) != 1:
                raise WorkerError(f"of pair {pair} of {found[0].size} these positions are sampled at once: {positions}")

    def _sample(self, request_id: str) -> int:
        sequence = self.sequences[request_id]
        self.sampled += sequence.is_main
        position = len(sequence.tokens) - sequence.prompt
        drawn = random.Random(f"{self.seed} {sequence.pair or request_id} {position}")
        return EOS if drawn.random() < self.eos_rate else drawn.randrange(3, 50)
