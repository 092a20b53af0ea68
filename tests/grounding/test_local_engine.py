from __future__ import annotations

import copy
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from counterfoil.attribution import Document
from counterfoil.attribution.retrieval import Passage
from counterfoil.decoding.methods import CAD
from counterfoil.grounding import Limits
from counterfoil.grounding.contrasts import document_methods
from counterfoil.grounding.local_engine import LocalEngine
from counterfoil.grounding.messages import INSTRUCTION, in_reading_order
from counterfoil.models import LanguageModel, load_language_model

from tests.support.drafts import counted_forwards
from tests.support.reference import next_logits

TEXT = "# Ferry\n\nThe ferry takes 55 minutes.\n\nIt carries 96 passengers and 8 cars."
FERRY = Document("ferry.md", TEXT, "Ferry")
MUSEUM = Document("museum.md", "The museum is free.", "Museum")
FIRST, SECOND, FREE = Passage(FERRY, 0, 36), Passage(FERRY, 38, len(TEXT)), Passage(MUSEUM, 0, 19)
QUESTION = "How long does the\nferry take?"


@pytest.fixture(scope="module")
def smollm() -> LocalEngine:
    return LocalEngine(load_language_model())


def decoded(engine, inputs):
    return engine.language.tokenizer.decode(inputs["input_ids"][0], skip_special_tokens=True)


def with_context(engine: LocalEngine, length: int) -> LocalEngine:
    config = SimpleNamespace(get_text_config=lambda: SimpleNamespace(max_position_embeddings=length))
    return LocalEngine(replace(engine.language, model=SimpleNamespace(config=config)))


def with_template(engine: LocalEngine, template: str | None) -> LocalEngine:
    language: LanguageModel = engine.language
    tokenizer = copy.deepcopy(language.tokenizer)
    tokenizer.chat_template = template
    return LocalEngine(replace(language, tokenizer=tokenizer))


def test_passages_are_read_by_document_and_in_their_order():
    assert in_reading_order([SECOND, FREE, FIRST]) == (FIRST, SECOND, FREE)
    assert in_reading_order([FREE, SECOND, FIRST]) == (FREE, FIRST, SECOND)


def test_the_contrast_is_the_same_prompt_without_documents(smollm):
    prompt = smollm.prompt(QUESTION, [FIRST, FREE], 10)
    shown = "Ferry The ferry takes 55 minutes.\n\nThe museum is free.\n\n"
    full, contrast = decoded(smollm, prompt.main), decoded(smollm, prompt.contrast)
    assert shown + "Question: How long does the ferry take?" in full
    assert INSTRUCTION in full
    assert full.replace(shown, "") == contrast
    assert prompt.passages == (FIRST, FREE)
    assert prompt.dropped == ()


def test_fewer_passages_are_read_if_the_context_is_short_and_it_is_known(smollm):
    one = smollm.prompt(QUESTION, [FREE], 10).main["input_ids"].shape[1]
    prompt = with_context(smollm, one + 10).prompt(QUESTION, [FREE, FIRST, SECOND], 10)
    assert prompt.passages == (FREE,)
    assert prompt.dropped == (FIRST, SECOND)
    with pytest.raises(ValueError, match=r"do not fit the context of .* lower `max_new_tokens`"):
        with_context(smollm, one + 9).prompt(QUESTION, [FREE], 10)


def test_templates_without_system_message_and_no_template_at_all(smollm):
    no_system = with_template(
        smollm,
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>",
    )
    full = decoded(smollm, no_system.prompt(QUESTION, [FREE], 10).main)
    assert full.startswith(f"<user>{INSTRUCTION}\n\nThe museum is free.")
    full = decoded(smollm, with_template(smollm, None).prompt(QUESTION, [FREE], 10).main)
    assert full.startswith(INSTRUCTION)
    assert full.endswith("Answer:")


