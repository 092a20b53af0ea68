"""The `counterfoil` command."""

from __future__ import annotations

import os
import sys

from .errors import usage_errors


def main() -> None:
    """Run the command line and end the process with the exit code of the command."""
    if sys.argv[1:2] != ["serve"]:  # whose output is vLLM's
        # The commands show progress of their own. These are read when transformers is imported.
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    with usage_errors():
        from .app import app

        app(prog_name="counterfoil")
