"""Running tasks: resumption after a kill, the draw of groups, the pairing with the first method, what is left out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from counterfoil.decoding.by_name import Decoding
from counterfoil.eval.engines.local import LocalEngine
from counterfoil.eval.journal import Journal
from counterfoil.eval.requests import Choice, Generation
from counterfoil.eval.runner import chosen
from counterfoil.eval.task import Item, with_options

from tests.support.tasks import LINES, PAIR, Continue, Counting, evaluated, tiny_models
from tests.support.tiny_language import tiny_language, with_beginning


def table(result) -> list[list[str]]:
    return result.table()


def test_an_interrupted_run_goes_on_where_it_was_and_asks_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    whole = Counting()
    expected = evaluated(Continue(), LINES, PAIR, engine=whole)
    first = Counting(stop_after=3)
    with pytest.raises(KeyboardInterrupt), Journal(path) as journal:
        evaluated(Continue(), LINES, PAIR, engine=first, journal=journal)
    second = Counting()
    with Journal(path) as journal:
        result = evaluated(Continue(), LINES, PAIR, engine=second, journal=journal)
    assert len(first.asked) == 12
    assert sorted(first.asked + second.asked) == sorted(whole.asked)
    assert table(result) == table(expected)
    assert result.samples == expected.samples
    keys = [json.loads(line)["key"] for line in path.read_text().splitlines()]
    assert sorted(keys) == sorted(sample["key"] for sample in expected.samples)
    third = Counting()
    with Journal(path) as journal:
        evaluated(Continue(), LINES, PAIR, engine=third, journal=journal)
    assert third.asked == []


def test_a_journal_of_other_settings_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        evaluated(Continue(), LINES, PAIR, journal=journal)
    other = Counting()
    with Journal(path) as journal:
        evaluated(Continue(new_tokens=6), LINES, [Decoding("none")], engine=other, journal=journal)
    assert len(other.asked) == 30


def test_answers_of_other_weights_in_the_same_folder_are_not_taken(tmp_path: Path) -> None:
    folder, path = tmp_path / "model", tmp_path / "journal.jsonl"

    def stored(seed: int) -> LocalEngine:
        language = replace(tiny_language(seed=seed), name=str(folder))
        language.model.save_pretrained(folder)
        return LocalEngine(language)

    for seed in (0, 1):
        with Journal(path) as journal:
            result = evaluated(Continue(), LINES, PAIR, engine=stored(seed), journal=journal)
        fresh = evaluated(Continue(), LINES, PAIR, engine=stored(seed))
        assert [one["response"] for one in result.samples] == [one["response"] for one in fresh.samples]
    assert len(path.read_text().splitlines()) == 2 * len(result.samples)


KILLED = """
import sys, time
from pathlib import Path
from counterfoil.eval.journal import Journal
from tests.support.tasks import LINES, PAIR, Continue, Counting, evaluated

class Slow(Counting):
    def answer(self, methods, requests):
        time.sleep(0.3)
        return super().answer(methods, requests)

with Journal(Path(sys.argv[1])) as journal:
    evaluated(Continue(), LINES, PAIR, engine=Slow(), journal=journal)
