"""What the default judge cannot read is not checked; what it can read and is about something else is not supported."""

import json
from pathlib import Path

import pytest
from counterfoil.attribution.entailment import Pair
from counterfoil.attribution.entailment.local.encoding import foreign_script
from counterfoil.attribution.entailment.registry import default_entailment

LANGUAGES = json.loads(Path(__file__).with_name("languages.json").read_text(encoding="utf-8"))
READ = {"en", "de", "fr"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_unrelated_claims_are_supported_in_no_language(language):
    texts = LANGUAGES[language]
    model = default_entailment()
    pairs = [Pair(premise, claim) for premise in texts["premises"] for claim in texts["unrelated_claims"]]
    for judgement in model.judge(pairs):
        if language in READ:
            assert judgement.supported is not None
            assert judgement.supported < model.threshold
        else:
            assert "script" in judgement.failure


def test_a_word_of_another_script_leaves_a_sentence_readable():
    assert foreign_script("The angle α is called άλφα in Greek.", ["Latin"]) is None
    assert foreign_script("31 m", ["Latin"]) is None
    assert foreign_script("", ["Latin"]) is None
    assert foreign_script("Её брат продаёт яблоки (apples).", ["Latin"]) == "Cyrillic"
    assert foreign_script("Её брат продаёт яблоки.", ["Latin", "Cyrillic"]) is None
