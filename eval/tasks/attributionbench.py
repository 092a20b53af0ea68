"""AttributionBench (Li et al., Findings of ACL 2024, arXiv 2402.15089): is a claim attributable to its references?

The data set's files as JSON lines: `claim`, `references`, `attribution_label`, `src_dataset`, and `question` and `id`
if they are given. The premise is the references joined by three newlines, the hypothesis the claim alone (the variant
without the question, which the published zero-shot entailment figures use). What the model decodes counts if it decodes
a label; else its probability at its threshold. Its three or four verdicts are two here: only "supported" is
attributable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..dataset import Dataset
from ..measuring_models import MeasuringModels
from ..requests import Judgements, Response
from ..results import Figure, Row
from ..task import Answer, Item, MethodAnswers, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..statistics import Floats

    Cells = NDArray[np.float64]
    """True positives, false positives, false negatives, true negatives."""

LABELS = {"attributable": True, "not attributable": False}
IN_DOMAIN = ("ExpertQA", "Stanford-GenSearch", "AttributedQA", "LFQA")
OUT_OF_DOMAIN = ("BEGIN", "AttrScore-GenSearch", "HAGRID")
SAME = {"AttrEval-GenSearch": "AttrScore-GenSearch"}
"""The paper's name of a subset, and that of the released files."""


@dataclass(frozen=True)
class AttributionBench(Task):
    """The task.

    Args:
        ask_blank: Ask the model about a claim without a word of reference too, as the benchmark's code does: 75 of the
            1,088 claims of HAGRID. Without, such a claim counts as not attributable.
    """

    name = "attributionbench"
    version = 2
    summary = "an entailment model on claims and references: macro-F1 by subset"
    data = "attributionbench/*.jsonl"
    one_file = True
    asks = Judgements
    row_title = "subset"

    ask_blank: bool = False

    def read(self, dataset: Dataset, models: MeasuringModels) -> Sequence[Item]:
        """Return the claims; those on one question are a group."""
        kind = "a claim of AttributionBench (`claim`, `references`, `attribution_label`, `src_dataset`)"
        return dataset.records(kind, self._item)

    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """Return what the model says of the claim, `None` without a verdict."""
        return {"predicted": response[0].get("verdict") if response else False}

    def rows(self, found: Sequence[MethodAnswers], *, seed: int, models: MeasuringModels) -> Sequence[Row]:
        """Return every subset, the means in and out of domain if all their subsets have verdicts, then all claims.

        All claims together are what the original script calls "all"; that is not a mean of subsets.
        """
        answers = found[0].answers
        subsets = dict.fromkeys(answer.item.facts["subset"] for answer in answers)
        some = {name: [a for a in answers if a.item.facts["subset"] == name] for name in subsets}
        draws = {name: _draws(of, (seed, number)) for number, (name, of) in enumerate(some.items())}
        rows = [_row(name, of, draws[name]) for name, of in some.items()]
        for label, names in (("in domain", IN_DOMAIN), ("out of domain", OUT_OF_DOMAIN)):
            if all(any(a.score["predicted"] is not None for a in some.get(name, ())) for name in names):
                rows.append(_mean(label, [some[name] for name in names], [draws[name] for name in names]))
        rows.append(_row("all claims", answers, sum(draws.values())))
        return rows

    def notes(self, found: Sequence[MethodAnswers], rows: Sequence[Row]) -> Iterable[str]:
        """Return how many claims were not asked for or got no verdict, and which subsets are not the benchmark's."""
        answers = found[0].answers
        blank = sum(not answer.response for answer in answers)
        if blank:
            yield (
                f"{blank} claim(s) without a word of reference count as not attributable; the benchmark's code asks "
                "the model about them: --ask-blank."
            )
        silent = sum(answer.score["predicted"] is None for answer in answers)
        if silent:
            punished = figures(_cells(answers, wrong=True).sum(axis=1)[:, None])["macro F1"][0]
            yield (
                f"{silent} claim(s) got no verdict and are in no figure; counted as mistakes, as the original does, "
                f"macro F1 over all claims is {punished:.3f}."
            )
        strange = [name for name in dict.fromkeys(a.item.facts["subset"] for a in answers) if name not in KNOWN]
        if strange:
            yield f"Not a subset of the benchmark, so in neither mean: {', '.join(strange)}."

    def _item(self, line: int, record: Mapping[str, Any]) -> Item:
        claim, references, label = record["claim"], record["references"], record["attribution_label"]
        if not (isinstance(claim, str) and claim.strip()):
            raise ValueError(f"`claim` has to be text, but is {claim!r}")
        if not isinstance(references, list) or not all(isinstance(text, str) for text in references):
            raise ValueError("`references` has to be a list of strings")
        if label not in LABELS:
            raise ValueError(f"`attribution_label` has to be one of {', '.join(LABELS)}, but is {label!r}")
        name, subset = str(record.get("id", "")), str(record["src_dataset"])
        request = Judgements("\n\n\n".join(references), (claim,), blank=self.ask_blank)
        facts = {"subset": SAME.get(subset, subset), "attributable": LABELS[label], "id": name}
        return Item(str(line), request, facts, group=str(record.get("question") or name or claim))


