"""Keep the log-probability of every chosen token under both views, which were computed anyway."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Trace:
    """Numbers about each generated token, `[rows, new tokens]` each, aligned with the ids behind the prompt.

    A row that has ended goes on with padding while the others are generated; its values there mean nothing.

    Args:
        main: Log-probability under the main view.
        contrast: Log-probability under the contrast; `[contrasts, rows, new tokens]` if there are several.
        plausible: Number of tokens that the method did not mask.
        coefficients: The method's coefficients by name (CODE's divergence, DoLa's layer).
    """

    main: Tensor
    contrast: Tensor
    plausible: Tensor
    coefficients: dict[str, Tensor] = field(default_factory=dict)

    @property
    def difference(self) -> Tensor:
        """Return `main - contrast`, in nats: how much more likely the main view's input made the token.

        Under CAD it is what the documents are responsible for.
        """
        return self.main - self.contrast


@dataclass(frozen=True)
class _Step:
    main: Tensor  # [rows, vocab] while the choice is unknown, then [rows]; of several contrasts one for each
    contrast: Tensor
    plausible: Tensor
    coefficients: dict[str, Tensor]

    def chosen(self, tokens: Tensor) -> _Step:
        """Return the step with the log-probabilities of the tokens `[rows]` that it led to."""
        return replace(self, main=_of(self.main, tokens), contrast=_of(self.contrast, tokens))


def _of(log_probabilities: Tensor, tokens: Tensor) -> Tensor:
    # An ended row's padding may lie beyond a vocabulary that was cut.
    width = log_probabilities.shape[-1]
    column = tokens.to(log_probabilities.device)[:, None].expand(*log_probabilities.shape[:-1], 1)
    found = log_probabilities.gather(-1, column.clamp_max(width - 1))
    return found.masked_fill(column >= width, -torch.inf)[..., 0]


class TraceRecorder:
    """Keeps one number for each token and view of a generation.

    Which token a step chose shows at the next step, or in the final sequences.

    Args:
        prompt_length: Columns of the main prompts.
        keeps_rows: Whether every row is known to stay in its place.
    """

    def __init__(self, prompt_length: int = 0, *, keeps_rows: bool = False) -> None:
        self._steps: list[_Step] = []
        self._ids: Tensor | None = None
        self._prompt_length = prompt_length
        self._keeps_rows = keeps_rows
        self._reordered = False

    def record(
        self, ids: Tensor, *, main: Tensor, contrast: Tensor, combined: Tensor, coefficients: dict[str, Tensor]
    ) -> None:
        """Record one step: the ids `[rows, length]` before it, three views `[rows, vocab]`, coefficients `[rows]`."""
        if self._ids is not None:
            self._reordered |= not (self._keeps_rows or torch.equal(ids[:, :-1], self._ids))
            if not self._reordered:
                self._steps[-1] = self._steps[-1].chosen(ids[:, -1])
        self._ids = ids
        if not self._reordered:
            plausible = (combined > -torch.inf).sum(-1)
            log_probabilities = main.float().log_softmax(-1), contrast.float().log_softmax(-1)
            self._steps.append(_Step(*log_probabilities, plausible, coefficients))

    def trace(self, sequences: Tensor) -> Trace:
        """Return the record of the tokens behind the prompt in `sequences` `[rows, length]`."""
        if self._reordered:
            raise ValueError(
                "a trace has to be of greedy decoding or sampling, but rows were reordered by a beam search"
            )
        new = sequences[:, self._prompt_length :]
        # A loop that finds out late that it should have stopped has made one step more than it returns.
        steps = self._steps[: new.shape[1]]
        if (
            self._ids is None
            or not steps
            or not 0 <= len(self._steps) - new.shape[1] <= 1
            or not torch.equal(sequences[:, :-1].to(self._ids.device), self._ids[:, : sequences.shape[1] - 1])
        ):
            raise ValueError("`sequences` has to be what the last generate() call with this processor returned")
        if steps[-1].main.dim() > 1:
            steps[-1] = steps[-1].chosen(new[:, -1])
        return Trace(
            torch.stack([step.main for step in steps], -1),
            torch.stack([step.contrast for step in steps], -1),
            torch.stack([step.plausible for step in steps], -1),
            {name: torch.stack([step.coefficients[name] for step in steps], -1) for name in steps[0].coefficients},
        )
