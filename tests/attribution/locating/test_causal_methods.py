"""Hidden states, ablation and attention suppression against plain forwards of a tiny random model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from counterfoil.attribution import Document, Kind, Locator, Status
from counterfoil.attribution.locating.base import Query
from counterfoil.attribution.locating.context import Prompts, joined
from counterfoil.attribution.locating.methods.attention_knockout import Attention
from counterfoil.attribution.locating.methods.contextcite import effects_of
from counterfoil.attribution.locating.methods.contributive import answer_log_probabilities, by_sentence
from counterfoil.attribution.locating.methods.hidden_states import HiddenStates

from tests.support.locating_models import byte_language

DOCUMENTS = (
    Document("a", "The tower is high 👍🏽. It was built in 1874.\r\nSteps lead up.", "Tower"),
    Document("b", "שלום עולם. Cafe\u0301 at noon.", ""),
)
ANSWER = "The tower was built in 1874 [1]. Cafe\u0301 at noon."
QUESTION = "When?"


def counted(language):
    """How often the model runs from here on."""
    calls = []
    handle = language.model.base_model.register_forward_hook(lambda *_: calls.append(1))
    return calls, handle


def test_the_pieces_hold_every_document_once_whatever_the_window(reader):
    prompts = Prompts(ANSWER, DOCUMENTS, QUESTION, reader)
    for window in (100, 150, 400, 2048):
        held = {"a": [], "b": []}
        for pieces in prompts.windows(window):
            ids, ranges = joined(pieces)
            assert pieces[-1].role == "answer"
            assert ranges[-1][1] == len(ids)
            for piece in pieces:
                if piece.role == "text":
                    held[DOCUMENTS[piece.document].id] += [
                        place for start, end in piece.places for place in range(start, end)
                    ]
        for document in DOCUMENTS:
            words = {place for place, letter in enumerate(document.text) if not letter.isspace()}
            assert words <= set(held[document.id])


def test_cosines_are_those_of_a_plain_forward(reader):
    method = HiddenStates(ANSWER, DOCUMENTS, question=QUESTION, model=reader, layer=2, centre=False)
    compared = method.compared
    (pieces,) = Prompts(ANSWER, DOCUMENTS, QUESTION, reader).windows(2048)
    ids, ranges = joined(pieces)
    states = reader.model(torch.tensor([ids]), output_hidden_states=True).hidden_states[2][0]
    texts = [(piece, at) for piece, at in zip(pieces, ranges, strict=True) if piece.role == "text"]
    answer = states[slice(*ranges[-1])]
    (piece, at) = texts[0]
    place = piece.places.index((4, 5))
    column = (compared.tokens.starts == 4).nonzero()[0, 0]
    cosine = torch.nn.functional.cosine_similarity(answer[3], states[at[0] + place], dim=0)
    assert compared.similar[3, column] == pytest.approx(cosine.item(), abs=1e-5)
    assert int(compared.tokens.sentences.max()) == 4


def test_one_forward_serves_every_query(reader, words):
    locator = Locator(ANSWER, DOCUMENTS, method="hidden_states", model=reader, entailment=words, claims="none")
    calls, handle = counted(reader)
    for span in ((0, 9), (14, 27), (33, len(ANSWER)), (0, len(ANSWER))):
        locator.locate(span)
    handle.remove()
    assert len(calls) == 1


@pytest.mark.parametrize("method", ["hidden_states", "ablation", "attention"])
@pytest.mark.parametrize("window", [2048, 110])
def test_every_span_is_the_words_of_its_document(reader, method, window):
    options = {"n_ablations": 6} if method == "ablation" else {}
    locator = Locator(
        ANSWER, DOCUMENTS, method=method, model=reader, verify=False, question=QUESTION, window=window, **options
    )
    texts = {document.id: document.text for document in DOCUMENTS}
    for span in ((0, 3), (5, 6), (33, len(ANSWER)), (20, 40), (0, len(ANSWER))):
        found = locator.locate(span)
        assert found.failure is None
        for candidate in found.candidates:
            one = candidate.span
            assert texts[one.document][one.start : one.end] == one.quote
        assert found.kind is (Kind.CORROBORATIVE if method == "hidden_states" else Kind.CONTRIBUTIVE)
        assert {searched.document for searched in found.searched} == {"a", "b"}


def test_an_answer_as_long_as_the_context_is_a_failure_that_says_so(reader):
    locator = Locator("word " * 600, DOCUMENTS, method="hidden_states", model=reader, verify=False)
    found = locator.locate((0, 4))
    assert (found.status, found.spans) == (Status.NOT_CHECKED, ())
    assert "leaves no room" in (found.failure or "")


@pytest.mark.parametrize(("option", "value"), [("layer", 99), ("layer", -1), ("window", 0)])
def test_a_layer_or_window_that_cannot_be_is_refused(reader, option, value):
    with pytest.raises(ValueError, match=f"`{option}` has to be"):
        Locator(ANSWER, DOCUMENTS, model=reader, verify=False, **{option: value}).locate((0, 3))


def test_log_probabilities_in_a_padded_batch_are_those_of_one(reader):
    rows = [[5, 6, 7, 8, 9, 10, 11], [20, 21, 9, 10, 11]]
    together = answer_log_probabilities(reader, rows, 3)
    for row, found in zip(rows, together, strict=True):
        logits = reader.model(torch.tensor([row])).logits[0, -4:-1].log_softmax(-1)
        assert torch.allclose(found, logits.gather(-1, torch.tensor(row[-3:])[:, None])[:, 0], atol=1e-4)


def test_lasso_finds_the_sentences_that_matter_and_says_how_well_it_fits():
    generator = torch.Generator().manual_seed(1)
    masks = torch.rand(64, 8, generator=generator) < 0.5
    log_p = torch.stack([-2.0 + 1.5 * masks[:, 3], -1.0 - 0.5 * (1.0 - masks[:, 3].float())], dim=1)
    effects, agreement = effects_of(masks, log_p, 0.01)
    assert int(np.argmax(effects)) == 3
    assert sum(abs(effect) > 0.05 for effect in effects) == 1
    # The logit moves by log p + 2 nats of the two tokens, less what the penalty takes and more for log(1 - p).
    assert effects[3] == pytest.approx(2.0, abs=0.3)
    assert agreement is not None
    assert agreement > 0.8


def test_lasso_equals_the_equation_minimised_in_float64():
    generator = torch.Generator().manual_seed(2)
    masks = torch.rand(40, 5, generator=generator) < 0.5
    log_p = -torch.rand(40, 3, generator=generator) - masks[:, :1] * 0.7
    total = log_p.double().sum(1).numpy()
    target = (total - np.log1p(-np.exp(total))) / 3
    there = masks.double().numpy()
    scaled = (there - there.mean(0)) / there.std(0)
    weights = np.zeros(5)
    for _ in range(2000):  # coordinate descent
        for j in range(5):
            rest = target - target.mean() - scaled @ weights + scaled[:, j] * weights[j]
            gradient = (scaled[:, j] * rest).mean()
            weights[j] = np.sign(gradient) * max(abs(gradient) - 0.01, 0) / (scaled[:, j] ** 2).mean()
    effects, _ = effects_of(masks, log_p, 0.01)
    assert np.allclose(effects, 3 * weights / there.std(0), atol=1e-3)


def test_a_certain_answer_has_no_infinite_target():
    masks = torch.rand(16, 3, generator=torch.Generator().manual_seed(0)) < 0.5
    effects, agreement = effects_of(masks, torch.zeros(16, 2), 0.01)
    assert effects == [0.0, 0.0, 0.0]
    assert agreement is None


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_suppression_equals_a_forward_with_the_attention_masked_out(family):
    language = byte_language(family)
    method = Attention(ANSWER, DOCUMENTS, question=QUESTION, model=language, batch_size=2)
    sources, effects = method.effects
    prompts = Prompts(ANSWER, DOCUMENTS, QUESTION, language)
    (window,) = prompts.windows(2048)
    pieces, again = by_sentence(window, prompts)
    assert [(s.document, s.start, s.end) for s in sources] == [(s.document, s.start, s.end) for s in again]
    ids, ranges = joined(pieces)
    first, length = ranges[-1][0] - 1, len(ids) - 1
    tokens = torch.tensor([ids[:-1]])
    causal = torch.ones(length, length).tril().bool()

    def log_p(mask):
        bias = torch.zeros(1, 1, length, length).masked_fill(~mask, torch.finfo(torch.float32).min)
        with torch.no_grad():
            return language.model(tokens, attention_mask=bias).logits[0, first:].double().log_softmax(-1)

    full = log_p(causal)
    for number in (0, 3):
        start, end = again[number].tokens
        mask = causal.clone()
        mask[first:, start:end] = False
        expected = (full.exp() * (full - log_p(mask))).sum(-1)
        assert torch.allclose(effects[number].double(), expected, atol=1e-3)
    assert float(effects.max()) > 0


def test_contributive_methods_look_at_the_words_themselves(reader):
    method = Attention(ANSWER, DOCUMENTS, model=reader)
    sources, effects = method.effects
    found = method.propose(Query(33, len(ANSWER), ((33, len(ANSWER)),), "Café at noon."))
    own = [n for n, (start, _) in enumerate(Prompts(ANSWER, DOCUMENTS, None, reader).answer.places) if start >= 33]
    best = sources[int(effects[:, own].mean(1).argmax())]
    assert (found.candidates[0].start, found.candidates[0].end) == (best.start, best.end)
    assert sum(candidate.score or 0 for candidate in found.candidates) == pytest.approx(1.0)
