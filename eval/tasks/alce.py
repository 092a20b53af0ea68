"""ALCE (Gao et al., EMNLP 2023, arXiv 2305.14627): answers with citations, by all figures of its scorer.

The file is what ALCE's `run.py` writes (`output`, `docs`), or JSON lines with RAGAS columns. Citation recall and
precision are ALCE's number for number; in a list (QAMPARI) each item is read behind the question. The other figures
are given if the data have what they need, and those that ask another model if they are asked for:

- length: words of the answer.
- STR-EM, STR-Hit: share of the short answers that stand in the answer; share of answers in which all do (`qa_pairs`).
- ROUGE-Lsum: of the better of two references (`annotations`, or `answer`).
- QA-EM, QA-F1, QA-Hit: what a reader answers from the answer (`qa_pairs` and a reader).
- claim recall: share of the claims that the answer supports (`claims`).
- MAUVE: of question and answer, 100 words, against question and reference, in percent.
- QAMPARI: predictions, precision, recall, recall-5, F1, F1-5 (`answers`).

Shares are in [0, 1]; ALCE prints them times 100. Its ROUGE is the median of 1,000 resamples that no seed fixes; ours is
the mean.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

from ..aggregate import mean, statistic
from ..dataset import Dataset
from ..measures.short_answers import exact_match, is_present, list_figures, token_f1
from ..measuring_models import MeasuringModels
from ..requests import Request, Response
from ..results import Figure, Row
from ..task import Answer, Item, MethodAnswers, Task

if TYPE_CHECKING:
    from counterfoil.attribution import Document
    from counterfoil.attribution.entailment import Judgement
    from counterfoil.attribution.entailment.batching import Steps
    from counterfoil.attribution.text.statements import Splitter

    from ..statistics import Floats, Weighted

_MARKER = re.compile(r" ?\[\d+")
SCORES = (
    "recall", "precision", "mean F1", "length", "STR-EM", "STR-Hit", "ROUGE-Lsum", "QA-EM", "QA-F1", "QA-Hit",
    "claim recall",
)  # fmt: skip
LISTS = ("predictions", "precision", "recall", "recall-5", "F1", "F1-5")


@dataclass(frozen=True)
class Cited(Request):
    """An answer whose citations are scored, and whose claims if it has any.

    The response has `recall` and `precision` (`None` if the answer is left out), `claims` (whether each is supported)
    and maybe `failure`.

    Args:
        answer: The answer with its markers.
        question: What was asked.
        documents: What the markers refer to.
        list_answer: Whether it is a list whose items are read behind the question.
        splitter: Name of what cuts it into sentences.
        max_citations: How many citations of a sentence are read.
        claims: What the answer is to support.
    """

    engine = "judge"

    answer: str
    question: str | None
    documents: tuple[Document, ...]
    list_answer: bool
    splitter: str
    max_citations: int
    claims: tuple[str, ...] = ()

    def recorded(self) -> dict[str, Any]:
        """Return the request as JSON."""
        return asdict(self)

    def steps(self, name: str, threshold: float) -> Steps[Response]:
        """Yield the pairs that citations and claims raise, and return the response."""
        from counterfoil.attribution.entailment import Pair  # noqa: PLC0415 (tasks are listed without it)
        from counterfoil.attribution.scoring.score import Answer as Scored  # noqa: PLC0415
        from counterfoil.attribution.scoring.score import Scoring  # noqa: PLC0415
        from counterfoil.attribution.text.statements import load_splitter  # noqa: PLC0415

        scoring = Scoring(
            mode="alce",
            sentences=load_splitter(self.splitter),
            list_answer=self.list_answer,
            max_citations=self.max_citations,
        )
        report = yield from scoring.steps(Scored(self.answer, self.documents, self.question), name, threshold)
        text = without_citations(first_line(self.answer))
        asked = [Pair(text, claim) for claim in self.claims] if text.strip() else []  # no text supports no claim
        judged: list[Judgement] = (yield asked) if asked else []
        verdicts = [_verdict(one, threshold) for one in judged] if asked else [False] * len(self.claims)
        parts = [part for one in report.statements for part in (one, *one.citations)]
        failures = [part.failure for part in (*parts, *judged) if part.failure]
        found = {"recall": report.recall, "precision": report.precision, "claims": verdicts}
        return {**found, "failure": failures[0]} if failures else found


@dataclass(frozen=True)
class ALCE(Task):
    """The task.

    Args:
        answers: How an answer is read: as sentences, as a list, or as ALCE decides: a list if "qampari" is in the name
            of the file.
        sentences: What cuts answers into sentences: ALCE's own nltk, sentencex, or nltk if its data are there.
        max_citations: Citations of a sentence that are read, at least 1.
        claims: Ask for the recall of the claims too.
        reader: Hub id or folder of a model that answers questions from the answer, for the QA figures; ALCE's is
            gaotianyu1350/roberta-large-squad.
        mauve: Compute MAUVE too, with the measuring model.
        cot: Take what stands behind the first colon for the list, in QAMPARI's figures (ALCE's --cot).
    """

    name = "alce"
    version = 2
    summary = "an entailment model on answers with citations: ALCE's recall and precision, and its other figures"
    data = "alce/*.json"
    one_file = True
    asks = Cited
    measures = ("measuring_model",)
    row_title = "judge"

    answers: Literal["auto", "sentences", "list"] = "auto"
    sentences: Literal["auto", "nltk", "sentencex"] = "auto"
    max_citations: int = 3
    claims: bool = False
    reader: str = ""
    mauve: bool = False
    cot: bool = False

    def __post_init__(self) -> None:
        if self.max_citations < 1:
            raise ValueError(f"`max_citations` has to be at least 1, but is {self.max_citations}")

    def read(self, dataset: Dataset, models: MeasuringModels) -> Sequence[Item]:
        """Return the answers of a file.

        Raises:
            ValueError: One cannot be read, its number is named; or it lacks what was asked for.
        """
        as_list = self.answers == "list" or (self.answers == "auto" and "qampari" in dataset.name.lower())
        return [self._item(number, raw, as_list) for number, raw in enumerate(records(dataset), start=1)]

    def score(self, item: Item, response: Response) -> Mapping[str, Any]:
        """Return ALCE's figures of one answer, `None` for those that the data do not allow."""
        facts, text = item.facts, without_citations(first_line(cast("Cited", item.request).answer))
        recall, precision = response["recall"], response["precision"]
        present = [is_present(answers, text) for answers in facts["short_answers"]]
        claims = [one for one in response["claims"] if one is not None]
        listed = text.partition(":")[2] if self.cot else text
        lists = list_figures(listed, facts["list"]) if facts["list"] else {}
        return {
            **dict.fromkeys(("recall", "precision", "mean F1")),
            "length": len(text.split()),
            "STR-EM": sum(present) / len(present) if present else None,
            "STR-Hit": all(present) if present else None,
            "ROUGE-Lsum": rouge(text, facts["references"], self._split) if facts["references"] else None,
            "claim recall": sum(claims) / len(claims) if claims else None,
            **{f"QAMPARI {name}": lists.get(name) for name in LISTS},
            **({} if recall is None or precision is None else _citations(recall, precision)),
        }

    def measured(self, answers: Sequence[Answer], models: MeasuringModels) -> Sequence[Answer]:
        """Return the answers with what a reader makes of them."""
        if not self.reader:
            return answers
        from ..measures.reading import Reader  # noqa: PLC0415 (torch)

        reader, found = Reader(self.reader), []
        for answer in answers:
            text = without_citations(first_line(cast("Cited", answer.item.request).answer))
            given = reader.answers(answer.item.facts["questions"], text)
            exact, f1 = (
                [one(right, said) for right, said in zip(answer.item.facts["short_answers"], given, strict=True)]
                for one in (exact_match, token_f1)
            )
            n = len(given)
            scores = {"QA-EM": sum(exact) / n, "QA-F1": sum(f1) / n, "QA-Hit": all(exact)} if n else {}
            found.append(Answer(answer.item, answer.response, {**answer.score, **scores}))
        return found

    def figures(
        self, answers: Sequence[Answer], first: Sequence[Answer] | None, *, seed: int, models: MeasuringModels
    ) -> Mapping[str, Figure]:
        """Return the figures that some answer has."""
        found: dict[str, Figure] = {"answers": Figure(sum(a.score["recall"] is not None for a in answers), digits=0)}
        for name in (*SCORES, *(f"QAMPARI {name}" for name in LISTS)):
            if any(answer.score.get(name) is not None for answer in answers):
                digits = 1 if name in ("length", "QAMPARI predictions") else 3
                some = [answer for answer in answers if answer.score.get(name) is not None]
                found |= statistic(mean(name), digits=digits)(name, some, None, seed)
            if name == "mean F1" and "recall" in found:
                found |= statistic(_f1_of_means)("F1 of means", answers, None, seed)
        if self.mauve:
            found["MAUVE"] = Figure(_mauve(answers, models), digits=1)
        failures = sum(bool(answer.response.get("failure")) for answer in answers)
        return {**found, "not checked": Figure(failures, digits=0)}

    def details(self, found: Sequence[MethodAnswers]) -> Mapping[str, Any]:
        """Return what cut the answers into sentences."""
        return {"sentences": self._splitter_name}

    def notes(self, found: Sequence[MethodAnswers], rows: Sequence[Row]) -> Iterable[str]:
        """Return whether other sentences were judged than ALCE's, and what lacks for a figure that was asked for."""
        answers = found[0].answers
        if self._splitter_name != "nltk" and not all(cast("Cited", a.item.request).list_answer for a in answers):
            yield "sentences are cut by sentencex; ALCE's are NLTK's punkt: python -m nltk.downloader punkt_tab."
        if self.mauve and rows[0].figures["MAUVE"].value is None:
            yield "MAUVE needs 40 answers with a reference (`answer`) and a question, and is not given."

    @cached_property
    def _splitter_name(self) -> str:
        from counterfoil.attribution.text.statements import load_splitter  # noqa: PLC0415

        if self.sentences != "auto":
            return self.sentences
        try:
            load_splitter("nltk")
        except (ImportError, ValueError):
            return "sentencex"
        return "nltk"

    @cached_property
    def _split(self) -> Splitter:
        from counterfoil.attribution.text.statements import load_splitter  # noqa: PLC0415

        return load_splitter(self._splitter_name)

    def _item(self, number: int, raw: Any, as_list: bool) -> Item:  # noqa: ANN401 (any JSON value)
        from counterfoil.attribution.documents import as_documents  # noqa: PLC0415
        from counterfoil.attribution.io.answers import UnusableError, read_answer  # noqa: PLC0415

        try:
            read = read_answer(raw)
        except UnusableError as error:
            raise ValueError(f"answer {number} {error}") from error
        if as_list and read.question is None:
            raise ValueError(f"answer {number} has no question, which the items of a list are read with")
        pairs, claims = raw.get("qa_pairs") or [], tuple(raw.get("claims") or ()) if self.claims else ()
        if self.claims and not claims:
            raise ValueError(f"answer {number} has no `claims`, whose recall is asked for")
        if self.reader and not pairs:
            raise ValueError(f"answer {number} has no `qa_pairs`, which the reader is to answer")
        facts = {
            "questions": [pair["question"] for pair in pairs] if self.reader else [],
            "short_answers": [list(pair["short_answers"]) for pair in pairs],
            "references": [] if as_list else _references(raw),
            "reference": raw.get("answer") if isinstance(raw.get("answer"), str) else None,
            "list": [list(aliases) for aliases in raw.get("answers") or []] if as_list else [],
        }
        documents = tuple(as_documents(read.documents))
        request = Cited(read.text, read.question, documents, as_list, self._splitter_name, self.max_citations, claims)
        return Item(read.id or str(number), request, facts)


