"""Labelled pairs of premise and hypothesis: does an entailment model see support?

Balanced accuracy at the model's threshold, AUROC and calibration, a row a source, and beside them the floors that have
to be beaten: a classifier that never sees the premise, and the cosine of the embeddings. Both are fitted on training
pairs. Pairs that the model could not judge are counted apart and are in no other figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..dataset import Dataset
from ..measuring_models import MeasuringModels
from ..requests import Judgements, Response
from ..results import Figure, Row
from ..task import Answer, Item, MethodAnswers, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray
    from sentence_transformers import SentenceTransformer

    from ..labelled_pairs import LabelledPair

FITTED_ON = 3000
"""Training pairs on which the threshold of the cosine is fitted."""


@dataclass(frozen=True)
class Entailment(Task):
    """The task.

    Args:
        train: Pairs to fit the floors on. Default: train.jsonl beside the data, if there is one.
    """

    name = "entailment"
    version = 2
    summary = "an entailment model on labelled pairs: balanced accuracy, AUROC, calibration"
    data = "entailment/dev.jsonl"
    one_file = True
    asks = Judgements
    row_title = "source"

    train: Path | None = None

    def located(self, paths: Sequence[Path]) -> Task:
        """Return the task with the training pairs that stand beside its data."""
        beside = paths[0].with_name("train.jsonl")
        return replace(self, train=beside) if self.train is None and beside.is_file() and beside != paths[0] else self

    def read(self, dataset: Dataset, models: MeasuringModels) -> Sequence[Item]:
        """Return the pairs; those on one premise are a group."""
        from ..labelled_pairs import read_pairs  # noqa: PLC0415 (numpy)

        return [
            Item(
                str(number),
                Judgements(pair.premise, (pair.hypothesis,), blank=True),
                {"label": pair.label, "source": pair.source},
                group=pair.premise,
            )
            for number, pair in enumerate(read_pairs(dataset), start=1)
        ]

    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """Return the verdict and the probability of support, `None` if the model gave none."""
        (said,) = response
        return {"supported": said.get("verdict"), "probability": said.get("supported")}

    def rows(self, found: Sequence[MethodAnswers], *, seed: int, models: MeasuringModels) -> Sequence[Row]:
        """Return a row a source, and that of the means.

        Raises:
            ValueError: The model judged no pair.
        """
        answers = found[0].answers
        if all(answer.score["supported"] is None for answer in answers):
            raise ValueError("the data have to hold a pair that the model can judge, but hold none")
        floors = self._floors(answers, models)
        sources = sorted({answer.item.facts["source"] for answer in answers})
        some = {
            name: [n for n, answer in enumerate(answers) if answer.item.facts["source"] == name] for name in sources
        }
        draws = {
            name: _draws([answers[n] for n in places], (seed, number))
            for number, (name, places) in enumerate(some.items())
        }
        rows = [
            _row(
                name, [answers[n] for n in places], draws[name], {f: [v[n] for n in places] for f, v in floors.items()}
            )
            for name, places in some.items()
        ]
        return [*rows, _means(rows, [draws[name] for name in sources])]

    def details(self, found: Sequence[MethodAnswers]) -> Mapping[str, Any]:
        """Return the bins of stated and true support: at even odds, and at the odds of the data."""
        return {name: {"bins": bins, "error": calibration_error(bins)} for name, bins in _reliability(found).items()}

    def notes(self, found: Sequence[MethodAnswers], rows: Sequence[Row]) -> Iterable[str]:
        """Return the calibration error."""
        even, as_is = (calibration_error(bins) for bins in _reliability(found).values())
        yield f"expected calibration error: {even:.3f} at even odds, {as_is:.3f} at the odds of the file."

    def _floors(self, answers: Sequence[Answer], models: MeasuringModels) -> dict[str, Sequence[bool]]:
        """Return the verdicts of the floors by name, none without training pairs."""
        if self.train is None:
            return {}
        from ..labelled_pairs import read_pairs  # noqa: PLC0415 (numpy)

        train, pairs = read_pairs(self.train), [_pair_of(answer) for answer in answers]
        return {
            "hypothesis only": hypothesis_only(train, pairs),
            "embedding cosine": embedding_cosine(train, pairs, models.embedding),
        }


TASK = Entailment()


def hypothesis_only(train: Sequence[LabelledPair], pairs: Sequence[LabelledPair]) -> Sequence[bool]:
    """Return verdicts from the hypothesis alone: TF-IDF of words and word pairs, logistic regression, one fit a source.

    A source without training pairs of both kinds is judged unsupported throughout.

    Raises:
        ImportError: Without scikit-learn; the message has the `pip install` line.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 (an extra)
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
        from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(f'the floors need scikit-learn ({error}): pip install "counterfoil[eval]"') from error
    from ..labelled_pairs import by_source  # noqa: PLC0415

    verdicts = [False] * len(pairs)
    known = by_source(train)
    for source in {pair.source for pair in pairs}:
        labels = [pair.supported for pair in known.get(source, [])]
        if len(set(labels)) < 2:
            continue
        classifier = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
            LogisticRegression(class_weight="balanced", max_iter=1000),
        )
        classifier.fit([pair.hypothesis for pair in known[source]], labels)
        places = [n for n, pair in enumerate(pairs) if pair.source == source]
        said = classifier.predict([pairs[n].hypothesis for n in places])
        for n, one in zip(places, said, strict=True):
            verdicts[n] = bool(one)
    return verdicts


