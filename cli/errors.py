"""Turn exceptions into a one-line error message and an exit code."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

import click

UNEXPECTED = 1
"""Exit code of an error in the program."""

USAGE = 2
"""Exit code if the input, the settings or the machine are to blame."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

_PYTHON_NAME = re.compile(r"`(\w+)`")


@contextmanager
def usage_errors() -> Iterator[None]:
    """End the process with one line on standard error if the command line is wrong or Ctrl-C was pressed."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        raise SystemExit(USAGE) from error
    except click.UsageError as error:
        hint = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        _leave(f"error: {error.format_message().rstrip('.')}{hint}", USAGE)
    except click.ClickException as error:
        _leave(f"error: {error.format_message()}", USAGE)
    except (click.Abort, KeyboardInterrupt):
        _leave("interrupted; no file was left half-written", INTERRUPTED)


@contextmanager
def command_errors(options: Mapping[str, str], *, debug: bool = False) -> Iterator[None]:
    """End the process with one line on standard error if the block raises.

    Args:
        options: Name of the option by the name of its Python parameter, for messages of the library.
        debug: Let the exception pass, for its traceback.
    """
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except (ValueError, OSError, ImportError) as error:
        if debug:
            raise
        _leave(f"error: {with_option_names(str(error), options)}", USAGE)
    except Exception as error:
        if debug:
            raise
        _leave(f"unexpected {type(error).__name__}: {error} (run again with --debug for the traceback)", UNEXPECTED)


def with_option_names(message: str, options: Mapping[str, str]) -> str:
    """Replace each Python parameter in backticks by the option that sets it; other names stay as they are."""
    return _PYTHON_NAME.sub(lambda found: options.get(found[1], found[0]), message)


def _leave(message: str, code: int) -> NoReturn:
    print(f"counterfoil: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(code)