TASK = ALCE()


def records(dataset: Dataset) -> list[Any]:
    """Return the JSON values of a result file of ALCE (`data`), of a JSON list, or of JSON lines.

    Raises:
        ValueError: A line is no JSON, its number is named; or there is no answer.
    """
    try:
        whole = json.loads(dataset.text)
    except ValueError:
        return dataset.records("JSON", lambda _, value: value)
    found = whole
    if isinstance(whole, dict):
        found = whole["data"] if "data" in whole and not {"response", "output"} & whole.keys() else [whole]
    if not isinstance(found, list) or not found:
        raise ValueError(f"{dataset.name} has to hold an answer with its documents, but holds none")
    return found


def first_line(answer: str) -> str:
    """Return what ALCE reads of an answer: its first line, without the token that ends a turn."""
    return answer.strip().split("\n")[0].replace("<|im_end|>", "")


def without_citations(text: str) -> str:
    """Return a text as ALCE frees it of markers: with every ` |` and `]` gone."""
    return _MARKER.sub("", text).replace(" |", "").replace("]", "")


def rouge(text: str, references: Sequence[str], split: Splitter) -> float:
    """Return ROUGE-Lsum of a text in lower case, by the better of its references.

    Raises:
        ImportError: Without rouge-score; the message has the `pip install` line.
    """
    try:
        from rouge_score.rouge_scorer import RougeScorer  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise ImportError(f'ROUGE needs rouge-score ({error}): pip install "counterfoil[eval]"') from error
    scorer = RougeScorer(["rougeLsum"], use_stemmer=True)
    said, *others = (_lines(one.lower(), split) for one in (text, *references))
    return max(scorer.score(other, said)["rougeLsum"].fmeasure for other in others)


