from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
from counterfoil.attribution import Judgement
from counterfoil.models import load_embedding_model


@dataclass
class WordModel:
    """Supports a statement whose words all stand in the premise; its probability is the share of them that do."""

    name: str = "words"
    threshold: float = 1.0
    asked: list = field(default_factory=list)
    calls: int = 0

    def judge(self, pairs):
        self.calls += 1
        self.asked.extend(pairs)
        return [Judgement(self.share(*pair)) for pair in pairs]

    @staticmethod
    def share(premise, hypothesis):
        wanted = re.findall(r"\w+", hypothesis.lower())
        held = set(re.findall(r"\w+", premise.lower()))
        return sum(word in held for word in wanted) / len(wanted) if wanted else 1.0


@dataclass
class TableModel:
    """Looks pairs up: `(premise, hypothesis)` to a judgement, `default` for the rest."""

    table: dict
    default: Judgement = field(default_factory=lambda: Judgement(0.0))
    name: str = "table"
    threshold: float = 0.5

    def judge(self, pairs):
        return [self.table.get(tuple(pair), self.default) for pair in pairs]


@pytest.fixture
def words():
    return WordModel()


@pytest.fixture
def table():
    return TableModel


@pytest.fixture(scope="session")
def t5_folder(tmp_path_factory):
    """A tiny random T5, as a checkpoint is saved."""
    from tests.support.tiny_judges import save_t5  # noqa: PLC0415 (transformers)

    folder = tmp_path_factory.mktemp("t5")
    save_t5(folder)
    return folder


@pytest.fixture(scope="session")
def minilm():
    return load_embedding_model()
