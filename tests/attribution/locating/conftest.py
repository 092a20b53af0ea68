from __future__ import annotations

import pytest
from counterfoil.models import LanguageModel, load_embedding_model

from tests.support.locating_models import byte_language


@pytest.fixture
def reader() -> LanguageModel:
    return byte_language()


@pytest.fixture(scope="session")
def minilm():
    return load_embedding_model()
