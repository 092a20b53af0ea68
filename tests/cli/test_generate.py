"""`counterfoil generate`: every text method beside plain decoding, and what is refused in one line."""

from __future__ import annotations

import functools
import json

import counterfoil.models
import pytest
from click.testing import CliRunner
from counterfoil.cli.app import app
from counterfoil.cli.generate import Outcome, TextRequest, print_side_by_side
from counterfoil.cli.output import stdout
from counterfoil.decoding.by_name import Decoding
from rich.console import Console

from tests.support.drafts import counted_forwards

loaded_once = functools.cache(counterfoil.models.load_language_model)

PASSAGE = "In 2031 the government of France moved to Lyon, the new capital. "
QUESTION = "What is the capital of France? The capital of France is"
BOTH = ("--prompt", PASSAGE + QUESTION, "--contrast", QUESTION)
ONE = ("--prompt", "The lighthouse on the island was built")
SHORT = ("--max-new-tokens", "4")


@pytest.fixture
def one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counterfoil.models, "load_language_model", lambda name=None, **_: loaded_once())


def run(*arguments: str):
    return CliRunner().invoke(app, ["generate", *arguments])


@pytest.mark.usefixtures("one_model")
@pytest.mark.parametrize(
    ("arguments", "label"),
    [
        (("cad", *BOTH, "--strength", "1"), "cad (strength 1)"),
        (("cid", *BOTH, "--strength", "20"), "cid (strength 20, rule probability, plausibility 0.1)"),
        (("dola", *ONE, "--layers", "16,20"), "dola (layers (16, 20), plausibility 0.1, norm True, released False)"),
        (("contrastive_search", *ONE, "--top-k", "5"), "contrastive_search (penalty_alpha 0.6, top_k 5)"),
        (
            ("contrastive_decoding", *ONE, "--early-exit", "15", "--formulation", "li"),
            "contrastive_decoding (strength 0.5, plausibility 0.1, formulation li, amateur_temperature 1, "
            "early_exit 15)",
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_each_method_is_shown_beside_plain_decoding(arguments: tuple[str, ...], label: str) -> None:
    result = run("--method", *arguments, *SHORT)
    assert result.exit_code == 0, result.output
    contrastive, plain = result.stdout.split("\n\nplain decoding\n")
    assert contrastive.startswith(f"{label}\n")
    assert len(contrastive) > len(label) + 1
    assert plain.strip()


@pytest.mark.usefixtures("one_model")
def test_cad_follows_the_passage_where_plain_decoding_follows_memory() -> None:
    result = run("--method", "cad", *BOTH, "--strength", "1", "--max-new-tokens", "2", "--json")
    recorded = json.loads(result.stdout)
    assert (recorded["contrastive"], recorded["plain"]) == (" Lyon.", " Paris.")
    assert recorded["settings"] == {"strength": 1.0}
    assert recorded["format"] == "counterfoil.generation/1"
    assert recorded["sampling"] is None


@pytest.mark.usefixtures("one_model")
def test_contrasts_may_be_several_or_none() -> None:
    told = ("--prompt", QUESTION, "--contrast", PASSAGE + QUESTION, "--contrast", QUESTION)
    result = run(
        "--method", "dexperts", *told, "--strength", "2", "--plausibility", "0", "--max-new-tokens", "2", "--json"
    )
    recorded = json.loads(result.stdout)
    assert (recorded["contrastive"], recorded["plain"]) == (" Lyon.", " Paris.")
    assert recorded["contrast"] == [PASSAGE + QUESTION, QUESTION]
    guided = json.loads(run("--method", "cfg", *ONE, "--guidance-scale", "2", "--max-new-tokens", "2", "--json").stdout)
    assert guided["contrast"] is None
    assert guided["settings"] == {"guidance_scale": 2.0}


@pytest.mark.usefixtures("one_model")
def test_strength_zero_samples_what_plain_decoding_samples() -> None:
    arguments = ("--method", "cad", *BOTH, "--strength", "0", "--sample", "--temperature", "0.9", "--top-p", "0.9")
    seeded = [json.loads(run(*arguments, *SHORT, "--seed", seed, "--json").stdout) for seed in ("1", "1", "2")]
    assert seeded[0] == seeded[1]
    assert seeded[0]["contrastive"] == seeded[0]["plain"]
    assert seeded[0]["plain"] != seeded[2]["plain"]
    assert seeded[0]["sampling"] == {"temperature": 0.9, "top_p": 0.9, "seed": 1}


@pytest.mark.usefixtures("one_model")
def test_a_chat_template_changes_what_is_read() -> None:
    told, continued = (
        json.loads(run("--method", "dola", *ONE, *SHORT, chat, "--json").stdout) for chat in ("--chat", "--no-chat")
    )
    assert (told["chat"], continued["chat"]) == (True, False)
    assert told["plain"] != continued["plain"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cad", *ONE), "--contrast is missing: cad compares the prompt with another one"),
        (("dola", *BOTH), "--contrast has to be left out for dola"),
        (("cad", *BOTH, "--contrast", "A"), "cad has to be given one contrast, but is given 2"),
        (("dexperts", *BOTH), "dexperts has to be given 2 contrasts, but is given 1"),
        (("none", *ONE), "--method has to be a contrastive one"),
        (("greedy", *ONE), "--method has to be one of none, cad"),
        (("cad", *BOTH, "--plausibility", "0.3"), "--plausibility has to be a parameter of cad, but that has strength"),
        (("contrastive_search", *ONE, "--strength", "1"), "--strength has to be a parameter of contrastive_search"),
        (("cad", *BOTH, "--strength", "much"), "--strength has to be a number, but is 'much'"),
        (("dola", *ONE, "--layers", "middle"), "--layers has to be low, high, a layer or several with commas, but is"),
        (("contrastive_decoding", *ONE), "--amateur has to be given for contrastive_decoding"),
        (("dola", "--prompt", " "), "--prompt has to hold a word"),
        (("cad", *ONE, "--contrast", ""), "--contrast has to hold a word"),
        (("dola", *ONE, "--max-new-tokens", "0"), "'--max-new-tokens': 0 is not in the range x>=1"),
        (("dola", *ONE, "--temperature", "2"), "--temperature goes with --sample"),
        (("dola", *ONE, "--sample", "--temperature", "0"), "'--temperature': 0.0 is not in the range x>0"),
        (("dola", *ONE, "--sample", "--top-p", "1.5"), "'--top-p': 1.5 is not in the range 0<x<=1"),
        (("contrastive_search", *ONE, "--sample"), "--sample has to be left out for contrastive_search"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line_before_a_model_is_loaded(
    arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counterfoil.models, "load_language_model", lambda *_: pytest.fail("a model was loaded"))
    result = run("--method", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.usefixtures("one_model")
def test_a_value_out_of_range_is_refused_in_the_words_of_the_method() -> None:
    result = run("--method", "cad", *BOTH, "--strength", "-1")
    assert result.exit_code == 2
    assert result.stderr == "counterfoil: error: --strength has to be a number of at least 0, but is -1.0\n"


def outcome(contrastive: str, plain: str) -> Outcome:
    request = TextRequest(Decoding("dola"), "x", (), chat=False, max_new_tokens=1, sampling=None)
    return Outcome(request, "tiny", "dola (layers high)", {"layers": "high"}, contrastive, plain)


def test_a_terminal_gets_two_columns() -> None:
    console = Console(force_terminal=True, width=60, highlight=False, color_system=None)
    with console.capture() as captured:
        print_side_by_side(console, outcome("one text", "another text"))
    row = next(line for line in captured.get().splitlines() if "one text" in line)
    assert "another text" in row


def test_control_codes_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_side_by_side(stdout(), outcome("red \x1b[31m", ""))
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "red �[31m" in shown
    assert "(the model wrote nothing)" in shown


@pytest.mark.usefixtures("one_model")
def test_drafts_are_the_default_and_can_be_turned_off() -> None:
    repeated = ("--prompt", PASSAGE * 3 + "In 2031", "--contrast", "In 2031", "--max-new-tokens", "12", "--json")
    outputs, most = [], []
    for more in ((), ("--no-drafts",)):
        with counted_forwards(loaded_once().model) as shapes:
            result = run("--method", "cad", *repeated, *more)
        assert result.exit_code == 0, result.output
        outputs.append(result.stdout)
        most.append(max(tokens for rows, tokens in shapes if rows == 2 and tokens < 12))
    assert outputs[0] == outputs[1]
    assert most[0] > most[1] == 1
