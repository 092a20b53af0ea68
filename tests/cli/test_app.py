"""The command group: what its help says, what that costs, and what every command has."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version

import click
import pytest
from click.testing import CliRunner
from counterfoil.cli.app import COMMANDS, ELSEWHERE, app

HEAVY = {"torch", "transformers", "sentence_transformers", "vllm", "numpy", "scipy", "pydantic", "rich", "typer"}


def command(name: str) -> click.Command:
    found = app.get_command(click.Context(app), name)
    assert found is not None
    return found


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))\n"
        f"sys.argv = ['counterfoil', *{arguments!r}]\n"
        "from counterfoil.cli import main\n"
        "main()"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "80", **environment},
    )


def imported(outcome: subprocess.CompletedProcess[str]) -> set[str]:
    return set(outcome.stderr.split())


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_every_command_with_its_whole_summary_and_imports_none(flag: str) -> None:
    outcome = run(flag)
    assert outcome.returncode == 0
    text = " ".join(outcome.stdout.split())
    for name, summary in COMMANDS.items():
        assert f"{name} {summary}" in text
    modules = imported(outcome)
    assert not {name.split(".")[0] for name in modules} & HEAVY
    assert not {f"counterfoil.cli.{ELSEWHERE.get(name, name)}" for name in COMMANDS} & modules


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_waits_for_no_model_library(name: str) -> None:
    outcome = run(name, "--help")
    assert outcome.returncode == 0, outcome.stderr
    assert not {module.split(".")[0] for module in imported(outcome)} & {"torch", "transformers", "vllm"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_is_that_of_the_command(name: str) -> None:
    found = command(name)
    assert found.name == name
    assert str(found.help).split("\n\n")[0].replace("\n", " ") == COMMANDS[name]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "eval"])
def test_metavars_are_words_that_a_reader_knows(name: str) -> None:
    found = command(name)
    context = click.Context(found, info_name=name)
    for parameter in found.params:
        shown = parameter.make_metavar(context)
        assert "RANGE" not in shown, parameter.name
        assert "<" not in shown, parameter.name
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def test_the_version_is_the_packages() -> None:
    result = CliRunner().invoke(app, ["--version"], prog_name="counterfoil")
    assert (result.exit_code, result.output) == (0, f"counterfoil {version('counterfoil')}\n")


def test_without_a_command_it_shows_the_help() -> None:
    result = CliRunner().invoke(app, [], prog_name="counterfoil")
    assert result.exit_code == 2
    assert "Commands:" in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completion(shell: str) -> None:
    script = run(_COUNTERFOIL_COMPLETE=f"{shell}_source")
    assert "_COUNTERFOIL_COMPLETE" in script.stdout
    completed = run(_COUNTERFOIL_COMPLETE=f"{shell}_complete", COMP_WORDS="counterfoil sc", COMP_CWORD="1")
    if shell != "fish":
        assert "score" in completed.stdout
