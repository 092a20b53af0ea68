"""What holds for every test: libraries as quiet as the command line makes them, and a model that is converted once."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import pytest
from counterfoil.models import ModelLoadError, language_model_path

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

with suppress(ImportError):
    # absl (of rouge-score) logs to the standard error of its import. When another package sets logging up anew, its
    # handler closes that stream if it is no standard stream any more, and here it is pytest's.
    from absl import logging as absl_logging

    absl_logging.get_absl_handler().python_handler.stream = sys.__stderr__


def pytest_configure(config: pytest.Config) -> None:
    """Convert the packaged model once, before there are workers who would each do so at the same time."""
    if not hasattr(config, "workerinput") and config.getoption("numprocesses", default=None):
        with suppress(ModelLoadError):  # the tests of loading say what is wrong
            language_model_path()