"""


def test_a_killed_process_has_kept_all_finished_batches(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    places = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(path)], env={**os.environ, "PYTHONPATH": places}
    )
    deadline = time.monotonic() + 120
    while (not path.exists() or path.read_bytes().count(b"\n") < 8) and time.monotonic() < deadline:
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = path.read_bytes().count(b"\n")
    assert 8 <= kept < 60
    engine = Counting()
    with Journal(path) as journal:
        result = evaluated(Continue(), LINES, PAIR, engine=engine, journal=journal)
    assert len(engine.asked) == 60 - kept
    assert table(result) == table(evaluated(Continue(), LINES, PAIR))


def test_groups_are_drawn_whole_in_the_order_of_the_data() -> None:
    items = Continue().read(LINES, tiny_models())
    some = chosen(items, 4, seed=1)
    assert len(some) == 8
    assert [item.id for item in some] == sorted((item.id for item in some), key=int)
    assert all(sum(other.group == item.group for other in some) == 2 for item in some)
    assert chosen(items, 4, seed=1) == some != chosen(items, 4, seed=2)
    assert chosen(items, None, seed=1) == items


def test_ids_have_to_differ() -> None:
    with pytest.raises(ValueError, match="ids of their own"):
        chosen([Item("a", Generation("x", 1))] * 2, None, 0)


def test_methods_that_cannot_do_a_task_are_left_out_and_told() -> None:
    @dataclass(frozen=True)
    class Single(Continue):
        contrasts = False

    result = evaluated(Single(), LINES, [*PAIR, Decoding("contrastive_search")], limit=2)
    assert [row.label.split()[0] for row in result.rows] == ["none", "contrastive_search"]
    assert result.notes == ("left out: cad compares two prompts, and continue has one.",)
    with pytest.raises(ValueError, match="`method` has to name one that can do continue"):
        evaluated(Single(), LINES, PAIR[1:])


def test_a_task_that_leaves_no_item_says_so() -> None:
    @dataclass(frozen=True)
    class Nothing(Continue):
        def select(self, items, ask):
            return [item for item, answer in zip(items, ask(items), strict=True) if answer.score["words"] > 99]

    with pytest.raises(ValueError, match=r"has to have an item that counts, but .* none of 4 does: raise --limit"):
        evaluated(Nothing(), LINES, PAIR, limit=2)


def test_selection_asks_plainly_and_through_the_journal() -> None:
    @dataclass(frozen=True)
    class Even(Continue):
        def select(self, items, ask):
            answers = ask(items)
            assert [answer.item for answer in answers] == list(items)
            return items[::2]

    engine = Counting()
    journal = Journal()
    result = evaluated(Even(), LINES, PAIR, engine=engine, journal=journal, limit=5)
    assert result.n == 5
    assert sum(method == "none" for method, _ in engine.asked) == 10, "plain answers of the selection are used again"
    assert sum(method == "cad" for method, _ in engine.asked) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shots": 1}, "`shots` has to be an option of continue, but that has new_tokens"),
        ({"new_tokens": "5"}, "`new_tokens` of continue has to be int, but is '5'"),
        ({"new_tokens": True}, "`new_tokens` of continue has to be int, but is True"),
    ],
)
def test_options_are_checked(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_options(Continue(), options)


def test_stop_strings_end_a_text_and_are_not_in_it() -> None:
    engine = LocalEngine(tiny_language(), batch_size=2)
    prompts = ["w5 w6 w7", "w20 w21"]
    (full,) = engine.answer([Decoding("none")], [Generation(prompt, 12) for prompt in prompts])
    stop = full[0].split()[3]
    (cut,) = engine.answer([Decoding("none")], [Generation(prompt, 12, stop=(stop,)) for prompt in prompts])
    assert cut == [text[: text.find(stop)] if stop in text else text for text in full]
    assert cut[0] != full[0]


def test_what_does_not_fit_the_context_is_refused() -> None:
    engine = LocalEngine(tiny_language())
    most = tiny_language().model.config.max_position_embeddings
    with pytest.raises(ValueError, match=f"take {most + 1} tokens, but tiny llama reads {most}"):
        engine.answer([Decoding("none")], [Generation("w5", most)])


def test_chat_needs_a_template() -> None:
    with pytest.raises(ValueError, match="--chat needs a model with a chat template"):
        LocalEngine(tiny_language(), chat=True)


def test_a_chat_template_begins_a_prompt_alone() -> None:
    """A template writes the token that begins a text: the tokenizer must not begin it again, nor that of a contrast."""
    language = with_beginning(tiny_language())
    said = [Choice("w5 w6", (" w7", " w8 w9"), contrast="w6")]
    # The tiny model's own tokenizer begins nothing.
    written = [Choice("<s> w5 w6 w9", (" w7", " w8 w9"), contrast="<s> w6 w9")]
    found = LocalEngine(language, chat=True).answer(PAIR, said)
    for one, other in zip(found, LocalEngine(tiny_language()).answer(PAIR, written), strict=True):
        assert one[0] == pytest.approx(other[0])


def test_requests_that_end_differently_are_not_read_together() -> None:
    engine = LocalEngine(tiny_language(), batch_size=4)
    prompts = ["w5 w6 w7", "w20 w21", "w30", "w31 w32"]
    (full,) = engine.answer([Decoding("none")], [Generation(prompt, 12) for prompt in prompts])
    stop = full[3].split()[2]
    mixed = [
        Generation(prompts[0], 12), Generation(prompts[1], 3), Generation(prompts[2], 12),
        Generation(prompts[3], 12, stop=(stop,)),
    ]  # fmt: skip
    (found,) = engine.answer([Decoding("none")], mixed)
    assert found == [full[0], " ".join(full[1].split()[:3]), full[2], full[3][: full[3].find(stop)]]


@pytest.mark.parametrize("method", ["none", "cad", "contrastive_search"])
def test_a_model_s_own_generation_settings_are_left_out(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, asked = LocalEngine(tiny_language()), [Generation("w5 w6", 12, contrast="w6")]
    plain = engine.answer([Decoding(method)], asked)
    for name, value in (("repetition_penalty", 9.0), ("no_repeat_ngram_size", 1), ("num_beams", 2)):
        monkeypatch.setattr(engine.language.model.generation_config, name, value)
    assert engine.answer([Decoding(method)], asked) == plain


def test_options_share_forwards_with_the_methods_that_lack_them() -> None:
    engine = Counting()
    choices = [Choice("w5 w6", (" w7", " w8 w9"), contrast="w6")]
    together = engine.answer(PAIR, choices)
    apart = [engine.answer([decoding], choices)[0] for decoding in PAIR]
    for one, other in zip(together, apart, strict=True):
        assert one[0] == pytest.approx(other[0])
