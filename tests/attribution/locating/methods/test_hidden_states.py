"""Hidden states against plain forwards of a tiny random model."""

from __future__ import annotations

import pytest
import torch
from counterfoil.attribution import Locator
from counterfoil.attribution.locating.context import Prompts, joined
from counterfoil.attribution.locating.methods.hidden_states import HiddenStates

from tests.support.locating_models import ANSWER, DOCUMENTS, QUESTION


def counted(language):
    """How often the model runs from here on."""
    calls = []
    handle = language.model.base_model.register_forward_hook(lambda *_: calls.append(1))
    return calls, handle


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
    locator = Locator(ANSWER, DOCUMENTS, method="hidden_states", model=reader, entailment=words, decontextualize="none")
    calls, handle = counted(reader)
    for span in ((0, 9), (14, 27), (33, len(ANSWER)), (0, len(ANSWER))):
        locator.locate(span)
    handle.remove()
    assert len(calls) == 1