def test_strength_zero_is_plain_decoding_and_the_trace_covers_the_answer(smollm):
    prompt = smollm.prompt(QUESTION, [FIRST], 40)
    steps = []
    limits = Limits(40, 1)
    zero = smollm.generate(
        prompt, method=CAD(strength=0.0), limits=limits, on_text=lambda so_far: steps.append(so_far.n_tokens)
    )
    plain = smollm.generate(prompt, method=None, limits=limits)
    assert zero.text == plain.text
    assert zero.text == zero.text.strip() != ""
    assert steps == list(range(1, zero.n_tokens + 1))
    assert plain.trace == ()
    assert "".join(zero.text[span.start : span.end] for span in zero.trace) == zero.text


def test_the_answer_ends_with_a_whole_sentence(smollm):
    prompt = smollm.prompt("Tell me a long story about the ferry.", [FIRST, SECOND], 60)
    long = smollm.generate(prompt, method=None, limits=Limits(60, 50))
    assert long.n_tokens == 60
    assert long.unfinished
    assert long.text.endswith((".", "!", "?"))
    two = smollm.generate(prompt, method=None, limits=Limits(60, 1))
    assert two.n_tokens < 60
    assert not two.unfinished
    assert long.text.startswith(two.text)
    cut = smollm.generate(prompt, method=None, limits=Limits(3, 1))
    assert cut.unfinished
    assert cut.text, "if no sentence was finished, its beginning is the answer"


@pytest.mark.parametrize("name", ["max_new_tokens", "max_sentences"])
def test_limits_have_a_least(name):
    with pytest.raises(ValueError, match=f"`{name}` has to be at least 1, but is 0"):
        Limits(**{name: 0})


def test_drafts_write_the_same_answer_in_fewer_forwards(smollm):
    prompt = smollm.prompt("Repeat the text about the ferry.", [FIRST, SECOND], 30)
    answers, forwards = [], []
    for drafts in (True, False):
        with counted_forwards(smollm.language.model) as shapes:
            engine = LocalEngine(smollm.language, drafts=drafts)
            answers.append(engine.generate(prompt, method=CAD(strength=0.5), limits=Limits(30, 3)))
        forwards.append(len(shapes))
    ours, plain = answers
    assert (ours.text, ours.n_tokens, ours.unfinished) == (plain.text, plain.n_tokens, plain.unfinished)
    assert [(span.start, span.end) for span in ours.trace] == [(span.start, span.end) for span in plain.trace]
    assert [span.value for span in ours.trace] == pytest.approx([span.value for span in plain.trace], abs=1e-3)
    assert forwards[0] < forwards[1]


@pytest.mark.parametrize("kind", document_methods().values(), ids=document_methods())
@pytest.mark.parametrize("drafts", [True, False])
def test_every_method_writes_what_its_rule_makes_of_two_plain_forwards(smollm, kind, drafts):
    """The rule on two uncached forwards a step, with documents and without; the trace is the difference of the two."""
    model, tokenizer, method = smollm.language.model, smollm.language.tokenizer, kind()
    prompt = smollm.prompt(QUESTION, [FIRST, FREE], 12)
    views = [prompt.main["input_ids"][0].tolist(), prompt.contrast["input_ids"][0].tolist()]
    new, values = [], []
    for step in range(12):
        main, contrast = (torch.tensor(next_logits(model, view + new))[None].float() for view in views)
        scores = method.scores(main, contrast, **({"step": step} if method.needs_step else {}))
        new.append(int(scores.argmax()))
        values.append(float((main.log_softmax(-1) - contrast.log_softmax(-1))[0, new[-1]]))
        if new[-1] == tokenizer.eos_token_id:
            break
    found = LocalEngine(smollm.language, drafts=drafts).generate(prompt, method=method, limits=Limits(12, 9))
    written = tokenizer.decode(new, skip_special_tokens=True)
    assert found.n_tokens == len(new)
    assert found.text
    assert found.text in written
    covered = [value for span, value in zip(found.trace, values, strict=False) if span.start < span.end]
    assert [span.value for span in found.trace] == pytest.approx(covered, abs=1e-3)
    assert kind in smollm.methods()
