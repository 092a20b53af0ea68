"""From a question and files to an answer whose every sentence has been checked: the steps of `counterfoil ask`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from counterfoil.attribution import Document, EntailmentModel, Status, cite, load_entailment, score_citations
from counterfoil.attribution.markers import without_markers
from counterfoil.attribution.passages import Passage
from counterfoil.attribution.reading import LeftOut, Reading, read_documents
from counterfoil.attribution.report import AnswerRecord, Report
from counterfoil.attribution.retrieval import retrieve

from .placing import placed
from .progress import Steps
from .settings import Settings

if TYPE_CHECKING:
    from counterfoil.models import LanguageModel

    from .generating import Generated
    from .prompting import Prompt

VERSIONS = ("counterfoil", "torch", "transformers", "sentence-transformers")


@dataclass(frozen=True)
class Outcome:
    """What a run found.

    Args:
        report: All that the page shows; its first answer is the one that was asked for.
        marked: The answers with their citation markers, in the same order.
        left_out: Files that are no documents.
        versions: Of the packages that make the answer what it is.
    """

    report: Report
    marked: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    versions: Mapping[str, str]


def answer(settings: Settings, steps: Steps) -> Outcome:
    """Reads, retrieves, decodes, cites and scores.

    Raises:
        DocumentError: A document cannot be read.
        ModelLoadError: A model cannot be loaded.
        ValueError: The settings cannot be met.
    """
    with steps.step("Reading documents"):
        reading = read_documents(settings.documents)
    found = _retrieved(settings, reading.documents, steps)
    language, prompt = _prompted(settings, found, steps)
    generated = _decoded(settings, language, prompt, steps)
    sources = list(dict.fromkeys(passage.document for passage in prompt.passages))
    with steps.step("Loading the entailment model"):
        entailment = load_entailment(settings.entailment)
    with steps.step("Checking citations"):
        checked = [_checked(label, text, sources, entailment) for label, text in generated]
    report = Report(
        question=settings.question,
        answers=tuple(record for record, _ in checked),
        documents=(*sources, *(document for document in reading.documents if document not in sources)),
        passages=prompt.passages,
        settings=_described(settings, language.name, entailment.name, prompt),
        notes=tuple(_notes(reading, prompt, generated, [record for record, _ in checked])),
    )
    versions = {name: version(name) for name in VERSIONS}
    return Outcome(report, tuple(marked for _, marked in checked), tuple(reading.left_out), versions)


def _retrieved(settings: Settings, documents: Sequence[Document], steps: Steps) -> list[Passage]:
    with steps.step("Loading the embedding model"):
        from counterfoil.models import load_embedding_model  # noqa: PLC0415  (seconds to import)

        quieten()
        model = load_embedding_model(settings.embedding_model)
    with steps.step("Embedding passages") as advance:
        return retrieve(settings.question, documents, model=model, top_k=settings.top_k, progress=advance)


def _prompted(settings: Settings, found: Sequence[Passage], steps: Steps) -> tuple[LanguageModel, Prompt]:
    from counterfoil.models import load_language_model  # noqa: PLC0415

    from .prompting import build_prompt  # noqa: PLC0415

    with steps.step("Loading the language model"):
        language = load_language_model(settings.model)
        return language, build_prompt(settings.question, found, language, settings.max_new_tokens)


def _decoded(settings: Settings, language: LanguageModel, prompt: Prompt, steps: Steps) -> list[tuple[str, Generated]]:
    from .generating import Limits, generate  # noqa: PLC0415

    limits = Limits(settings.max_new_tokens, settings.max_sentences)
    generated = []
    for label, alpha in settings.decodings:
        with steps.step(f"Decoding ({label})", settings.max_new_tokens) as advance:
            text = generate(
                language,
                prompt,
                alpha=alpha,
                limits=limits,
                on_token=lambda n, advance=advance: advance(n, settings.max_new_tokens),
            )
        generated.append((label, text))
    return generated


def _checked(
    label: str, generated: Generated, sources: Sequence[Document], entailment: EntailmentModel
) -> tuple[AnswerRecord, str]:
    cited = cite(generated.text, sources, entailment=entailment)
    scores = score_citations(cited.text, sources, entailment=entailment, quotes=False)
    text = without_markers(generated.text)
    trace = generated.trace if text == generated.text else ()
    record = AnswerRecord(
        label=label,
        text=text,
        statements=placed(text, cited.statements),
        recall=scores.recall,
        precision=scores.precision,
        f1=scores.f1,
        trace=trace,
    )
    return record, cited.text


def _described(settings: Settings, language: str, entailment: str, prompt: Prompt) -> dict[str, str]:
    return {
        "Language model": language,
        "Decoding": "; ".join(label for label, _ in settings.decodings),
        "Passages read": str(len(prompt.passages)),
        "Entailment model": entailment,
        "Longest answer": f"{settings.max_sentences} sentences, {settings.max_new_tokens} tokens",
        "Version": f"counterfoil {version('counterfoil')}",
    }


def _notes(
    reading: Reading, prompt: Prompt, generated: Sequence[tuple[str, Generated]], records: Sequence[AnswerRecord]
) -> list[str]:
    notes = [f"Left out: {left_out}." for left_out in reading.left_out]
    if prompt.dropped:
        n_found = len(prompt.dropped) + len(prompt.passages)
        notes.append(
            f"The model's context has room for {len(prompt.passages)} of the {n_found} passages found; "
            "the others were not read."
        )
    notes += [
        f"{label}: the last sentence was unfinished at {text.n_tokens} tokens and was left out. Raise --max-new-tokens."
        for label, text in generated
        if text.unfinished
    ]
    for record in records:
        unchecked = sum(verdict.status is Status.NOT_CHECKED for verdict in record.statements)
        if unchecked:
            notes.append(f"{record.label}: {unchecked} sentence(s) could not be checked and are not in the scores.")
    return notes


def quieten() -> None:
    """Keeps the libraries' own bars and advice off the screen; the command has its own."""
    from transformers.utils import logging  # noqa: PLC0415

    logging.set_verbosity_error()
    logging.disable_progress_bar()