def _lines(text: str, split: Splitter) -> str:
    return "\n".join(piece if isinstance(piece, str) else piece.text for piece in split(text))


def _verdict(found: Judgement, threshold: float) -> bool | None:
    if found.supported is None:
        return None
    return found.supported >= threshold if found.decided is None else found.decided


def _references(raw: Mapping[str, Any]) -> list[str]:
    annotations = raw.get("annotations")
    if annotations:
        return [one["long_answer"] for one in annotations[:2]]
    return [raw["answer"]] if isinstance(raw.get("answer"), str) else []


def _f1_of_means(answers: Sequence[Answer]) -> Weighted:
    from counterfoil.attribution.statistics import proportions  # noqa: PLC0415

    recall, precision = mean("recall")(answers), mean("precision")(answers)

    def weighted(weights: Floats) -> Floats:
        r, p = recall(weights), precision(weights)
        return proportions(2 * r * p, r + p)

    return weighted


def _mauve(answers: Sequence[Answer], models: MeasuringModels) -> float | None:
    from ..measures.naturalness import mauve  # noqa: PLC0415 (torch)

    given = [(cast("Cited", answer.item.request), answer.item.facts["reference"]) for answer in answers]
    some = [(cited.question, reference, cited.answer) for cited, reference in given if cited.question and reference]
    texts = [(_shown(q, reference), _shown(q, without_citations(first_line(said)))) for q, reference, said in some]
    references, said = zip(*texts, strict=True) if texts else ((), ())
    return mauve(references, said, models.language, equal_lengths=False, longest=512)


def _shown(question: str, text: str) -> str:
    return " ".join(f"{question} {text.strip()}".split()[:100]).rstrip(string.punctuation)


def _citations(recall: float, precision: float) -> dict[str, float]:
    together = recall + precision
    f1 = 2 * recall * precision / together if together else 0.0
    return {"recall": recall, "precision": precision, "mean F1": f1}
