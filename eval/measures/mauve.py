"""MAUVE (Pillutla et al., NeurIPS 2021, arXiv 2102.01454): how far machine text lies from human text.

The score is the authors' library, mauve-text, on features of a model of one's own choice: the last hidden state at the
last token. As in Su and Collier (arXiv 2210.14140), each pair of texts is cut to the shorter of the two, and empty
continuations are left out. The papers' features are GPT-2-large's; a score from other features is another score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from counterfoil.models import LanguageModel
from numpy.typing import NDArray

LEAST = 40
"""Pairs under which no score is given: with the library's bins of ten texts each, it would rest on three or less."""


def mauve(
    references: Sequence[str], continuations: Sequence[str], language: LanguageModel, *, seed: int = 25
) -> float | None:
    """The score in percent, `None` for fewer than :data:`LEAST` pairs.

    Args:
        references: What people wrote.
        continuations: What the method wrote, in the same order.
        language: The model that gives the features.
        seed: Of the clustering; 25 is the library's.

    Raises:
        ImportError: Without mauve-text; the message has the `pip install` line.
    """
    tokenizer = language.tokenizer
    pairs = []
    for reference, continuation in zip(references, continuations, strict=True):
        one = tokenizer(reference, add_special_tokens=False)["input_ids"]
        other = tokenizer(continuation, add_special_tokens=False)["input_ids"]
        length = min(len(one), len(other))
        if length:
            pairs.append((one[:length], other[:length]))
    if len(pairs) < LEAST:
        return None
    try:
        from mauve import compute_mauve  # noqa: PLC0415  (seconds to import)
    except ImportError as error:
        raise ImportError(f'MAUVE needs mauve-text ({error}): pip install "counterfoil[eval]"') from error
    found: Any = compute_mauve(
        p_features=_features([one for one, _ in pairs], language),
        q_features=_features([other for _, other in pairs], language),
        seed=seed,
        verbose=False,
    )
    return 100 * float(found.mauve)


@torch.no_grad()
def _features(texts: Sequence[Sequence[int]], language: LanguageModel) -> NDArray[np.float32]:
    """The last hidden state at each text's last token, `[texts, dimensions]`."""
    device = language.model.device
    rows = []
    for ids in texts:
        output = language.model(torch.tensor([ids], device=device), output_hidden_states=True, logits_to_keep=1)
        rows.append(output.hidden_states[-1][0, -1].float().cpu())
    return torch.stack(rows).numpy()
