"""Parameters of token matching are chosen on facts with gold spans, the best first."""

from __future__ import annotations

from pathlib import Path

import pytest

from training import laquer

FACTS = Path(__file__).parents[2] / "examples" / "laquer.jsonl"


@pytest.fixture
def two_answers(tmp_path: Path) -> Path:
    path = tmp_path / "facts.jsonl"
    path.write_text("".join(FACTS.read_text().splitlines(keepends=True)[:2]))
    return path


def test_choices_are_printed_best_first(two_answers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    laquer.main([str(two_answers), "alignment", "--split", "dev"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| –")]
    scores = [float(line.split("|")[5]) for line in lines]
    assert len(scores) == len(laquer.MATCHES) * len(laquer.GAPS)
    assert scores == sorted(scores, reverse=True)


def test_a_method_without_parameters_to_choose_is_refused() -> None:
    with pytest.raises(ValueError, match="`method` has to be one of hidden_states, alignment, but is 'prompting'"):
        laquer.choices([], "prompting", None)
