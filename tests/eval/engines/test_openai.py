"""The same tasks through a server: the answers of the model in process, and what a server cannot do, by name."""

from __future__ import annotations

import json

import pytest
from counterfoil.decoding.by_name import Decoding
from counterfoil.eval.engines.local import LocalEngine
from counterfoil.eval.engines.openai import OpenAIEngine
from counterfoil.eval.requests import Generation
from counterfoil.eval.tasks import memotrap

from tests.support.openai_server import openai_server
from tests.support.tasks import LINES, Continue, evaluated
from tests.support.tiny_language import tiny_language

METHODS = [
    Decoding("none"),
    Decoding("cad", {"strength": 2.0}),
    Decoding("cid", {"strength": 6.0}),
    Decoding("contrastive_decoding", {"cut_context": 1, "strength": 1.5}),
    Decoding("contrastive_search", {"top_k": 3}),
]
REQUESTS = [Generation(f"w{n} w{n + 1} w{n + 2}", 6, contrast=f"w{n + 2}", stop=("w9",)) for n in range(5, 15)]


@pytest.mark.parametrize("decoding", METHODS, ids=lambda decoding: decoding.method)
@pytest.mark.parametrize("chat", [False, True], ids=["completions", "chat"])
def test_a_server_answers_as_the_model_in_process(decoding: Decoding, chat: bool) -> None:
    (expected,) = LocalEngine(tiny_language()).answer([decoding], REQUESTS)
    with openai_server() as (url, seen):
        engine = OpenAIEngine(url, at_once=3, chat=chat)
        assert engine.refuses(Continue(), decoding) is None
        del seen[:]  # a server is asked whether it searches
        (found,) = engine.answer([decoding], REQUESTS)
    assert found == expected
    assert len(seen) == len(REQUESTS)
    assert all(("messages" in body) is chat for body in seen)


def test_a_task_is_the_same_file_for_either_engine() -> None:
    methods = [*METHODS[:2], Decoding("dola")]
    here = evaluated(Continue(), LINES, methods[:2], limit=4)
    with openai_server() as (url, _):
        there = evaluated(Continue(), LINES, methods, limit=4, engine=OpenAIEngine(url))
    assert there.table() == here.table()
    assert there.settings["engine"] == "openai"
    assert there.notes == (
        "left out: dola cannot be served, only none, cad, cfg, cid, contrastive_decoding, contrastive_search; leave "
        "--endpoint out.",
    )


def test_a_server_without_the_plug_in_is_found_out_before_it_answers_plainly() -> None:
    with openai_server(plug_in=False) as (url, seen):
        engine = OpenAIEngine(url)
        reason = engine.refuses(Continue(), METHODS[1])
        assert reason is not None
        assert "does not know cf_method; start it with `counterfoil serve`" in reason
        assert engine.refuses(Continue(), METHODS[0]) is None
        engine.refuses(Continue(), METHODS[2])
    assert len(seen) == 1, "asked once"
    assert json.loads(json.dumps(seen[0]["vllm_xargs"])) == {"cf_method": "counterfoil-probe"}


@pytest.mark.parametrize(
    ("task", "decoding", "reason"),
    [
        (memotrap.TASK, Decoding("none"), "gives no contrastive log-probabilities of given texts"),
        (Continue(), Decoding("contrastive_search"), "serves no contrastive_search; start it with `counterfoil serve"),
        (Continue(), Decoding("contrastive_decoding", {"early_exit": 1}), "`early_exit` is chosen when a server is"),
    ],
)
def test_what_a_server_cannot_do_is_said_by_name(task, decoding: Decoding, reason: str) -> None:
    with openai_server(searches=False) as (url, _):
        assert reason in (OpenAIEngine(url).refuses(task, decoding) or "")


def test_an_address_without_a_server_and_a_choice_of_models_are_named() -> None:
    with pytest.raises(ValueError, match=r"has to be a server that answers, but http://127\.0\.0\.1:9/v1 does"):
        OpenAIEngine("http://127.0.0.1:9/v1")
    with openai_server(models=("one", "two")) as (url, _):
        with pytest.raises(ValueError, match=r"`model` has to be given: .* serves one, two"):
            OpenAIEngine(url)
        assert OpenAIEngine(url, "two").name == "two"


def test_a_tokenizer_that_is_not_there_is_named() -> None:
    with (
        openai_server() as (url, _),
        pytest.raises(ValueError, match="Name one with --tokenizer"),
    ):
        OpenAIEngine(url).load_tokenizer()


def test_two_names_of_one_model_are_no_choice_and_its_short_name_has_a_tokenizer() -> None:
    """`counterfoil serve smollm2` answers to the hub id as well."""
    with openai_server(models=("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2"), root="/models/smollm2") as (url, _):
        engine = OpenAIEngine(url)
    assert engine.name == "smollm2"
    assert engine.load_tokenizer()("Hello there")["input_ids"]


def test_a_key_is_sent_and_one_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    (expected,) = LocalEngine(tiny_language()).answer([METHODS[0]], REQUESTS[:2])
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with openai_server(key="secret") as (url, _):
        with pytest.raises(ValueError, match=r"`api_key` has to be a key of http.*, or OPENAI_API_KEY has to be set"):
            OpenAIEngine(url)
        for chat in (False, True):
            assert OpenAIEngine(url, chat=chat, api_key="secret").answer([METHODS[0]], REQUESTS[:2]) == [expected]
        monkeypatch.setenv("OPENAI_API_KEY", "secret")
        assert OpenAIEngine(url).answer([METHODS[0]], REQUESTS[:2]) == [expected]


def test_a_model_that_rejects_max_tokens_answers_as_a_user_asks() -> None:
    """OpenAI's reasoning models do, and a temperature as well."""
    (expected,) = LocalEngine(tiny_language()).answer([METHODS[0]], REQUESTS[:2])
    with openai_server(rejects=("max_tokens", "temperature")) as (url, _), pytest.warns(UserWarning, match="rejects"):
        assert OpenAIEngine(url, chat=True).answer([METHODS[0]], REQUESTS[:2]) == [expected]
