from __future__ import annotations

from collections.abc import Iterator

import pytest
from counterfoil.models import LanguageModel

from tests.support.chat_server import ChatServer, chat_server
from tests.support.locating_models import byte_language


@pytest.fixture
def reader() -> LanguageModel:
    return byte_language()


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as server:
        yield server
