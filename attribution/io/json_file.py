"""How results are written as JSON, and which packages they name as their makers."""

from __future__ import annotations

import json
import os
from importlib.metadata import PackageNotFoundError, version

from .atomic import write_text


def json_text(value: object) -> str:
    """Return `value` as indented JSON that ends with a line break.

    Raises:
        ValueError: It holds a NaN or an infinity, which JSON does not know.
    """
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def write_json(path: str | os.PathLike[str], value: object) -> None:
    """Write `value` as JSON, whole or not at all.

    Raises:
        ValueError: It holds a NaN or an infinity.
        OSError: The file cannot be written.
    """
    write_text(path, json_text(value))


def package_versions(*packages: str) -> dict[str, str]:
    """Return the version of each installed package by its name; packages that are not installed are left out."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
