"""A chat model that rewrites words of an answer, behind a real HTTP server."""

from __future__ import annotations

import json

import pytest
from counterfoil.attribution.locating.decontextualization.chat import ChatDecontextualizer

ANSWER = "It has 142 steps [1]. It is made of glass."


def test_a_chat_model_makes_the_claim(server):
    server.replies = [json.dumps({"claim": "The tower has 142 steps."})]
    chat = ChatDecontextualizer("m", base_url=server.url)
    found = chat.decontextualize(ANSWER, [(0, 16)], "What about the tower?")
    assert (found.text, found.words, found.note) == ("The tower has 142 steps.", "It has 142 steps", "")
    assert found.resolutions[0].found_in == "model"
    data = json.loads(server.bodies[0]["messages"][1]["content"])
    assert data == {"QUESTION": "What about the tower?", "ANSWER": ANSWER, "WORDS": "It has 142 steps"}


@pytest.mark.parametrize("reply", ["no JSON", json.dumps({"claim": ""}), json.dumps({"claim": "long " * 200}), "[1]"])
def test_if_its_reply_cannot_be_used_the_rules_make_it(server, reply):
    server.replies = [reply]
    chat = ChatDecontextualizer("m", base_url=server.url)
    found = chat.decontextualize(ANSWER, [(0, 16)], "How high is the tower?")
    assert found.text == "The tower has 142 steps."
    assert "decontextualized by rules" in found.note