def embedding_cosine(
    train: Sequence[LabelledPair], pairs: Sequence[LabelledPair], embedding: SentenceTransformer, *, seed: int = 0
) -> Sequence[bool]:
    """Return verdicts from the cosine of the two embeddings, by the one threshold that is best on training pairs.

    Args:
        train: Training pairs; the threshold is fitted on :data:`FITTED_ON` of them.
        pairs: What is judged.
        embedding: The sentence embeddings.
        seed: Of the draw of training pairs.
    """
    import numpy as np  # noqa: PLC0415

    from ..labelled_pairs import even_weights  # noqa: PLC0415

    sample = [train[i] for i in np.random.default_rng(seed).permutation(len(train))[:FITTED_ON]]
    similarity, truth = _cosines(sample, embedding), np.array([pair.supported for pair in sample])
    weights = even_weights(truth, [pair.source for pair in sample])
    candidates = np.quantile(similarity, np.linspace(0.02, 0.98, 97))
    gains = [(weights * ((similarity >= threshold) == truth)).sum() for threshold in candidates]
    return [bool(one) for one in _cosines(pairs, embedding) >= candidates[int(np.argmax(gains))]]


def reliability(
    probability: ArrayLike, truth: ArrayLike, weights: ArrayLike, bins: int = 10
) -> list[dict[str, float | int]]:
    """Return bins of equal width over [0, 1], without the empty ones.

    Args:
        probability: Stated probability of being supported.
        truth: Whether it is.
        weights: Weight of each pair; they sum to 1.
        bins: Number of bins.

    Returns:
        For each bin the mean `probability`, the share that is `supported`, the number of `pairs`, and the `weight`.
    """
    import numpy as np  # noqa: PLC0415

    probability, truth, weights = (np.asarray(x, dtype=float) for x in (probability, truth, weights))
    position = np.minimum((probability * bins).astype(int), bins - 1)
    found: list[dict[str, float | int]] = []
    for number in range(bins):
        inside = position == number
        total = weights[inside].sum()
        if total > 0:
            mean, share = (float((x[inside] * weights[inside]).sum() / total) for x in (probability, truth))
            found.append({"probability": mean, "supported": share, "pairs": int(inside.sum()), "weight": float(total)})
    return found


def calibration_error(bins: Sequence[Mapping[str, float]]) -> float:
    """Return the expected calibration error (Naeini et al. 2015): mean distance of stated and true share, by weight."""
    return sum(b["weight"] * abs(b["probability"] - b["supported"]) for b in bins)


def _pair_of(answer: Answer) -> LabelledPair:
    from ..labelled_pairs import LabelledPair  # noqa: PLC0415

    request = answer.item.request
    assert isinstance(request, Judgements), "this task asks nothing else"
    return LabelledPair(request.premise, request.hypotheses[0], answer.item.facts["label"], answer.item.facts["source"])


