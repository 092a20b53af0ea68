"""`counterfoil serve` up to the point where vLLM takes over; then see tests/decoding/vllm/server/test_serving.py."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from counterfoil.cli import serve as serving
from counterfoil.cli.app import app
from counterfoil.decoding.methods import METHODS
from counterfoil.decoding.methods.table import MethodTable
from counterfoil.grounding.served.judge_settings import JudgeSettings

SCHEDULER = "counterfoil.decoding.vllm.engine.scheduler.pair_scheduler"
PROCESSOR = "counterfoil.decoding.vllm.worker.logits_processor:PairLogitsProcessor"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What reaches vLLM's command: its arguments, once it was called."""
    serve = pytest.importorskip("vllm.entrypoints.cli.serve", reason="the command line is vLLM's")
    called: list[Any] = []
    monkeypatch.setattr(serve.ServeSubcommand, "cmd", staticmethod(called.append))
    monkeypatch.setenv("VLLM_WORKER_MULTIPROC_METHOD", "spawn")  # as vLLM's own command sets it, for good
    return called


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["serve", *arguments])


def test_options_are_vllms_and_the_plug_in_is_added(command: list[Any]) -> None:
    outcome = run(".", "--port", "1234", "--middleware", "a.B", "--logits-processors", "c:D", "-tp", "2")
    assert outcome.exit_code == 0, (outcome.output, outcome.exception)
    (arguments,) = command
    assert (arguments.model_tag, arguments.port, arguments.tensor_parallel_size) == (".", 1234, 2)
    assert arguments.middleware == ["a.B", serving.MIDDLEWARE]
    assert arguments.scheduler_cls == SCHEDULER
    assert arguments.logits_processors == ["c:D", PROCESSOR]


def test_help_on_vllms_options_is_vllms(monkeypatch: pytest.MonkeyPatch) -> None:
    passed_on: list[Any] = []
    monkeypatch.setattr(serving, "serve_model", lambda *arguments: passed_on.append(arguments))
    assert run(".", "--help=all", "--amateur", "b").exit_code == 0
    assert passed_on == [(".", ["--help=all"], "b", None)]
    assert "Serve a model to OpenAI clients" in run("--help").output


def test_without_a_model_it_is_the_packaged_one_under_its_names(command: list[Any]) -> None:
    for arguments in ([], ["--port", "1"], ["smollm2"]):
        assert run(*arguments).exit_code == 0
    for arguments in command:
        assert arguments.served_model_name == ["HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2"]


def test_another_scheduler_is_refused(command: list[Any]) -> None:
    outcome = run(".", "--scheduler-cls", "a.B")
    assert outcome.exit_code == 2
    assert "--scheduler-cls has to be left to counterfoil, but is a.B" in outcome.stderr
    assert not command


def test_contrastive_search_is_switched_on(command: list[Any]) -> None:
    from counterfoil.decoding.vllm.engine_limits import SearchLimits  # noqa: PLC0415
    from counterfoil.decoding.vllm.search.config import PROCESSOR as SEARCH_PROCESSOR  # noqa: PLC0415

    overrides = ("--hf-overrides", '{"rope_theta": 5}')
    outcome = run(".", "--contrastive-search", "--largest-top-k", "5", *overrides)
    assert outcome.exit_code == 0, (outcome.output, outcome.exception)
    (arguments,) = command
    assert arguments.logits_processors == [PROCESSOR, SEARCH_PROCESSOR]
    assert arguments.hf_overrides.limits == SearchLimits(16, 5)
    assert arguments.hf_overrides.given == {"rope_theta": 5}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--largest-top-k", "5"), "--largest-top-k has to go with --contrastive-search"),
        (
            ("--contrastive-search", "--search-requests", "0"),
            "--search-requests has to be an integer of at least 1, but is 0",
        ),
        (("--contrastive-search", "--amateur", "b"), "--amateur names a second one"),
    ],
)
def test_contrastive_search_that_cannot_be_switched_on(
    command: list[Any], options: tuple[str, ...], message: str
) -> None:
    outcome = run(".", *options)
    assert outcome.exit_code == 2
    assert message in outcome.stderr
    assert not command


def test_early_exits_are_switched_on(command: list[Any]) -> None:
    outcome = run(".", "--early-exits", "15,10", "--hf-overrides", '{"rope_theta": 5}')
    assert outcome.exit_code == 0, (outcome.output, outcome.exception)
    (arguments,) = command
    assert arguments.logits_processors == [PROCESSOR]
    assert (arguments.hf_overrides.value, arguments.hf_overrides.given) == ([10, 15], {"rope_theta": 5})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--early-exits", "high"), "--early-exits has to be layers with commas between them, but is 'high'"),
        (("--early-exits", "0"), "--early-exits has to be an integer of at least 1, but is 0"),
        (("--early-exits", "3,3"), "--early-exits has to be a layer, or a list of different layers"),
        (("--early-exits", "3", "--amateur", "b"), "--early-exits has to be served by one model"),
        (("--early-exits", "3", "--contrastive-search"), "--early-exits has to be left out with contrastive search"),
    ],
)
def test_early_exits_that_cannot_be_switched_on(command: list[Any], options: tuple[str, ...], message: str) -> None:
    outcome = run(".", *options)
    assert outcome.exit_code == 2
    assert message in outcome.stderr
    assert not command


