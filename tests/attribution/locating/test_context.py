"""What a causal model reads: every document once, in windows that fit."""

from __future__ import annotations

from counterfoil.attribution.locating.context import Prompts, joined

from tests.support.locating_models import ANSWER, DOCUMENTS, QUESTION


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
