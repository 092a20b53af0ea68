from __future__ import annotations

import pytest
import torch

from tests.support.tiny_judges import save_classifier


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def classifiers(tmp_path_factory):
    """Folders of sequence classifiers by family and labels."""
    made = {}

    def make(family, labels, longest=40):
        key = (family, tuple(labels), longest)
        if key not in made:
            made[key] = tmp_path_factory.mktemp(family)
            save_classifier(made[key], family, labels, longest, seed=len(made) - 1)
        return made[key]

    return make
