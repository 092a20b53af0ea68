"""`counterfoil eval`: the tables, the files beside them, and what is refused."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import counterfoil.models
import pytest
from click.testing import CliRunner
from counterfoil.attribution import Judgement
from counterfoil.cli import judge
from counterfoil.cli.app import app
from counterfoil.cli.eval_run import Run, run_command
from counterfoil.eval import registry

from tests.support.openai_server import openai_server
from tests.support.tasks import TinyEmbedding
from tests.support.tiny_language import text, tiny_language
from tests.support.tiny_models import random_prompts

TRAPS = [
    {"prompt": f"w5 w{a} : w{a + 1} w7", "classes": f"[' w{a + 2}', ' w{a + 3} w9']", "answer_index": a % 2}
    for a in range(10, 22)
]
SHARED = {"--samples", "--json", "--plot", "--limit", "--seed", "--data"}


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counterfoil.models, "load_language_model", lambda name=None, **_: tiny_language())
    monkeypatch.setattr(counterfoil.models, "load_embedding_model", lambda name=None, **_: TinyEmbedding())


@pytest.fixture
def traps(tmp_path: Path) -> Path:
    path = tmp_path / "traps.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in TRAPS))
    return path


@pytest.fixture
def running(tmp_path: Path) -> Path:
    path = tmp_path / "running.txt"
    path.write_text("\n".join(map(text, random_prompts([20, 22, 24], seed=4))))
    return path


def run(*arguments: object):
    return CliRunner().invoke(app, ["eval", "run", *map(str, arguments)])


def rows(output: str) -> list[list[str]]:
    lines = [line for line in output.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_memotrap_prints_a_row_a_method_and_writes_figures_and_samples(traps: Path, tmp_path: Path) -> None:
    figures, samples = tmp_path / "figures.json", tmp_path / "samples.jsonl"
    result = run(
        "memotrap", "--data", traps, "--method", "none,cad", "--strength", "0.5,2", "--limit", 10, "--json", figures,
        "--samples", samples,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    head, _, *found = rows(result.stdout)
    assert head == ["method", "accuracy", "difference", "gained", "lost", "McNemar p"]
    assert [row[0] for row in found] == ["none", "cad (strength 0.5)", "cad (strength 2)"]
    (recorded,) = json.loads(figures.read_text())["results"]
    assert recorded["task"] == "memotrap"
    assert recorded["data"]["n"] == 10
    assert [row["settings"] for row in recorded["rows"]] == [{}, {"strength": 0.5}, {"strength": 2.0}]
    assert found[2][1].startswith(f"{recorded['rows'][2]['figures']['accuracy']['value']:.3f} [")
    assert len(samples.read_text().splitlines()) == 30


def test_degeneration_prints_the_authors_beside_the_methods(running: Path) -> None:
    result = run(
        "degeneration", "--data", running, "--method", "none,contrastive_search", "--prefix-tokens", 6,
        "--new-tokens", 8, "--simctg-compatible", "--penalty-alpha", 0.4, "--limit", 2,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    head, _, *found = rows(result.stdout)
    assert head == [
        "method", "rep-2", "rep-3", "rep-4", "diversity", "coherence (log p)", "coherence (cosine)", "MAUVE", "words",
        "diversity: difference",
    ]  # fmt: skip
    assert [row[0] for row in found] == ["none", "contrastive_search (penalty_alpha 0.4, top_k 4)", "the authors"]
    assert "2 items of running.txt" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("memotrap", "TRAPS", "--method", "contrastive_search"), "contrastive_search gives tokens no probability"),
        (("memotrap", "TRAPS", "--top-k", "1"), "has to be a parameter of one of none, cad, but is of none"),
        (("memotrap", "TRAPS", "--strength", "1,x"), "has to be a number, but is 'x'"),
        (("memotrap", "TRAPS", "--limit", "-1"), "Invalid value for '--limit'"),
        (("memotrap", "TRAPS", "--shots", "1"), "memotrap has no option --shots"),
        (("pope", "--chat"), "pope has no option --chat"),
        (("alce", "TRAPS", "--method", "cad"), "alce has no option --method"),
        (("degeneration", "TRAPS", "--new-tokens", "x"), "'x' is not a valid integer"),
        (("memotrap", "TRAPS", "--batch-size", "0"), "Invalid value for '--batch-size'"),
        (("riddles", "TRAPS"), "a task has to be one of alce, "),
        (("memotrap",), "--data has to name the folder that holds memotrap/memo-trap_classification.jsonl"),
        (("memotrap", "FOLDER"), "cannot read memotrap: there is no memotrap/memo-trap_classification.jsonl"),
        (("memotrap", "TRAPS", "--json", "no/such/file"), "there is no folder 'no/such'"),
        (("memotrap", "MISSING"), "cannot read memotrap: there is no "),
        (("pope", "MISSING"), "cannot read pope: there is no "),
        (("degeneration", "TRAPS", "--method", "cad"), "but cad compares two"),
        (("degeneration", "TRAPS"), "has to hold a paragraph of 160 tokens"),
        (("--limit", "3", "memotrap"), "No such option"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(arguments: tuple[str, ...], message: str, traps: Path) -> None:
    places = {"TRAPS": traps, "FOLDER": traps.parent, "MISSING": traps.parent / "none.json"}
    spelt = [("--data", places[argument]) if argument in places else (argument,) for argument in arguments]
    result = run(*(part for parts in spelt for part in parts))
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_list_names_every_task_with_its_data() -> None:
    result = CliRunner().invoke(app, ["eval", "list"])
    assert result.exit_code == 0, result.output
    listed = {row[0]: row for row in rows(result.stdout)[2:]}
    assert list(listed) == registry.names()
    assert listed["conflict"][3] == "shipped"
    assert listed["pope"][3] == "drawn"
    assert listed["memotrap"][2:4] == ["none,cad", "memotrap/memo-trap_classification.jsonl"]
    assert listed["alce"][2] == "an entailment model"


@pytest.mark.parametrize("name", registry.names())
def test_the_help_of_a_task_has_its_own_options_and_those_of_every_task(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0, result.output
    shown = set(result.stdout.split())
    assert shown >= SHARED
    own = {f"--{field.replace('_', '-')}" for field in vars(registry.task(name)) if not field.startswith("_")}
    assert own <= shown
    assert ("--chat" in shown) == (registry.task(name).asks.engine == "language")
    assert ("--entailment" in shown) == (registry.task(name).asks.engine in ("judge", "locator"))


def test_the_help_of_the_command_lists_the_tasks() -> None:
    result = run("--help")
    assert result.exit_code == 0, result.output
    assert all(f"  {name} " in result.stdout for name in registry.names())


def test_tasks_side_by_side_leave_out_what_one_of_them_cannot_do_and_draw_the_rest(
    traps: Path, running: Path, tmp_path: Path
) -> None:
    for task, file in (("memotrap/memo-trap_classification.jsonl", traps), ("wikitext2/test.txt", running)):
        (tmp_path / task).parent.mkdir()
        (tmp_path / task).write_text(file.read_text())
    options = ["--method", "none,cad,contrastive_search", "--limit", 3, "--prefix-tokens", 6, "--new-tokens", 8]
    files = {name: tmp_path / name for name in ("out.json", "out.jsonl", "out.png")}
    given = ["--json", files["out.json"], "--samples", files["out.jsonl"], "--plot", files["out.png"]]
    result = run("memotrap", "degeneration", "--data", tmp_path, *options, *given)
    assert result.exit_code == 0, result.output
    assert "Note: left out: contrastive_search gives tokens no probability, by which memotrap chooses." in result.stdout
    assert "Note: left out: cad compares two prompts, and degeneration has one." in result.stdout
    recorded = json.loads(files["out.json"].read_text())
    assert recorded["format"] == "counterfoil.evaluations/2"
    assert [found["task"] for found in recorded["results"]] == ["memotrap", "degeneration"]
    assert recorded["results"][1]["settings"]["new_tokens"] == 8
    assert files["out.png"].read_bytes().startswith(b"\x89PNG")
    lines = files["out.jsonl"].read_text().splitlines()
    assert len(lines) == 12
    again = run("memotrap", "degeneration", "--data", tmp_path, *options, *given)
    assert again.stdout == result.stdout
    assert files["out.jsonl"].read_text().splitlines() == lines, "nothing is asked twice"


FACTS = [
    {"id": str(n), "question": f"w{n}", "passage": f"w{n} w9", "known": [f"w{token}" for token in range(4, 96)]}
    | {"changed": ["nothing"]}
    for n in range(10, 16)
]


class Words:
    name, threshold = "words@1", 0.5

    def judge(self, pairs):
        return [Judgement(float(pair.hypothesis in pair.premise)) for pair in pairs]


def test_a_scorer_is_a_task_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "load_entailment", lambda name, **_: Words())
    answers = [
        {"user_input": "q", "response": "The tower is red [1].", "retrieved_contexts": ["The tower is red."]},
        {"user_input": "q", "response": "The tower is blue [1].", "retrieved_contexts": ["The tower is red."]},
    ]
    file, figures, samples, drawing = (tmp_path / name for name in ("a.jsonl", "f.json", "s.jsonl", "out.png"))
    file.write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    given = ["--data", file, "--json", figures, "--samples", samples, "--plot", drawing]
    result = run("alce", *given)
    assert result.exit_code == 0, result.output
    assert "alce (version 2), 2 items of a.jsonl, words@1" in result.stdout
    (recorded,) = json.loads(figures.read_text())["results"]
    assert recorded["rows"][0]["figures"]["recall"]["value"] == 0.5
    assert recorded["rows"][0]["figures"]["precision"]["value"] == 0.5
    assert [json.loads(line)["response"]["recall"] for line in samples.read_text().splitlines()] == [1.0, 0.0]
    assert drawing.read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(Words, "judge", lambda *_: pytest.fail("what is kept is not judged again"))
    assert run("alce", *given).stdout == result.stdout


def test_an_option_goes_to_the_tasks_that_have_it_and_the_others_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "load_entailment", lambda name, **_: Words())
    file = tmp_path / "facts.jsonl"
    answer = {"response": "w5 [1].", "retrieved_contexts": ["w5."]}
    file.write_text("".join(json.dumps(fact | answer) + "\n" for fact in FACTS))
    result = run("alce", "conflict", "--data", file, "--batch-size", 2, "--new-tokens", 6, "--entailment", "words")
    assert result.exit_code == 0, result.output
    assert "Note: alce has no --batch-size, which was left out." in result.stdout
    assert "Note: conflict has no --entailment, which was left out." in result.stdout
    assert result.stdout.count("which was left out") == 2


def test_a_server_is_asked_the_same_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "facts.jsonl"
    file.write_text("".join(json.dumps(fact) + "\n" for fact in FACTS))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with openai_server(key="secret") as (url, seen):
        arguments = ["conflict", "--data", file, "--new-tokens", 6, "--strength", "1,2"]
        here, there = run(*arguments), run(*arguments, "--endpoint", url, "--api-key", "secret")
        no_key = run(*arguments, "--endpoint", url)
        refused = run("memotrap", "--data", file, "--endpoint", url, "--api-key", "secret")
    assert there.exit_code == 0, there.output
    assert rows(here.stdout) == rows(there.stdout)
    assert len(seen) > 12
    assert (no_key.exit_code, "--api-key has to be a key of" in no_key.stderr) == (2, True)
    assert refused.exit_code == 2


def test_a_file_of_one_s_own_is_a_task_with_its_options_in_its_help() -> None:
    file = Path(__file__).parents[2] / "examples" / "evaluate_method.py"
    shown = run(file, "--help")
    assert shown.exit_code == 0, shown.output
    assert "--new-tokens INTEGER" in shown.stdout
    result = run(file, "--method", "none,cad", "--limit", 4, "--new-tokens", 2)
    assert result.exit_code == 0, result.output
    assert "moved (version 1), 4 items of places" in result.stdout
    assert [row[0] for row in rows(result.stdout)[2:]] == ["none", "cad (strength 0.5)"]


@pytest.mark.parametrize(("name", "taken"), [("strength", False), ("limit", True), ("model", True)])
def test_an_option_of_a_task_goes_before_a_method_s_parameter_and_not_before_what_every_task_has(
    name: str, taken: bool, tmp_path: Path
) -> None:
    example = (Path(__file__).parents[2] / "examples" / "evaluate_method.py").read_text()
    (tmp_path / "own.py").write_text(example.replace("new_tokens", name))
    result = run(tmp_path / "own.py", f"--{name}", 2, "--method", "none,cad")
    assert result.exit_code == (2 if taken else 0), result.output
    if taken:
        assert f"has to call its options otherwise than `{name}`" in result.stderr
    else:
        assert [row[0] for row in rows(result.stdout)][2:] == ["none", "cad (strength 0.5)"]


def test_laquer_runs_with_its_default_methods_and_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the real embedding model
    monkeypatch.setattr(judge, "load_entailment", lambda name, **_: Words())
    file = Path(__file__).parents[2] / "examples" / "laquer.jsonl"
    samples = tmp_path / "samples.jsonl"
    arguments = ["--split", "test", "--limit", 1, "--method", "alignment", "--set", "gap=3", "--samples", samples]
    result = run("laquer", "--data", file, *arguments)
    assert result.exit_code == 0, result.output
    labels = [row[0] for row in rows(result.stdout)[2:]]
    assert labels == ["whole cited documents", "alignment, its own spans", "alignment, checked"]
    assert len(samples.read_text().splitlines()) == 2
    refused = run("laquer", "--data", file, "--set", "gap=3")
    assert (refused.exit_code, "are for a single --method" in refused.stderr) == (2, True)
    lonely = run("laquer", "--data", file, "--method", "alignment", "--scorer-option", "prompt=laquer")
    assert (lonely.exit_code, "--scorer has to name the model" in lonely.stderr) == (2, True)
    unknown = run("laquer", "--data", file, "--method", "guessing")
    assert (unknown.exit_code, "has to be one of hidden_states" in unknown.stderr) == (2, True)


ROOT = Path(__file__).parents[2]
RESULTS = [
    *re.findall(r"\$\(call RUN,(.*),\w+\)", (ROOT / "Makefile").read_text().replace("$(,)", "\0")),
    *re.findall(r"(?m)^    counterfoil eval run (.*)$", (ROOT / "docs" / "results.md").read_text()),
]


@pytest.mark.parametrize("line", RESULTS)
def test_the_commands_of_the_results_name_tasks_and_options(line: str, tmp_path: Path) -> None:
    names = registry.names()
    tasks, *arguments = shlex.split(line.replace("\0", ","))
    command = run_command([tasks])
    given = command.make_context("run", arguments).params
    task = registry.task(tasks)
    if not task.data.startswith(registry.PACKAGED) and task.data:
        file = tmp_path / task.data.replace("*", "Age")
        file.parent.mkdir()
        file.touch()
    chosen = {name: value for name, value in given.items() if value not in (None, ())} | {"data": tmp_path}
    plan = Run([task], chosen).plan(task)
    assert task.name in names
    assert plan.limit == (chosen.get("limit") or task.limit)
    own = not task.data or task.data.startswith(registry.PACKAGED)
    assert bool(plan.notes) == own, "the folder of the data sets is for the others"
