"""Requests for `LLM.generate()`: the same two prompts as the server renders, or a refusal by name."""

from __future__ import annotations

from typing import Any

import pytest
from counterfoil.decoding.vllm.offline import chat_request, prompt_request
from counterfoil.models import LanguageModel, load_language_model

CHAT = [{"role": "user", "content": "Who built it?"}]
DOCUMENTS = ["Ann built the lighthouse.", "It is old."]


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return load_language_model()


def test_documents_are_what_the_two_prompts_differ_in(lm: LanguageModel) -> None:
    request = chat_request(lm.tokenizer, CHAT, "cad", documents=DOCUMENTS, strength=1.0)
    main = lm.tokenizer.decode(request.prompt["prompt_token_ids"])
    contrast = lm.tokenizer.decode(request.extra_args["cf_contrast_ids"])
    assert main == contrast.replace("Who built it?", "Ann built the lighthouse.\n\nIt is old.\n\nWho built it?")
    assert {k: v for k, v in request.extra_args.items() if k != "cf_contrast_ids"} == {
        "cf_method": "cad",
        "cf_strength": 1.0,
    }


@pytest.mark.parametrize("part", ["Who built it?", {"type": "text", "text": "Who built it?"}])
def test_content_as_text_or_as_a_part_makes_one_prompt(lm: LanguageModel, part: Any) -> None:
    parts = [{"role": "user", "content": [part]}]
    for given in ({"documents": DOCUMENTS}, {"contrast_prompt": "Who?"}, {"contrast_messages": parts}):
        assert chat_request(lm.tokenizer, parts, "cad", **given) == chat_request(lm.tokenizer, CHAT, "cad", **given)


@pytest.mark.parametrize(
    "content", [[], ["a", "b"], [{"type": "image_url", "image_url": {"url": "data:"}}], [{"type": "text"}]]
)
def test_other_parts_are_refused(lm: LanguageModel, content: Any) -> None:
    with pytest.raises(ValueError, match="have to be texts, or one part of text each"):
        chat_request(lm.tokenizer, [{"role": "user", "content": content}], "cad", contrast_prompt="Who?")


def test_a_prompt_without_a_template(lm: LanguageModel) -> None:
    request = prompt_request(lm.tokenizer, "Who built it?", "cad", documents=DOCUMENTS)
    assert request.prompt["prompt_token_ids"] == lm.tokenizer("\n\n".join([*DOCUMENTS, "Who built it?"]))["input_ids"]
    assert request.extra_args["cf_contrast_ids"] == lm.tokenizer("Who built it?")["input_ids"]


def test_several_contrasts_are_given_as_lists(lm: LanguageModel) -> None:
    texts = ["Who?", "Who built the lighthouse?"]
    alone = [chat_request(lm.tokenizer, CHAT, "cad", contrast_prompt=text) for text in texts]
    one = [request.extra_args["cf_contrast_ids"] for request in alone]
    conversations = [[{"role": "user", "content": text}] for text in texts]
    for given in ({"contrast_prompt": texts}, {"contrast_messages": conversations}):
        assert chat_request(lm.tokenizer, CHAT, "dexperts", **given).extra_args["cf_contrast_ids"] == one
    plain = prompt_request(lm.tokenizer, "Q", "weighted_sum", contrast_prompt=texts, weights=[-1, 0.5])
    assert plain.extra_args["cf_contrast_ids"] == [lm.tokenizer(text)["input_ids"] for text in texts]
    with pytest.raises(ValueError, match="dexperts has to be given 2 contrasts, but is given 1"):
        chat_request(lm.tokenizer, CHAT, "dexperts", documents=DOCUMENTS)


def test_what_a_server_refuses_is_refused(lm: LanguageModel) -> None:
    with pytest.raises(ValueError, match="`cf_strength` has to be a number of at least 0"):
        prompt_request(lm.tokenizer, "Who?", "cad", contrast_prompt="What?", strength=-1.0)
    with pytest.raises(ValueError, match="has to be the only contrast"):
        chat_request(lm.tokenizer, CHAT, "cad", documents=DOCUMENTS, contrast_prompt="What?")