def test_citations_are_switched_on_behind_contrasts(command: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    judges: list[JudgeSettings | None] = []
    switch_on = serving.switch_on
    monkeypatch.setattr(
        serving,
        "switch_on",
        lambda *given: (
            judges.append(JudgeSettings.told() if serving.JUDGE in os.environ else None) or switch_on(*given)
        ),
    )
    chosen = ["--judge", "nli:some/model", "--judge-threads", "3", "--judge-nice", "0", "--judge-patience", "2.5"]
    for options in (["--cite"], ["--cite", *chosen], []):
        assert run(".", *options).exit_code == 0
    cited = [serving.MIDDLEWARE, serving.CITATION_MIDDLEWARE]
    assert [arguments.middleware for arguments in command] == [cited, cited, [serving.MIDDLEWARE]]
    assert judges == [JudgeSettings(), JudgeSettings("nli:some/model", 3, 0, 2.5), None]


def test_the_names_are_those_of_the_middleware() -> None:
    pytest.importorskip("starlette", reason="a server brings it")
    from counterfoil.grounding.served import judge_settings, middleware  # noqa: PLC0415

    assert judge_settings.JUDGE == serving.JUDGE
    assert f"{middleware.__name__}.{middleware.CitationMiddleware.__name__}" == serving.CITATION_MIDDLEWARE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--judge", "nli"), "--judge has to go with --cite"),
        (("--judge-nice", "3"), "--judge-nice has to go with --cite"),
        (("--cite", "--judge", "solomon"), "--judge has to be one of local, true, trueteacher, "),
        (("--cite", "--judge-threads", "0"), "`--judge-threads` has to be an integer of at least 1, but is 0"),
        (("--cite", "--judge-nice", "20"), "`--judge-nice` has to be from 0 to 19, but is 20"),
        (("--cite", "--judge-patience", "0"), "`--judge-patience` has to be a number of seconds above 0, but is 0"),
    ],
)
def test_citations_that_cannot_be_switched_on(command: list[Any], options: tuple[str, ...], message: str) -> None:
    outcome = run(".", *options)
    assert outcome.exit_code == 2
    assert message in outcome.stderr
    assert not command


def test_switched_off_it_only_refuses(command: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFOIL_DISABLE", "1")
    assert run(".").exit_code == 0
    assert command[0].middleware == [serving.MIDDLEWARE]
    assert not command[0].logits_processors
    assert command[0].scheduler_cls is None


def test_a_failed_self_test_is_an_error(command: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from counterfoil.decoding.vllm.server import self_test as selftest  # noqa: PLC0415

    monkeypatch.setattr(selftest, "failures", ["the rule makes it 7"])
    outcome = run(".")
    assert outcome.exit_code == 2
    assert "the rule makes it 7" in outcome.stderr


@pytest.mark.usefixtures("command")
def test_several_processes_count_in_one_folder_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(serving.METRICS, raising=False)
    seen: list[str] = []
    monkeypatch.setattr(serving, "switch_on", lambda *_: seen.append(os.environ[serving.METRICS]))
    assert run(".").exit_code == 0
    assert not os.path.exists(seen[0])
    assert serving.METRICS not in os.environ


def test_merging_keeps_what_is_given() -> None:
    arguments = Namespace(middleware=[], hf_overrides={"a": 1}, logits_processors=None)
    assert serving.merged("hf_overrides", arguments.hf_overrides, {"b": 2}) == {"a": 1, "b": 2}
    assert serving.merged("logits_processors", None, ["x"]) == ["x"]


RULES = "tests.support.served_rules"


@pytest.fixture
def table() -> Iterator[MethodTable]:
    """The table of methods, without a test's rules afterwards."""
    yield METHODS
    for name in [name for name in METHODS._methods if name.startswith("tests_")]:
        del METHODS._methods[name]


def test_rules_are_known_to_all_processes_while_the_server_runs(
    table: MethodTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def started(*_: object) -> None:
        folder = os.environ["PYTHONPATH"].split(os.pathsep)[0]
        seen.append((os.environ["COUNTERFOIL_RULES"], folder, table["tests_served"].name))

    monkeypatch.setattr(serving, "serve_model", started)
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert run(".", "--rule", f"{RULES}:served", "--rule", f"{RULES}:careless").exit_code == 0
    assert seen == [(f"{RULES}:served,{RULES}:careless", os.getcwd(), "tests_served")]
    assert "COUNTERFOIL_RULES" not in os.environ
    assert os.environ["PYTHONPATH"] == "/elsewhere"


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nothing", "a rule has to be named as package.module:name, but is 'nothing'"),
        ("no_such_module:rule", "has to be there to be loaded, but: No module named 'no_such_module'"),
        (f"{RULES}:resurrecting", "the rule `tests_resurrecting` has to keep -inf where the main view has it"),
        (f"{RULES}:Layers", "has to compare with other prompts to be served, but does not"),
    ],
)
def test_a_rule_that_cannot_be_served_is_refused_before_anything_starts(
    place: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "serve_model", lambda *_: pytest.fail("started"))
    outcome = run(".", "--rule", place)
    assert outcome.exit_code == 2
    assert message in outcome.stderr
