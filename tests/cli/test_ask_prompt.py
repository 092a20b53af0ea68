from __future__ import annotations

import copy
from dataclasses import replace
from types import SimpleNamespace

import pytest
from counterfoil.attribution import Document
from counterfoil.attribution.passages import Passage
from counterfoil.cli.generating import Limits, generate
from counterfoil.cli.prompting import INSTRUCTION, build_prompt, in_reading_order
from counterfoil.models import LanguageModel, load_language_model

TEXT = "# Ferry\n\nThe ferry takes 55 minutes.\n\nIt carries 96 passengers and 8 cars."
FERRY = Document("ferry.md", TEXT, "Ferry")
MUSEUM = Document("museum.md", "The museum is free.", "Museum")
FIRST, SECOND, FREE = Passage(FERRY, 0, 36), Passage(FERRY, 38, len(TEXT)), Passage(MUSEUM, 0, 19)
QUESTION = "How long does the\nferry take?"


@pytest.fixture(scope="module")
def smollm():
    return load_language_model()


def decoded(language, inputs):
    return language.tokenizer.decode(inputs["input_ids"][0], skip_special_tokens=True)


def with_context(language: LanguageModel, length: int) -> LanguageModel:
    config = SimpleNamespace(get_text_config=lambda: SimpleNamespace(max_position_embeddings=length))
    return replace(language, model=SimpleNamespace(config=config))


def test_passages_are_read_by_document_and_in_their_order():
    assert in_reading_order([SECOND, FREE, FIRST]) == (FIRST, SECOND, FREE)
    assert in_reading_order([FREE, SECOND, FIRST]) == (FREE, FIRST, SECOND)


def test_the_contrast_is_the_same_prompt_without_documents(smollm):
    prompt = build_prompt(QUESTION, [FIRST, FREE], smollm, 10)
    shown = "Ferry The ferry takes 55 minutes.\n\nThe museum is free.\n\n"
    full, contrast = decoded(smollm, prompt.inputs), decoded(smollm, prompt.contrast)
    assert shown + "Question: How long does the ferry take?" in full
    assert INSTRUCTION in full
    assert full.replace(shown, "") == contrast
    assert prompt.passages == (FIRST, FREE)
    assert prompt.dropped == ()


def test_fewer_passages_where_the_context_is_short_and_it_is_known(smollm):
    one = build_prompt(QUESTION, [FREE], smollm, 10).inputs["input_ids"].shape[1]
    prompt = build_prompt(QUESTION, [FREE, FIRST, SECOND], with_context(smollm, one + 10), 10)
    assert prompt.passages == (FREE,)
    assert prompt.dropped == (FIRST, SECOND)
    with pytest.raises(ValueError, match=r"do not fit the context of .* lower --max-new-tokens"):
        build_prompt(QUESTION, [FREE], with_context(smollm, one + 9), 10)


def test_templates_without_system_message_and_no_template_at_all(smollm):
    tokenizer = copy.deepcopy(smollm.tokenizer)
    tokenizer.chat_template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
    )
    full = decoded(smollm, build_prompt(QUESTION, [FREE], replace(smollm, tokenizer=tokenizer), 10).inputs)
    assert full.startswith(f"<user>{INSTRUCTION}\n\nThe museum is free.")
    tokenizer = copy.deepcopy(smollm.tokenizer)
    tokenizer.chat_template = None
    full = decoded(smollm, build_prompt(QUESTION, [FREE], replace(smollm, tokenizer=tokenizer), 10).inputs)
    assert full.startswith(INSTRUCTION)
    assert full.endswith("Answer:")


def test_alpha_zero_is_plain_decoding_and_the_trace_covers_the_answer(smollm):
    prompt = build_prompt(QUESTION, [FIRST], smollm, 40)
    steps = []
    limits = Limits(40, 1)
    zero = generate(smollm, prompt, strength=0.0, limits=limits, on_token=steps.append)
    plain = generate(smollm, prompt, strength=None, limits=limits)
    assert zero.text == plain.text
    assert zero.text == zero.text.strip() != ""
    assert steps == list(range(1, zero.n_tokens + 1))
    assert plain.trace == ()
    assert "".join(zero.text[span.start : span.end] for span in zero.trace) == zero.text


def test_the_answer_ends_with_a_whole_sentence(smollm):
    prompt = build_prompt("Tell me a long story about the ferry.", [FIRST, SECOND], smollm, 60)
    long = generate(smollm, prompt, strength=None, limits=Limits(60, 50))
    assert long.n_tokens == 60
    assert long.unfinished
    assert long.text.endswith((".", "!", "?"))
    two = generate(smollm, prompt, strength=None, limits=Limits(60, 1))
    assert two.n_tokens < 60
    assert not two.unfinished
    assert long.text.startswith(two.text)
    cut = generate(smollm, prompt, strength=None, limits=Limits(3, 1))
    assert cut.unfinished
    assert cut.text, "where no sentence was finished, its beginning is the answer"
