"""What holds for every test: libraries as quiet as the command line makes them, and a model that is converted once."""

from __future__ import annotations

import os
from contextlib import suppress

import pytest
from counterfoil.models import ModelLoadError, language_model_path

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def pytest_configure(config: pytest.Config) -> None:
    """Convert the packaged model once, before there are workers who would each do so at the same time."""
    if not hasattr(config, "workerinput") and config.getoption("numprocesses", default=None):
        with suppress(ModelLoadError):  # the tests of loading say what is wrong
            language_model_path()
