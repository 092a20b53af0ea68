"""Hidden states: which tokens of the sources a causal model represents like the words of the answer.

Phukan et al. 2024 ("Peering into the Mind of Language Models", arXiv 2405.17980), and LAQuer (Hirsch et al., ACL 2025)
after them: one forward over documents and answer, cosines between hidden states, layer and threshold from labelled
data. Neither's code for it is released, so what follows is ours: each token of the words finds its most similar token
in each sentence, sentences are ranked by how well they cover the words, and the matched tokens are joined into spans
(see :mod:`.late_interaction`); the common mean of the states is taken off before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ...documents import Document
from ..attributions import Kind
from ..base import Proposal, Query
from ..context import Prompts, TooLongError
from .late_interaction import Matching, proposed
from .states import Compared, compare

if TYPE_CHECKING:
    from counterfoil.models import LanguageModel

DEPTH = 0.6
"""Where the layer is that is compared, as a share of all of them; found by `counterfoil eval laquer --tune`."""


class HiddenStates:
    """Reads documents and answer once; every query afterwards only looks its rows up.

    Args:
        answer: The answer.
        documents: The sources.
        question: What was asked; read between the documents and the answer.
        model: A causal model, or its name; `None` for SmolLM2-135M-Instruct.
        layer: Whose output is compared, 0 for the embeddings; `None` for the one at :data:`DEPTH`.
        window: Tokens of one forward; longer sources are read in several.
        centre: Whether the common mean of the states is taken off.
        least: See :class:`~counterfoil.attribution.locating.methods.late_interaction.Matching`, as for all that follow.
        match: From which cosine on a token stands for one of the answer.
        gap: Matches with at most so many tokens between them are one span.
        margin: How much worse than the best a sentence may be.
        top_k: How many sentences are proposed to whoever checks them.

    Raises:
        ValueError: For values out of range.
    """

    name = "hidden_states"
    kind = Kind.CORROBORATIVE

    def __init__(
        self,
        answer: str,
        documents: Sequence[Document],
        *,
        question: str | None = None,
        model: LanguageModel | str | None = None,
        layer: int | None = None,
        window: int = 2048,
        centre: bool = True,
        least: float = 0.0,
        match: float = 0.2,
        gap: int = 5,
        margin: float = 0.05,
        top_k: int = 6,
    ) -> None:
        if window < 1:
            raise ValueError(f"`window` has to be at least 1, but is {window}")
        if layer is not None and layer < 0:
            raise ValueError(f"`layer` has to be at least 0, but is {layer}")
        self.answer, self.documents, self.question = answer, documents, question
        self.layer, self.window, self.centre = layer, window, centre
        self.settings = Matching(least, match, gap, margin, top_k)
        self._model = model
        self._compared: Compared | None = None

    def propose(self, query: Query) -> Proposal:
        """The sentences whose tokens are most like those of the words."""
        if not any(document.text.strip() for document in self.documents):
            return Proposal((), ())
        try:
            compared = self.compared
        except TooLongError as error:
            return Proposal((), (), failure=str(error))
        chosen = [
            number
            for number, (start, end) in enumerate(compared.places)
            if any(any(c.isalnum() for c in self.answer[max(start, a) : min(end, b)]) for a, b in query.parts)
        ]
        rows = torch.tensor(chosen, dtype=torch.long)
        weights = compared.tokens.rarity(compared.ids[rows])
        found = proposed(compared.similar[rows], weights, compared.tokens, self.documents, self.settings)
        windows = compared.n_windows
        notes = (f"the documents were read in {windows} windows of {self.window} tokens",) if windows > 1 else ()
        return Proposal(found.candidates, found.searched, notes, own=found.own)

    @property
    def language(self) -> LanguageModel:
        """The model, loaded when it is first needed."""
        if self._model is None or isinstance(self._model, str):
            from counterfoil.models import load_language_model  # noqa: PLC0415 (seconds to import)

            self._model = load_language_model(self._model)
        return self._model

    @property
    def compared(self) -> Compared:
        """The cosines of the layer, computed when they are first needed.

        Raises:
            TooLongError: Where the answer leaves no room for a document.
        """
        if self._compared is None:
            config = self.language.model.config.get_text_config()
            layer = round(DEPTH * config.num_hidden_layers) if self.layer is None else self.layer
            self._compared = self.in_layers([layer])[layer]
        return self._compared

    def in_layers(self, layers: Sequence[int]) -> dict[int, Compared]:
        """The cosines of several layers, from one forward a window; for choosing one of them."""
        prompts = Prompts(self.answer, self.documents, self.question, self.language)
        return compare(prompts, self.language, self.documents, layers=layers, window=self.window, centre=self.centre)

    def at(self, compared: Compared) -> None:
        """Takes cosines that :meth:`in_layers` gave instead of computing them."""
        self._compared = compared
