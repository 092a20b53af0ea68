"""What a person sees when a command fails: one line that names the thing and the remedy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

USAGE = 2
"""Exit code where the input, the settings or the machine are to blame."""

UNEXPECTED = 1
"""Exit code where the program is."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


@contextmanager
def guarded(*, debug: bool = False) -> Iterator[None]:
    """Ends the process with one line on standard error where the block raises; under `debug`, with a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        _leave("interrupted; no file was left half-written", INTERRUPTED)
    except (ValueError, OSError, ImportError) as error:
        if debug:
            raise
        _leave(f"error: {error}", USAGE)
    except Exception as error:
        if debug:
            raise
        _leave(f"unexpected {type(error).__name__}: {error} (run again with --debug for the traceback)", UNEXPECTED)


def _leave(message: str, code: int) -> NoReturn:
    print(f"counterfoil: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(code)
