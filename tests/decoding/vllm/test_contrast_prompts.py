"""Texts to two views of one conversation or one prompt."""

from __future__ import annotations

import json
from typing import Any

import pytest
from counterfoil.decoding.vllm.contrast_prompts import both_conversations, both_prompts, each_contrast
from hypothesis import given, settings
from hypothesis import strategies as st

QUESTION = "Who built it?"
CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello."},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": QUESTION},
]

texts = st.text(min_size=1)
roles = st.sampled_from(["system", "user", "assistant"])
chats = st.lists(st.fixed_dictionaries({"role": roles, "content": texts}), min_size=1).filter(
    lambda chat: any(message["role"] == "user" for message in chat)
)


@settings(deadline=None)
@given(chats, st.lists(texts, min_size=1))
def test_documents_are_all_that_the_two_conversations_differ_in(chat: list[Any], documents: list[str]) -> None:
    main, other = both_conversations(chat, {"cf_documents": documents})

    assert other == chat
    changed = [(new, old) for new, old in zip(main, chat, strict=True) if new != old]
    ((new, old),) = changed
    assert old is [message for message in chat if message["role"] == "user"][-1]
    assert new == {**old, "content": "\n\n".join([*documents, old["content"]])}


IMAGE = {"type": "image_url", "image_url": {"url": "data:..."}}


def part(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


@pytest.mark.parametrize(
    ("content", "with_documents"),
    [
        ([part(QUESTION)], [part("A.\n\nB.\n\nWho built it?")]),
        ([IMAGE, part(QUESTION)], [IMAGE, part("A.\n\nB.\n\nWho built it?")]),
        ([part("Look."), IMAGE, part(QUESTION)], [part("A.\n\nB.\n\nLook."), IMAGE, part(QUESTION)]),
        ([part(""), part(QUESTION)], [part(""), part("A.\n\nB.\n\nWho built it?")]),
        ([QUESTION], ["A.\n\nB.\n\nWho built it?"]),
        ([IMAGE], [part("A.\n\nB."), IMAGE]),
        ([], [part("A.\n\nB.")]),
    ],
)
def test_documents_go_into_the_first_text_of_a_message(content: list[Any], with_documents: list[Any]) -> None:
    chat = [{"role": "user", "content": content}]
    assert both_conversations(chat, {"cf_documents": ["A.", "B."]}) == (
        [{"role": "user", "content": with_documents}],
        chat,
    )


@settings(deadline=None)
@given(st.lists(texts, min_size=1), texts)
def test_content_as_text_or_as_a_part_makes_one_prompt(documents: list[str], question: str) -> None:
    (text,), _ = both_conversations([{"role": "user", "content": question}], {"cf_documents": documents})
    (parts,), _ = both_conversations([{"role": "user", "content": [part(question)]}], {"cf_documents": documents})
    assert parts["content"] == [part(text["content"])]


def test_a_contrast_prompt_is_what_the_user_says_last() -> None:
    main, other = both_conversations(CHAT, {"cf_contrast_prompt": "Who?"})
    assert main == CHAT
    assert other == [*CHAT[:-1], {"role": "user", "content": "Who?"}]


def test_contrast_messages_are_the_other_conversation() -> None:
    others = [{"role": "user", "content": "Who?"}]
    assert both_conversations(CHAT, {"cf_contrast_messages": json.dumps(others)}) == (CHAT, others)


def test_a_prompt_has_documents_or_another_one_beside_it() -> None:
    assert both_prompts("Q", {"cf_documents": ["A", "B"]}) == ("A\n\nB\n\nQ", "Q")
    assert both_prompts(["Q", "R"], {"cf_contrast_prompt": "S"}) == (["Q", "R"], "S")
    assert both_prompts("Q", {"cf_contrast_ids": [1, 2]}) == ("Q", None)
    assert both_conversations(CHAT, {"cf_contrast_ids": [1, 2]}) == (CHAT, None)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"cf_documents": []}, "`cf_documents` has to be a list of texts"),
        ({"cf_documents": "A"}, "`cf_documents` has to be a list of texts"),
        ({"cf_documents": ["A", 3]}, "`cf_documents` has to be a text"),
        ({"cf_documents": [""]}, "`cf_documents` has to be a text"),
        ({"cf_contrast_prompt": ""}, "`cf_contrast_prompt` has to be a text"),
        ({"cf_contrast_prompt": 3}, "`cf_contrast_prompt` has to be a text"),
        ({"cf_contrast_messages": "[{"}, "as JSON text, but: "),
        ({"cf_contrast_messages": [1]}, "as JSON text, but is"),
        ({"cf_contrast_messages": "[]"}, "`cf_contrast_messages` has to be a list of messages"),
        ({"cf_contrast_messages": '["a"]'}, "`cf_contrast_messages` has to be a list of messages"),
        ({"cf_contrast_messages": "[" * 10**6}, "nests too deep|as JSON text"),
        ({"cf_documents": ["A"], "cf_contrast_prompt": "B"}, "only contrast, but cf_contrast_prompt and cf_documents"),
        ({"cf_documents": ["A"], "cf_contrast_ids": [1, 2]}, "only contrast, but cf_documents and cf_contrast_ids"),
    ],
)
def test_a_text_that_is_none_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        both_conversations(CHAT, keys)


def test_several_contrasts_are_each_the_only_one_in_turn() -> None:
    one = {"cf_method": "cad", "cf_contrast_prompt": "A"}
    assert each_contrast(one) == [one]
    assert each_contrast({**one, "cf_contrast_prompt": ["A", "B"]}) == [one, {**one, "cf_contrast_prompt": "B"}]
    conversations = [[{"role": "user", "content": text}] for text in "AB"]
    keys = {"cf_contrast_messages": json.dumps(conversations)}
    assert each_contrast(keys) == [{"cf_contrast_messages": json.dumps(one)} for one in conversations]
    single = {"cf_contrast_messages": json.dumps(conversations[0])}
    assert each_contrast(single) == [single]
    assert each_contrast({"cf_contrast_ids": [1, 2]}) == [{"cf_contrast_ids": [1, 2]}]
    with pytest.raises(ValueError, match="`cf_contrast_prompt` has to be a text, or a list of texts, but is empty"):
        each_contrast({"cf_contrast_prompt": []})


def test_what_goes_with_a_chat_alone_or_a_prompt_alone_is_refused_elsewhere() -> None:
    with pytest.raises(ValueError, match="`cf_contrast_messages` has to go with a chat"):
        both_prompts("Q", {"cf_contrast_messages": "[]"})
    with pytest.raises(ValueError, match="`cf_documents` has to go with one prompt of text"):
        both_prompts(["Q"], {"cf_documents": ["A"]})
    with pytest.raises(ValueError, match="hold one by the user"):
        both_conversations(CHAT[:1], {"cf_contrast_prompt": "A"})
    for messages in ([], "hello", [1], None):
        with pytest.raises((ValueError, TypeError)):
            both_conversations(messages, {"cf_contrast_prompt": "A"})  # type: ignore[arg-type]
