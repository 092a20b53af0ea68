"""What holds for the forwards of a model, found out by trying them once.

transformers' families have one interface and many insides. Some compute a row otherwise beside a longer one, some keep
the state of a sequence in their modules, some caches reorder a part of what they hold. None of them says so, and the
tokens would silently be others. So each question is tried on a few random tokens, and the answer is kept for as long as
the model lives.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Hashable, Sequence
from contextlib import ExitStack
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache, PreTrainedModel

from ..prompts.collate import collate
from ..prompts.prompt import Prompt
from .cached_sequences import CachedSequences, prefill_inputs
from .forward_recorder import ignored_by_hooks, is_empty
from .rope_state import switching_rope
from .unwrap_model import eval_mode, input_device

SHORT, LONGER, STEPS = 5, 9, 3
ReadTogether = Callable[[PreTrainedModel, Sequence[Prompt]], tuple[CachedSequences, Tensor]]
"""Reads prompts and returns their rows, ready to be continued, with the logits `[rows, vocab]` of the next token."""
LENGTHS = re.compile("window|chunk|topk|block_size|original_max_position|compress_rates|local_attention")
"""Names of what a configuration has for lengths beyond which attention, positions or a recurrence change."""

_answers: WeakKeyDictionary[PreTrainedModel, dict[Hashable, str | None]] = WeakKeyDictionary()
_told: WeakSet[PreTrainedModel] = WeakSet()


def why_not(model: PreTrainedModel, question: Hashable, error: Callable[[], float]) -> str | None:
    """Return what speaks against a question about a model; `None` if nothing does.

    Args:
        model: A model that can generate.
        question: What is asked, once for each model.
        error: Runs the trial and returns a relative error; it may raise whatever the model raises.
    """
    known = _answers.setdefault(model, {})
    if question not in known:
        known[question] = _tried(model, error)
    return known[question]


def warn_once(model: PreTrainedModel, question: str, message: str) -> None:
    """Warn, but once for each model and question."""
    known = _answers.setdefault(model, {})
    if known.setdefault(("told", question)) is None:
        known["told", question] = "yes"
        warnings.warn(message, stacklevel=4)


def why_rows_differ(model: PreTrainedModel, lengths: Sequence[int], read: ReadTogether | None = None) -> str | None:
    """Return why a row depends on the length of the rows beside it; `None` if it does not.

    The trial is as long as the request needs: its rows are longer than those windows, chunks and the like that rows of
    these lengths are longer than.

    Args:
        model: A decoder-only model.
        lengths: Of the rows, with the tokens that will be generated.
        read: How the prompts are read before they are continued together; by default in one padded forward.
    """
    config = model.config.get_text_config(decoder=True)
    for kind, limit in switching_rope(model):
        if max(lengths) > limit:
            return f"its RoPE ({kind}) depends on the longest row"
    short, long = (max((n for n in known_lengths(config) if n < m), default=0) for m in (min(lengths), max(lengths)))
    long = min(max(short + SHORT, long) + LONGER, max(short + SHORT + LONGER, *lengths))
    read = read or _read_padded
    question = "rows", read.__name__, _way_of_reading(model), short, long
    return why_not(model, question, lambda: _error_beside(model, [short + SHORT, long], read))


def why_equal_rows_differ(model: PreTrainedModel) -> str | None:
    """Return why a row depends on another of its length; `None` if it does not.

    Attention keeps rows apart. So what is tried is models with a recurrent state: RWKV's, in transformers, is spread
    over the wrong dimension as soon as there are two rows.
    """
    if not getattr(model, "_is_stateful", False):
        return None
    question = "equal rows", _way_of_reading(model)
    return why_not(model, question, lambda: _error_beside(model, [SHORT, SHORT], _read_padded))


def why_beginnings_differ(
    model: PreTrainedModel, read: Callable[[PreTrainedModel, Sequence[Prompt], int], tuple[CachedSequences, Tensor]]
) -> str | None:
    """Return why a beginning of several prompts cannot be read once for all; `None` if it can.

    Args:
        model: A decoder-only model.
        read: Reads prompts that begin with so many equal tokens.
    """
    lengths = [LONGER + SHORT, LONGER + 2, LONGER + SHORT + 1]
    question = "beginnings", read.__name__, _way_of_reading(model)

    def read_begun(model: PreTrainedModel, prompts: Sequence[Prompt]) -> tuple[CachedSequences, Tensor]:
        return read(model, prompts, LONGER)

    return why_not(model, question, lambda: _error_beside(model, lengths, read_begun, shared=LONGER))


def why_not_reordered(sequences: CachedSequences) -> str | None:
    """Return why rows cannot be dropped, multiplied and exchanged on their cache; `None` if they can."""
    # Caches of these two classes hold the whole state of a sequence.
    if type(sequences.cache) in (DynamicCache, EncoderDecoderCache):
        return None
    return why_not_copied(sequences.model)


def why_not_copied(model: PreTrainedModel) -> str | None:
    """Return why the rows of a decoder-only model's cache cannot be copied and chosen; `None` if they can."""
    if model.config.is_encoder_decoder:
        return None
    return why_not(model, ("copied", _way_of_reading(model)), lambda: _error_reordered(model))


