from __future__ import annotations

import click
import pytest
from click.testing import CliRunner
from counterfoil.cli.app import app
from counterfoil.cli.errors import command_errors, usage_errors, with_option_names


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ValueError("two\nlines"), 2, "counterfoil: error: two lines\n"),
        (FileNotFoundError(2, "No such file", "x"), 2, "counterfoil: error: [Errno 2] No such file: 'x'\n"),
        (ImportError("install it"), 2, "counterfoil: error: install it\n"),
        (ValueError("`top_k` has to be 1"), 2, "counterfoil: error: --top-k has to be 1\n"),
        (RuntimeError("boom"), 1, "counterfoil: unexpected RuntimeError: boom (run again with --debug"),
    ],
)
def test_an_error_is_one_line_and_a_code(capsys, error, code, words):
    options = {"top_k": "--top-k"}
    with pytest.raises(SystemExit) as left, command_errors(options):
        raise error
    assert left.value.code == code
    assert capsys.readouterr().err.startswith(words)
    with pytest.raises(type(error)), command_errors(options, debug=True):
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_is_one_line(capsys, error):
    with pytest.raises(SystemExit) as left, usage_errors(), command_errors({}):
        raise error
    assert left.value.code == 130
    assert capsys.readouterr().err == "counterfoil: interrupted; no file was left half-written\n"


def test_names_that_are_no_options_stay():
    assert with_option_names("`layer` and `model` and `x`", {"layer": "--set layer", "model": "--model"}) == (
        "--set layer and --model and `x`"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("score",), "Missing argument 'FILE...'"),
        (("score", "x", "--nonsense"), "No such option"),
        (("nonsense",), "No such command 'nonsense'"),
        (("generate",), "Missing option '--method'"),
    ],
)
def test_what_is_wrong_with_a_command_line_is_one_line_that_names_the_help(arguments, words):
    result = CliRunner().invoke(app, arguments, prog_name="counterfoil")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("counterfoil: error: ")
    assert words in result.stderr
    assert "--help)" in result.stderr
    assert result.stderr.count("\n") == 1
