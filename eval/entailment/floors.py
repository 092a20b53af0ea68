"""What a support model has to beat: a classifier that never sees the premise, and one number of likeness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from counterfoil.models import load_embedding_model
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from .data import LabelledPair, by_source
from .measures import balanced_accuracy, even_weights


def hypothesis_only(train: Sequence[LabelledPair], pairs: Sequence[LabelledPair]) -> NDArray[np.bool_]:
    """Verdicts from the hypothesis alone: TF-IDF of words and word pairs, logistic regression, one fit a source.

    A source without training pairs of both kinds is judged unsupported throughout.
    """
    verdict = np.zeros(len(pairs), dtype=bool)
    known = by_source(train)
    for source, group in by_source(pairs).items():
        labels = [pair.supported for pair in known.get(source, [])]
        if len(set(labels)) < 2:
            continue
        classifier = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
            LogisticRegression(class_weight="balanced", max_iter=1000),
        )
        classifier.fit([pair.hypothesis for pair in known[source]], labels)
        at = [i for i, pair in enumerate(pairs) if pair.source == source]
        verdict[at] = classifier.predict([pair.hypothesis for pair in group])
    return verdict


def embedding_cosine(
    train: Sequence[LabelledPair], pairs: Sequence[LabelledPair], *, limit: int = 3000, seed: int = 0
) -> NDArray[np.bool_]:
    """Verdicts from the cosine of the two embeddings, by the one threshold that is best on `limit` training pairs."""
    chosen = np.random.default_rng(seed).permutation(len(train))[:limit]
    sample = [train[i] for i in chosen]
    similarity, truth = _cosine(sample), np.array([pair.supported for pair in sample])
    weights = even_weights(truth, [pair.source for pair in sample])
    candidates = np.quantile(similarity, np.linspace(0.02, 0.98, 97))
    gains = [(weights * ((similarity >= threshold) == truth)).sum() for threshold in candidates]
    return _cosine(pairs) >= candidates[int(np.argmax(gains))]


def _cosine(pairs: Sequence[LabelledPair]) -> NDArray[np.float64]:
    texts = list(dict.fromkeys(text for pair in pairs for text in (pair.premise, pair.hypothesis)))
    vectors = load_embedding_model().encode(texts, batch_size=64, normalize_embeddings=True, show_progress_bar=False)
    place = {text: i for i, text in enumerate(texts)}
    sides = ([place[getattr(pair, side)] for pair in pairs] for side in ("premise", "hypothesis"))
    premise, hypothesis = (np.asarray(vectors)[index] for index in sides)
    return (premise * hypothesis).sum(axis=1)


def floor_figures(verdict: NDArray[np.bool_], pairs: Sequence[LabelledPair]) -> dict[str, float]:
    """Balanced accuracy of some verdicts a source."""
    truth = np.array([pair.supported for pair in pairs])
    source = np.array([pair.source for pair in pairs])
    return {name: balanced_accuracy(truth[source == name], verdict[source == name]) for name in by_source(pairs)}
