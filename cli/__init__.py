"""The `counterfoil` command."""

from __future__ import annotations

from .failing import guarded


def main() -> None:
    """Entry point of the command; ends the process with the command's exit code."""
    with guarded():
        from .app import app  # noqa: PLC0415  (an interrupt while it is imported is told in one line as well)

        app()
