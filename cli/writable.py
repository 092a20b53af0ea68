"""Whether a file can be written, asked before a model has worked for it."""

from __future__ import annotations

from pathlib import Path


def check_writable(path: Path) -> None:
    """Raises where `path` cannot be written.

    Raises:
        ValueError: It is a folder, or its folder does not exist.
    """
    if path.is_dir():
        raise ValueError(f"cannot write {str(path)!r}: it is a folder. Give the name of a file.")
    if not path.parent.is_dir():
        raise ValueError(
            f"cannot write {str(path)!r}: it has to be a file in a folder that exists, but there is no folder "
            f"{str(path.parent)!r}. Make it first."
        )
