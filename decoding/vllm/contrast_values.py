"""The values of a request's `cf_` keys that are no parameters of a method: token ids and layers, checked one by one."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..methods.parameters import check_integer

LEAST_TOKENS = 2
"""The shortest prompt of a pair: its requests read up to their last token before they sample together."""
MOST_CONTRASTS = 7
"""How many contrasts one request may have: its group has eight sequences."""


def check_count(key: str, contrasts: Sequence[object]) -> None:
    """Reject more contrasts than one request may have.

    Raises:
        ValueError: Names the key and both numbers.
    """
    if len(contrasts) > MOST_CONTRASTS:
        raise ValueError(f"`{key}` has to hold at most {MOST_CONTRASTS} contrasts, but holds {len(contrasts)}")


def check_exits(key: str, layers: object) -> tuple[int, ...]:
    """Return the layers of early exits, of which one may be given as a number.

    Raises:
        ValueError: There is none, one is no integer of at least 1, or one is named twice; names the key.
    """
    given = tuple(layers) if isinstance(layers, (list, tuple)) else (layers,)
    if not given or len(set(given)) < len(given):
        raise ValueError(f"`{key}` has to be a layer, or a list of different layers, but is {_short(layers)}")
    for layer in given:
        check_integer(key, layer, 1)  # type: ignore[arg-type]
    return given  # type: ignore[return-value]


def read_ids(key: str, value: object) -> tuple[tuple[int, ...], ...]:
    """Return the token ids of each contrast: of one, or of several, which over HTTP have to be JSON text.

    Raises:
        ValueError: They are no ids, too few or too many; names the key.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return (_ids(key, value),)
    if isinstance(value, (list, tuple)) and value and all(isinstance(one, (list, tuple)) for one in value):
        check_count(key, value)
        return tuple(_ids(key, one) for one in value)
    return (_ids(key, value),)


def _ids(key: str, value: object) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"`{key}` has to be a list of token ids, but is {_short(value)}")
    if not value:
        raise ValueError(f"`{key}` has to hold at least {LEAST_TOKENS} token ids, but is empty")
    for token in value:
        if isinstance(token, bool) or not isinstance(token, int) or token < 0:
            raise ValueError(f"`{key}` has to be a list of token ids, but holds {_short(token)}")
    if len(value) < LEAST_TOKENS:
        raise ValueError(f"`{key}` has to hold at least {LEAST_TOKENS} token ids, but holds {len(value)}")
    return tuple(value)


def check_tokens(key: str, value: object) -> int:
    """Return a number of tokens that a prompt may have.

    Raises:
        ValueError: It is no integer, or too small; names the key.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < LEAST_TOKENS:
        raise ValueError(f"`{key}` has to be an integer of at least {LEAST_TOKENS}, but is {_short(value)}")
    return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
