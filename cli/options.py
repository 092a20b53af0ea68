"""Reading options that several commands have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path


def model_options(pairs: Sequence[str] | None, device: str | None = None) -> dict[str, object]:
    """`NAME=VALUE` with numbers, booleans and null read as such, and the device.

    Raises:
        ValueError: For what has another form.
    """
    return {**({"device": device} if device else {}), **named_values("option", pairs)}


def named_values(option: str, pairs: Sequence[str] | None) -> dict[str, object]:
    """`NAME=VALUE` with numbers, booleans and null read as such.

    Raises:
        ValueError: For what has another form.
    """
    values: dict[str, object] = {}
    for pair in pairs or ():
        name, separator, value = pair.partition("=")
        if not separator or not name.isidentifier():
            raise ValueError(f"--{option} has to be NAME=VALUE, but is {pair!r}")
        try:
            values[name] = json.loads(value)
        except ValueError:
            values[name] = value
    return values


def check_readable(path: Path) -> None:
    """Raises `ValueError` where `path` is no file."""
    if not path.exists():
        raise ValueError(f"cannot read {str(path)!r}: there is no such file. Check the name.")
    if path.is_dir():
        raise ValueError(f"cannot read {str(path)!r}: it is a folder. Give the name of a file.")