def _judged(answers: Sequence[Answer]) -> tuple[list[Answer], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the answers with a verdict, whether each pair is supported, and whether it was judged so."""
    import numpy as np  # noqa: PLC0415

    some = [answer for answer in answers if answer.score["supported"] is not None]
    truth = np.array([_pair_of(answer).supported for answer in some], dtype=bool)
    return some, truth, np.array([answer.score["supported"] for answer in some], dtype=bool)


def _draws(answers: Sequence[Answer], seed: Sequence[int]) -> NDArray[np.float64]:
    """Return the balanced accuracy in bootstrap resamples of whole premises, NaN if a side is missing.

    Pairs on one premise stand or fall together, and treating them as independent makes intervals too narrow (the
    summaries of one article are the worst case).
    """
    import numpy as np  # noqa: PLC0415
    from counterfoil.attribution.statistics import resample_weights, sums_by_group  # noqa: PLC0415

    some, truth, verdict = _judged(answers)
    if not some:
        return np.array([np.nan])
    cells = np.stack([truth & verdict, truth, ~truth & ~verdict, ~truth], axis=1).astype(float)
    sums = sums_by_group(cells, [answer.item.drawn_with for answer in some])
    blocks = [weights @ sums for weights in resample_weights(len(sums), seed=seed)]
    right, supported, rejected, others = np.concatenate(blocks).T
    with np.errstate(invalid="ignore"):
        return (right / supported + rejected / others) / 2


def _row(
    source: str, answers: Sequence[Answer], draws: NDArray[np.float64], floors: Mapping[str, Sequence[bool]]
) -> Row:
    from counterfoil.attribution.statistics import percentile_interval  # noqa: PLC0415
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 (an extra)

    from ..labelled_pairs import balanced_accuracy  # noqa: PLC0415

    some, truth, verdict = _judged(answers)
    both = len(set(truth.tolist())) > 1
    probability = [answer.score["probability"] for answer in some]
    labels = [_pair_of(answer).supported for answer in answers]
    figures = {
        "pairs": Figure(len(some), digits=0),
        "supported": Figure(float(truth.mean()) if some else None, digits=2),
        "balanced accuracy": Figure(
            balanced_accuracy(truth, verdict) if both else None, percentile_interval(draws) if both else None
        ),
        "AUROC": Figure(float(roc_auc_score(truth, probability)) if both else None),
        **{name: Figure(_defined(balanced_accuracy(labels, said))) for name, said in floors.items()},
        "not checked": Figure(len(answers) - len(some), digits=0),
    }
    return Row(source, {"source": source}, figures)


def _means(rows: Sequence[Row], draws: Sequence[NDArray[np.float64]]) -> Row:
    """Return the row of means over the sources that have both kinds of pair; it says how many have not."""
    import numpy as np  # noqa: PLC0415
    from counterfoil.attribution.statistics import percentile_interval  # noqa: PLC0415

    figures: dict[str, Figure] = {}
    used = [number for number, row in enumerate(rows) if row.figures["balanced accuracy"].value is not None]
    for name, first in rows[0].figures.items():
        values = [row.figures[name].value for row in rows]
        given = [value for value in values if value is not None]
        if name in ("pairs", "not checked"):
            figures[name] = Figure(sum(given), digits=0)
        elif name != "supported" and given:
            figures[name] = Figure(float(np.mean(given)), digits=first.digits)
    if used:
        value = figures["balanced accuracy"].value
        figures["balanced accuracy"] = Figure(value, percentile_interval(np.mean([draws[n] for n in used], axis=0)))
    label = "mean" if len(used) == len(rows) else f"mean of {len(used)} of {len(rows)}"
    return Row(label, {"source": "mean"}, figures)


def _reliability(found: Sequence[MethodAnswers]) -> dict[str, list[dict[str, float | int]]]:
    import numpy as np  # noqa: PLC0415

    from ..labelled_pairs import even_weights  # noqa: PLC0415

    some, truth, _ = _judged(found[0].answers)
    probability = [answer.score["probability"] for answer in some]
    even = even_weights(truth, [answer.item.facts["source"] for answer in some])
    as_is = np.full(len(some), 1 / max(1, len(some)))
    weighed = {"reliability": even, "reliability as is": as_is}
    return {name: reliability(probability, truth, weights) for name, weights in weighed.items()}


def _cosines(pairs: Sequence[LabelledPair], embedding: SentenceTransformer) -> NDArray[np.float64]:
    import numpy as np  # noqa: PLC0415

    texts = list(dict.fromkeys(text for pair in pairs for text in (pair.premise, pair.hypothesis)))
    vectors = np.asarray(embedding.encode(texts, batch_size=64, normalize_embeddings=True, show_progress_bar=False))
    place = {text: i for i, text in enumerate(texts)}
    sides = ([place[getattr(pair, side)] for pair in pairs] for side in ("premise", "hypothesis"))
    premise, hypothesis = (vectors[index] for index in sides)
    return (premise * hypothesis).sum(axis=1)


def _defined(value: float) -> float | None:
    return None if value != value else value  # noqa: PLR0124 (NaN)