def why_not_taken_back(model: PreTrainedModel, lengths: Sequence[int], *, one_by_one: bool = False) -> str | None:
    """Return why a model cannot read several tokens and take some back; `None` if it can.

    The trial is as long as the request needs, as in :func:`why_rows_differ`.

    Args:
        model: A decoder-only model.
        lengths: Of the rows, with the tokens that will be generated.
        one_by_one: Whether the tokens are read in a forward each, as by an amateur that drafts, and not in one.
    """
    config = model.config.get_text_config(decoder=True)
    for kind, limit in switching_rope(model):
        if max(lengths) > limit:
            return f"its RoPE ({kind}) depends on the longest text"
    longest = max((n for n in known_lengths(config) if n < max(lengths)), default=0)
    padded = min(lengths) < max(lengths)
    question = "taken back", _way_of_reading(model), longest, padded, one_by_one

    def error() -> float:
        return _error_taken_back(model, max(longest - 3, SHORT), padded=padded, one_by_one=one_by_one)

    return why_not(model, question, error)


def check_reorderable(sequences: CachedSequences) -> None:
    """Reject sequences whose rows cannot be dropped, multiplied and exchanged.

    Raises:
        ValueError: The model keeps a state that reordering its cache leaves as it is.
    """
    if reason := why_not_reordered(sequences):
        kind = type(sequences.model).__name__
        raise ValueError(
            f"beams have to be reordered with all of a model's state, but {kind} keeps some outside of its cache's "
            f"rows ({reason}): generate with num_beams=1"
        )


def check_in_turns(sequences: CachedSequences) -> None:
    """Reject a model whose sequences cannot be continued in turns.

    Raises:
        ValueError: The model keeps the state of a sequence in its modules.
    """
    model = sequences.model
    # A family whose cache can be taken back token by token has no other state than what is in it.
    if sequences.cache is not None and not is_empty(sequences.cache) and not getattr(model, "_is_stateful", False):
        return
    reason = why_not(model, ("turns", _way_of_reading(model)), lambda: _error_in_turns(model))
    if reason:
        raise ValueError(
            f"`model` has to keep its state in a cache to be read behind another prompt, but {type(model).__name__} "
            f"keeps it in its modules, where two sequences overwrite each other ({reason})"
        )


def known_lengths(config: Any) -> set[int]:  # noqa: ANN401
    """Return the lengths in a configuration beyond which a model may compute otherwise."""
    found: set[int] = set()
    for name, value in config.to_dict().items():
        if LENGTHS.search(name):
            values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
            found.update(v for v in values if isinstance(v, int) and not isinstance(v, bool) and v > 0)
    blocks, size = getattr(config, "index_topk_blocks", None), getattr(config, "index_block_size", None)
    return found | ({blocks * size} if blocks and size else set())


def named_tokens(model: PreTrainedModel) -> frozenset[int]:
    """Return the tokens that a configuration names: those that begin, end and pad a text, or stand for an image."""
    return frozenset(
        token
        for part in (model.config, model.config.get_text_config(decoder=True))
        for name, value in part.to_dict().items()
        if name.endswith(("token_id", "token_index"))
        for token in (value if isinstance(value, list) else [value])
        if token is not None
    )


def trial_tokens(model: PreTrainedModel, rows: int, length: int) -> Tensor:
    """Return tokens `[rows, length]` on the model's device that stand for text: none has a name."""
    size, named = model.config.get_text_config(decoder=True).vocab_size, named_tokens(model)
    allowed = torch.tensor([token for token in range(min(size, 4096)) if token not in named] or [0])
    index = torch.arange(rows * length) * 37 % max(len(allowed) - 3, 1) + 2
    return allowed[index.clamp_max(len(allowed) - 1)].view(rows, length).to(input_device(model, "cpu"))


def relative_error(found: Tensor, expected: Tensor) -> float:
    """Return by how much logits `[..., vocab]` are off, relative to their spread; the largest of all positions."""
    allowed = expected > -1e4  # some families mask tokens
    found, expected = (logits.float().where(allowed, 0.0) for logits in (found, expected))
    centred = expected - expected.mean(-1, keepdim=True)
    error = (found - expected).norm(dim=-1) / centred.norm(dim=-1)
    return float(error.nan_to_num(nan=torch.inf).max())


def _tried(model: PreTrainedModel, error: Callable[[], float]) -> str | None:
    try:
        with ExitStack() as contexts:
            contexts.enter_context(ignored_by_hooks())
            contexts.enter_context(eval_mode(model))
            contexts.enter_context(torch.no_grad())
            if "torch._dynamo" in sys.modules:  # else nothing is compiled, and loading it takes seconds
                contexts.enter_context(torch.compiler.set_stance("force_eager"))
            off = error()
    except (MemoryError, torch.OutOfMemoryError):
        raise  # says nothing about the model
    # Models refuse a mask or a cache with any kind of error.
    except Exception as refusal:
        return f"{type(refusal).__name__}: {refusal}"
    # Half precision rounds two computations differently; a wrong position, mask or state is off by far more.
    return None if off <= max(1e-3, 8 * torch.finfo(model.dtype).eps) else f"it would be off by {off:.1%}"


