from __future__ import annotations

import pytest
import torch
from counterfoil.attribution import Pair, load_entailment
from counterfoil.attribution.chat import LocalChat
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

TEMPLATE = "{% for m in messages %}{{ m['content'] }} : {% endfor %}{% if add_generation_prompt %}? {% endif %}"
CONVERSATIONS = [[{"role": "user", "content": text}] for text in ("sun1 rain2", "snow3", "rain4 rain5 sun6 sun7")]


@pytest.fixture
def chat_folder(tmp_path, t5_folder):
    tokenizer = AutoTokenizer.from_pretrained(t5_folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(tmp_path)
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
        initializer_range=1.0,
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_replies_are_greedy_whatever_shares_the_batch(chat_folder, rows):
    replies = LocalChat(str(chat_folder), rows=rows, max_tokens=5, device="cpu").replies(CONVERSATIONS)
    model = AutoModelForCausalLM.from_pretrained(chat_folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(chat_folder)
    for reply, messages in zip(replies, CONVERSATIONS, strict=True):
        ids = tokenizer(f"{messages[0]['content']} : ? ", add_special_tokens=False, return_tensors="pt").input_ids
        expected = model.generate(ids, do_sample=False, max_new_tokens=5)[0, ids.shape[1] :]
        assert reply.text == tokenizer.decode(expected, skip_special_tokens=True)
        assert reply.prompt_tokens == ids.shape[1]


def test_without_an_endpoint_the_judge_runs_here(chat_folder, monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    model = load_entailment(f"llm:{chat_folder}", max_tokens=4, device="cpu")
    (judgement,) = model.judge([Pair("rain1 .", "rain1 .")])
    # A random model writes no verdict; that is a failure of the pair, and its tokens are counted.
    assert "is not a verdict" in judgement.failure
    assert (model.usage.requests, model.usage.failures) == (1, 1)
    assert model.usage.prompt_tokens > 0


def test_a_model_without_a_chat_template_is_refused(chat_folder, t5_folder):
    AutoTokenizer.from_pretrained(t5_folder).save_pretrained(chat_folder)
    (chat_folder / "chat_template.jinja").unlink()
    with pytest.raises(ValueError, match="has to have a chat template"):
        LocalChat(str(chat_folder), device="cpu")


def test_the_judges_name_changes_with_all_that_a_judgement_depends_on(chat_folder, monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    judge = f"llm:{chat_folder}"
    name = load_entailment(judge, device="cpu").name
    assert load_entailment(judge, device="cpu").name == name
    assert load_entailment(judge, device="cpu", max_tokens=9).name != name
    assert load_entailment(judge, device="cpu", window=9).name != name
    monkeypatch.setattr("counterfoil.attribution.entailment.llm._PROMPT_VERSION", "another")
    assert load_entailment(judge, device="cpu").name != name
    monkeypatch.undo()
    # Another model is saved into the same folder.
    config = AutoModelForCausalLM.from_pretrained(chat_folder).config
    torch.manual_seed(2)
    LlamaForCausalLM(config).save_pretrained(chat_folder)
    assert load_entailment(judge, device="cpu").name != name


def test_a_conversation_that_does_not_fit_into_memory_costs_no_other_its_reply(chat_folder, monkeypatch):
    chat = LocalChat(str(chat_folder), max_tokens=2, device="cpu")
    whole, batch = chat.replies(CONVERSATIONS), chat._batch

    def limited(conversations):
        if any("snow3" in messages[0]["content"] for messages in conversations):
            raise torch.OutOfMemoryError
        return batch(conversations)

    monkeypatch.setattr(chat, "_batch", limited)
    first, second, third = chat.replies(CONVERSATIONS)
    assert (first, third) == (whole[0], whole[2])
    assert (second.text, "does not fit" in str(second.failure)) == (None, True)
