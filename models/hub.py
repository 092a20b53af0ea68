"""Loading from the hub; from its cache, at once, if the hub cannot be reached.

huggingface_hub retries every file of a model with growing pauses, which takes minutes on a machine without a network.
One request beforehand tells.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .errors import ModelLoadError, reason_of

PROBE_SECONDS = 5.0
"""How long the hub may take to answer anything."""

ASK_AGAIN = 60.0
"""Seconds after which a hub that could not be reached is asked again."""

_unreachable: tuple[float, str] | None = None
_reached = False


@contextmanager
def loading(name: str, source: str, *, remedy: str, tried: Sequence[str] = ()) -> Iterator[None]:
    """Load a model within the block, from a folder, the hub, or the hub's cache if the hub cannot be reached.

    Args:
        name: What was asked for, for the error.
        source: A folder or a hub id.
        remedy: What to do if it cannot be loaded, a whole sentence.
        tried: Other ways that have been tried, a clause each.

    Raises:
        ModelLoadError: The block raised an :class:`OSError`, a :class:`ValueError` or an :class:`ImportError`.
    """
    here = Path(source).is_dir()
    failure = None if here else hub_failure()
    try:
        with _offline(failure is not None):
            yield
    except ModelLoadError:
        raise
    except (OSError, ValueError, ImportError, KeyError, AttributeError) as error:
        if here:
            met = f"the folder {source!r} could not be read ({reason_of(error)})"
        elif failure is not None:
            met = f"there is no such folder, it is not in the cache, and the hub cannot be reached ({failure})"
        else:
            met = f"there is no such folder, and the hub has no such model or cannot be reached ({reason_of(error)})"
        raise ModelLoadError(name, [*tried, met], remedy) from error


def hub_failure() -> str | None:
    """Return why the hub cannot be reached; `None` if it can, or if huggingface_hub is told to stay offline.

    Asks once; a hub that did not answer is asked again after :data:`ASK_AGAIN` seconds.
    """
    global _reached, _unreachable  # noqa: PLW0603  (one answer a process)
    from huggingface_hub import constants  # noqa: PLC0415  (seconds to import)
    from huggingface_hub.utils import get_session  # noqa: PLC0415

    if _reached or constants.HF_HUB_OFFLINE:
        return None
    if _unreachable is not None and time.monotonic() - _unreachable[0] < ASK_AGAIN:
        return _unreachable[1]
    try:
        # The session of huggingface_hub knows its proxies and certificates. Any answer will do, an error too.
        get_session().head(constants.ENDPOINT, timeout=PROBE_SECONDS)
    except Exception as error:  # whatever its client raises: two versions of it raise errors of two packages
        _unreachable = (time.monotonic(), f"{constants.ENDPOINT}: {reason_of(error)}")
        return _unreachable[1]
    _reached, _unreachable = True, None
    return None


@contextmanager
def _offline(wanted: bool) -> Iterator[None]:
    """Keep huggingface_hub from asking the hub while the block runs."""
    if not wanted:
        yield
        return
    from huggingface_hub import constants  # noqa: PLC0415

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