TASK = AttributionBench()
KNOWN = {*IN_DOMAIN, *OUT_OF_DOMAIN}


def figures(cells: Cells) -> dict[str, Floats]:
    """Return the figures of tables of two classes, 0 if there is nothing to divide by.

    Args:
        cells: True positives, false positives, false negatives, true negatives, `[4, tables]`.

    Returns:
        By name, one value a table. The shares are of all claims, the original's columns "FP" and "FN"; the rates are of
        the claims that are not attributable, or are.
    """
    from counterfoil.attribution.statistics import proportions  # noqa: PLC0415

    true_positive, false_positive, false_negative, true_negative = cells
    every = cells.sum(axis=0)
    wrong = false_positive + false_negative
    f1 = [proportions(2 * right, 2 * right + wrong) for right in (true_positive, true_negative)]
    return {
        "macro F1": (f1[0] + f1[1]) / 2,
        "accuracy": proportions(true_positive + true_negative, every),
        "false positive share": proportions(false_positive, every),
        "false negative share": proportions(false_negative, every),
        "false positive rate": proportions(false_positive, false_positive + true_negative),
        "false negative rate": proportions(false_negative, false_negative + true_positive),
    }


def _cells(answers: Sequence[Answer], *, wrong: bool = False) -> Cells:
    """Return the cell of each answer, `[4, answers]`; one without a verdict is in none, or in that of a mistake."""
    import numpy as np  # noqa: PLC0415

    order = [(True, True), (False, True), (True, False), (False, False)]
    cells = np.zeros((4, len(answers)))
    for place, answer in enumerate(answers):
        gold, said = answer.item.facts["attributable"], answer.score["predicted"]
        said = not gold if said is None and wrong else said
        if said is not None:
            cells[order.index((gold, said)), place] = 1
    return cells


def _draws(answers: Sequence[Answer], seed: Sequence[int]) -> Cells:
    """Return the tables of bootstrap resamples of whole groups, `[4, resamples]`."""
    import numpy as np  # noqa: PLC0415
    from counterfoil.attribution.statistics import resample_weights, sums_by_group  # noqa: PLC0415

    sums = sums_by_group(_cells(answers).T, [answer.item.drawn_with for answer in answers])
    return np.concatenate([weights @ sums for weights in resample_weights(len(sums), seed=seed)]).T


def _row(label: str, answers: Sequence[Answer], draws: Any) -> Row:  # noqa: ANN401 (an array)
    from counterfoil.attribution.statistics import percentile_interval  # noqa: PLC0415

    silent = sum(answer.score["predicted"] is None for answer in answers)
    row = {"claims": Figure(len(answers), digits=0)}
    if silent < len(answers):
        values, several = figures(_cells(answers).sum(axis=1)[:, None]), len({a.item.drawn_with for a in answers}) > 1
        for name, drawn in figures(draws).items():
            row[name] = Figure(float(values[name][0]), percentile_interval(drawn) if several else None)
    return Row(label, {"subset": label}, {**row, "not checked": Figure(silent, digits=0)})


def _mean(label: str, some: Sequence[Sequence[Answer]], draws: Sequence[Cells]) -> Row:
    import numpy as np  # noqa: PLC0415
    from counterfoil.attribution.statistics import percentile_interval  # noqa: PLC0415

    values = [figures(_cells(answers).sum(axis=1)[:, None])["macro F1"][0] for answers in some]
    found = percentile_interval(np.mean([figures(drawn)["macro F1"] for drawn in draws], axis=0))
    every = [answer for answers in some for answer in answers]
    silent = sum(answer.score["predicted"] is None for answer in every)
    row = {
        "claims": Figure(len(every), digits=0),
        "macro F1": Figure(float(np.mean(values)), found),
        "not checked": Figure(silent, digits=0),
    }
    return Row(label, {"subset": label}, row)