def _way_of_reading(model: Any) -> Hashable:  # noqa: ANN401
    """Return what decides about a forward beside the model: its attention, and PEFT's prompts before the ids."""
    reader = getattr(model.prepare_inputs_for_generation, "__self__", None)
    adapter = None if reader is model else (type(reader).__name__, str(getattr(reader, "active_adapter", None)))
    return model.config.get_text_config(decoder=True)._attn_implementation, adapter


def _prompt(ids: Tensor) -> Prompt:
    return Prompt(ids, torch.ones_like(ids), {})


def _continued(read: tuple[CachedSequences, Tensor], tokens: Tensor) -> Tensor:
    """Return logits `[rows, 1 + steps, vocab]` of what was read and of the tokens `[rows, steps]` that follow it one by
    one."""
    sequences, first = read
    return torch.stack([first, *(sequences.step(column) for column in tokens.split(1, dim=-1))], dim=1)


def _read_padded(model: PreTrainedModel, prompts: Sequence[Prompt]) -> tuple[CachedSequences, Tensor]:
    sequences, padded = CachedSequences(model), collate(prompts)
    return sequences, sequences.prefill(padded, padded.input_ids[:, :0])


def _error_beside(model: PreTrainedModel, lengths: Sequence[int], read: ReadTogether, shared: int = 0) -> float:
    rows = trial_tokens(model, len(lengths), max(lengths) + STEPS)
    rows[:, :shared] = rows[:1, :shared].clone()
    prompts, tokens = [_prompt(row[None, :n]) for row, n in zip(rows, lengths, strict=True)], rows[:, -STEPS:]
    alone = [_continued(_read_padded(model, [p]), row[None]) for p, row in zip(prompts, tokens, strict=True)]
    return relative_error(_continued(read(model, prompts), tokens), torch.cat(alone))


def _error_in_turns(model: PreTrainedModel) -> float:
    rows = trial_tokens(model, 2, SHORT + STEPS)
    prompts, tokens = [_prompt(row[None, :SHORT]) for row in rows], rows[:, SHORT:]
    alone = [_continued(_read_padded(model, [p]), row[None]) for p, row in zip(prompts, tokens, strict=True)]
    sequences = [CachedSequences(model) for _ in rows]
    logits = [[s.prefill(p, tokens[:1, :0]) for s, p in zip(sequences, prompts, strict=True)]]
    logits += [[s.step(row[None]) for s, row in zip(sequences, column, strict=True)] for column in tokens.T[:, :, None]]
    return relative_error(torch.stack([torch.cat(step) for step in logits], dim=1), torch.cat(alone))


def _error_reordered(model: PreTrainedModel) -> float:
    rows = trial_tokens(model, 2, SHORT + STEPS + 1)
    sequences, order = (
        CachedSequences(model),
        [torch.tensor(index, device=rows.device) for index in ([1, 0, 1], [2, 1])],
    )
    sequences.prefill(_prompt(rows[:, :SHORT]), rows[:, :0])
    sequences.step(rows[:, SHORT : SHORT + 1])
    found = None
    for index, column in zip(order, (SHORT + 1, SHORT + 2), strict=True):
        sequences.reorder(index)
        rows = rows[index]
        found = sequences.step(rows[:, column : column + 1])
    assert found is not None
    read = SHORT + 3
    return relative_error(found, CachedSequences(model).prefill(_prompt(rows[:, :read]), rows[:, :0]))


def _error_taken_back(model: Any, length: int, *, padded: bool, one_by_one: bool) -> float:  # noqa: ANN401
    text = trial_tokens(model, 1 + padded, length + 6)
    mask = torch.ones_like(text)
    mask[1:, : SHORT - 2] = 0
    sequences = CachedSequences(model)
    prompt = Prompt(text[:, :length], mask[:, :length], {})
    logits = [sequences.prefill(prompt, text[:, :0])[:, None]]
    if not getattr(sequences.cache, "is_croppable", sequences.cache is not None):
        raise TypeError("it has no cache that can be cropped")
    sequences.record_past()
    wrong = text.flip(-1)
    for first, right, in_vain in ((0, 2, 2), (2, 1, 0), (3, 3, 1)):
        read = torch.cat([text[:, length + first :][:, :right], wrong[:, :in_vain]], dim=-1)
        found = [sequences.extend(tokens) for tokens in read.split(1 if one_by_one else read.shape[1], dim=1)]
        logits.append(torch.cat(found, dim=1)[:, :right])
        sequences.take_back(in_vain)
    # The same text in one forward.
    state = prefill_inputs(model, text, mask, {})
    state.pop("logits_to_keep", None)
    whole = model(**model.prepare_inputs_for_generation(text, is_first_iteration=True, **state), return_dict=True)
    return relative_error(torch.cat(logits, dim=1), whole.logits[:, length - 1 :])
