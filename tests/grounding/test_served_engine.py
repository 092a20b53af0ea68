"""The engine behind a server: over real HTTP, and with vLLM's own server the same answer as in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from counterfoil.attribution import Document, Status
from counterfoil.attribution.chat import openai_client
from counterfoil.attribution.retrieval import Passage
from counterfoil.decoding.methods import CAD, CFG, CID, CODE, M3ID, METHODS, WeightedSum, rule_class
from counterfoil.decoding.vllm.contrast_params import parse_contrast
from counterfoil.decoding.vllm.method_descriptions import describe
from counterfoil.grounding import Limits, answer, stream
from counterfoil.grounding.app import Models, Session
from counterfoil.grounding.contrasts import document_methods
from counterfoil.grounding.messages import INSTRUCTION
from counterfoil.grounding.served_engine import ServedEngine, _keys, _Received

from tests.support.scripted_engine import WordsEmbedding, WordsJudge
from tests.support.streaming_server import streaming_server
from tests.support.vllm_server import SMALL, served

TOWER = Document("tower.md", "The tower is 31 m high. It was built in 1874.", "The tower")
FERRY = Document("ferry.md", "The ferry 🚢 carries 96 passengers.")
SHIP = "🚢".encode()
TOKENS = [b"The", b" tower", b" is", b" 31", b" m", b" high", b".", b" The", b" ferry", b" ", SHIP[:2], SHIP[2:],
          b" carries", b" 96", b" passengers", b"."]  # fmt: skip
TEXT = b"".join(TOKENS).decode()


def read_whole(_):
    return [TOWER, FERRY]


def test_the_answer_is_streamed_checked_and_traced():
    with streaming_server(TOKENS) as server:
        streamed = stream("How high?", read_whole, engine=server.url, entailment=WordsJudge())
        first, second = streamed
    assert (first.text, first.status) == ("The tower is 31 m high.", Status.SUPPORTED)
    assert second.citations[0].document == "ferry.md"
    found = streamed.answer
    assert found.text == TEXT
    assert found.settings["Language model"] == "served"
    pieces = [found.text[span.start : span.end] for span in found.trace]
    assert pieces == ["The", " tower", " is", " 31", " m", " high", ".", " The", " ferry", " ", "🚢", " carries",
                      " 96", " passengers", "."]  # fmt: skip
    assert [span.value for span in found.trace][:3] == [0.0, 1.0, 2.0]
    assert [span.value for span in first.trace] == [span.value for span in found.trace[:7]]


def test_the_request_is_the_contrast_of_the_same_question_without_documents():
    with streaming_server(TOKENS) as server:
        answer("How high?", read_whole, engine=server.url, entailment=WordsJudge(), strength=0.7, max_new_tokens=30)
    body = server.bodies[-1]
    keys = body["vllm_xargs"]
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("served", 0.0, 30)
    assert body["messages"][0] == {"role": "system", "content": INSTRUCTION}
    assert body["messages"][1]["content"].endswith("passengers.\n\nQuestion: How high?")
    assert json.loads(keys.pop("cf_contrast_messages"))[1]["content"] == "Question: How high?"
    assert keys == {"cf_method": "cad", "cf_strength": 0.7, "cf_trace": True}


def test_every_method_sends_its_parameters_by_their_names():
    for method, expected in (
        (CFG(guidance_scale=2.5), {"cf_method": "cfg", "cf_guidance_scale": 2.5}),
        (CID(rule="log_ratio"),
         {"cf_method": "cid", "cf_strength": 50.0, "cf_rule": "log_ratio", "cf_plausibility": 0.1}),
        (CODE(k=0.7), {"cf_method": "code", "cf_k": 0.7}),
        (WeightedSum(weights=(-1,)),
         {"cf_method": "weighted_sum", "cf_weights": [-1.0], "cf_main_weight": 1.5, "cf_plausibility": 0.1}),
    ):  # fmt: skip
        keys = _keys(method, [{"role": "user", "content": "How?"}])
        assert json.loads(keys.pop("cf_contrast_messages")) == [{"role": "user", "content": "How?"}]
        assert keys == expected
        assert parse_contrast({**keys, "cf_contrast_ids": [1, 2]}).method == method
    with pytest.raises(ValueError, match=r"`max_weight` of m3id has to be left at 10\.0 where a server decodes"):
        _keys(M3ID(max_weight=None), [])


def test_a_server_says_which_methods_it_serves():
    with streaming_server(TOKENS) as server:
        engine = ServedEngine(server.url)
        assert engine.methods() == (CAD,)
        asked = len(server.bodies)
        assert engine.methods() == (CAD,)
        assert len(server.bodies) == asked, "it is asked once"
        assert all(body["max_tokens"] == 1 for body in server.bodies)
    with streaming_server(TOKENS, plug_in=False) as server:
        assert ServedEngine(server.url).methods() == ()
        assert len(server.bodies) == 1
        gone = ServedEngine(server.url)
        gone._client = openai_client("http://127.0.0.1:9/v1", None)
    with pytest.raises(ValueError, match="gave no answer"):
        gone.methods()


def test_a_rule_that_only_the_server_has_is_offered_as_it_is_described():
    def halved(main, contrasts, params):
        """Half of the contrast."""

    described = describe([rule_class(halved, "tests_halved", contrasts=1, parameters={"strength": 2.0})])
    two = describe([rule_class(halved, "tests_of_two", contrasts=2, parameters={})])
    with streaming_server(TOKENS) as server:
        server.rules = [*describe(METHODS.values()), *described, *two]
        engine = ServedEngine(server.url)
        assert [method.name for method in engine.methods()] == [*document_methods(), "tests_halved"]
        (halved_there,) = engine.methods()[len(document_methods()) :]
        assert (halved_there.title, halved_there.summary) == ("tests_halved", "Half of the contrast.")
        found = answer("How high?", read_whole, engine=engine, entailment=WordsJudge(), method=halved_there(strength=3))
        assert found.text == TEXT
        keys = server.bodies[-1]["vllm_xargs"]
        assert (keys["cf_method"], keys["cf_strength"]) == ("tests_halved", 3.0)
        models = Models(engine, WordsJudge(), WordsEmbedding())
        session = Session([TOWER, FERRY], models)
        assert [method["name"] for method in session.state()["methods"]][-2:] == ["tests_halved", "none"]
        events = []
        session.ask("How high?", [{"method": "tests_halved", "parameters": {"strength": 0.5}}], events.append)
        assert events[-1]["case"]["answers"][0]["label"] == "tests_halved, strength 0.5"
        assert server.bodies[-1]["vllm_xargs"]["cf_strength"] == 0.5
        server.rules = []  # as a server of another make
        assert ServedEngine(server.url).methods() == (CAD,)


def test_plain_decoding_sends_no_keys_and_needs_no_plug_in():
    with streaming_server(TOKENS, plug_in=False) as server:
        found = answer("How?", read_whole, engine=server.url, entailment=WordsJudge(), method="none")
        assert (found.text, found.trace) == ("Plain it is.", ())
        assert "vllm_xargs" not in server.bodies[-1]
        with pytest.raises(ValueError, match=r"does not know cf_method; start it with `counterfoil serve`"):
            answer("How?", read_whole, engine=server.url, entailment=WordsJudge())


def test_enough_sentences_end_the_request_and_so_does_who_gives_up():
    with streaming_server(TOKENS) as server:
        server.endless = True
        engine = ServedEngine(server.url)
        prompt = engine.prompt("How?", [Passage(TOWER, 0, 45)], 30)
        found = engine.generate(prompt, method=CAD(strength=0.5), limits=Limits(30, 1))
        assert (found.text, found.unfinished) == ("The tower is 31 m high.", False)
        assert server.left.wait(20)
        server.left.clear()
        with stream("How high?", read_whole, engine=engine, entailment=WordsJudge()) as streamed:
            next(streamed)
        assert server.left.wait(20)


def test_an_answer_that_ran_out_of_tokens_is_cut_behind_a_sentence():
    with streaming_server(TOKENS) as server:
        engine = ServedEngine(server.url)
        prompt = engine.prompt("How?", [Passage(TOWER, 0, 45)], 12)
        found = engine.generate(prompt, method=CAD(strength=0.5), limits=Limits(12, 3))
    assert (found.text, found.n_tokens, found.unfinished) == ("The tower is 31 m high.", 12, True)


def test_passages_that_do_not_fit_are_dropped_if_the_server_counts_tokens():
    passages = [Passage(TOWER, 0, 45), Passage(FERRY, 0, len(FERRY.text))]
    n_words = len(INSTRUCTION.split()) + len(TOWER.text.split()) + 2
    with streaming_server(TOKENS, longest=n_words + 30) as server:
        engine = ServedEngine(server.url)
        prompt = engine.prompt("How?", passages, 30)
        assert (prompt.passages, prompt.dropped) == ((passages[0],), (passages[1],))
        with pytest.raises(ValueError, match=r"do not fit the context of served.* lower `max_new_tokens`"):
            engine.prompt("How?", passages, 31)
    with streaming_server(TOKENS) as server:
        assert ServedEngine(server.url).prompt("How?", passages, 10**6).dropped == ()


def test_tokens_without_their_leading_space_are_found_all_the_same():
    received = _Received()
    received.text, received._tokens = "It is so.", [b"It", b"is", b"so", b".", b"<|im_end|>"]
    assert received.ends == [2, 5, 8, 9]


def test_servers_that_cannot_be_asked_are_named():
    with pytest.raises(ValueError, match="`endpoint` has to be a server that answers"):
        ServedEngine("http://127.0.0.1:9/v1")
    with (
        streaming_server(TOKENS, key="secret") as server,
        pytest.raises(ValueError, match="`api_key` has to be a key of"),
    ):
        ServedEngine(server.url, api_key="guess")


@pytest.mark.engine
@pytest.mark.timeout(600)
def test_vllm_answers_as_the_model_in_this_process():
    pytest.importorskip("vllm")
    examples = Path(__file__).parents[2] / "examples" / "documents"
    document = Document("lighthouse", (examples / "lighthouse.md").read_text(encoding="utf-8"))
    question = "When was the lighthouse at Morrow Point built, and by whom?"

    def retriever(_):
        return [Passage(document, 0, 600)]

    here = answer(question, retriever, compare=True, max_sentences=1, entailment=WordsJudge())
    others = {name: kind() for name, kind in document_methods().items() if name != "cad"}
    ours = {
        name: answer(question, retriever, method=method, max_new_tokens=12, entailment=WordsJudge())
        for name, method in others.items()
    }
    with served(SMALL, rules=["tests.support.served_rules:served"]) as server:
        engine = ServedEngine(f"{server.url}/v1")
        there = answer(question, retriever, compare=True, max_sentences=1, entailment=WordsJudge(), engine=engine)
        rule = next(method for method in engine.methods() if method.name == "tests_served")  # CAD's, by another name
        own = [method for method in engine.methods() if not method.name.startswith("tests_")]  # its module has others
        assert set(own) == set(document_methods().values())
        cad = answer(
            question, retriever, method=rule(strength=0.5), max_sentences=1, entailment=WordsJudge(), engine=engine
        )
        assert (cad.text, cad.answers[0].record.label) == (here.text, "tests_served, strength 0.5")
        for name, method in others.items():
            found = answer(
                question, retriever, method=method, max_new_tokens=12, entailment=WordsJudge(), engine=engine
            )
            assert found.text == ours[name].text
            assert [s.value for s in found.trace] == pytest.approx([s.value for s in ours[name].trace], abs=1e-3)
    assert [c.record.text for c in there.answers] == [c.record.text for c in here.answers]
    assert [(s.start, s.end) for s in there.trace] == [(s.start, s.end) for s in here.trace]
    assert [s.value for s in there.trace] == pytest.approx([s.value for s in here.trace], abs=1e-3)
