"""From a question and files to an answer whose every sentence has been checked: the steps of `counterfoil ask`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from counterfoil.attribution import (
    Document,
    EntailmentModel,
    StatementVerdict,
    cite,
    load_entailment,
    score_citations,
)
from counterfoil.attribution.excerpts import Excerpt, excerpts
from counterfoil.attribution.loaders.documents import LeftOut, read_documents
from counterfoil.attribution.locating.registry import load_model
from counterfoil.attribution.passages import Passage
from counterfoil.attribution.report import AnswerRecord, Report
from counterfoil.attribution.report.precompute import LONGEST, locating
from counterfoil.attribution.retrieval import retrieve
from counterfoil.attribution.text.markers import without_markers

from .describing import described, notes
from .placing import placed
from .progress import Steps
from .settings import Settings

if TYPE_CHECKING:
    from counterfoil.models import LanguageModel
    from sentence_transformers import SentenceTransformer

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
    embedding, found = _retrieved(settings, reading.documents, steps)
    language, prompt = _prompted(settings, found, steps)
    generated = _decoded(settings, language, prompt, steps)
    sources = excerpts(prompt.passages)
    with steps.step("Loading the entailment model"):
        entailment = load_entailment(settings.entailment)
    with steps.step("Checking citations"):
        checked = [_checked(label, text, sources, entailment) for label, text in generated]
    records = [record for record, _ in checked]
    located, unlocated = _located_beforehand(settings, records, sources, (embedding, entailment), steps)
    report = Report(
        question=settings.question,
        answers=located,
        documents=_sources_first(sources, reading.documents),
        passages=prompt.passages,
        settings=described(settings, language.name, entailment.name, prompt),
        notes=(*notes(reading, prompt, generated, records), *unlocated),
    )
    versions = {name: version(name) for name in VERSIONS}
    return Outcome(report, tuple(marked for _, marked in checked), tuple(reading.left_out), versions)


def _retrieved(
    settings: Settings, documents: Sequence[Document], steps: Steps
) -> tuple[SentenceTransformer, list[Passage]]:
    with steps.step("Loading the embedding model"):
        from counterfoil.models import load_embedding_model  # noqa: PLC0415  (seconds to import)

        quieten()
        model = load_embedding_model(settings.embedding_model)
    with steps.step("Embedding passages") as advance:
        return model, retrieve(settings.question, documents, model=model, top_k=settings.top_k, progress=advance)


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
    for label, strength in settings.decodings:
        with steps.step(f"Decoding ({label})", settings.max_new_tokens) as advance:
            text = generate(
                language,
                prompt,
                strength=strength,
                limits=limits,
                on_token=lambda n, advance=advance: advance(n, settings.max_new_tokens),
            )
        generated.append((label, text))
    return generated


def _checked(
    label: str, generated: Generated, sources: Sequence[Excerpt], entailment: EntailmentModel
) -> tuple[AnswerRecord, str]:
    """The answer checked against what the model read: the rest of a long document is neither searched nor cited."""
    read = [source.read for source in sources]
    cited = cite(generated.text, read, entailment=entailment)
    scores = score_citations(cited.text, read, entailment=entailment, quotes=False)
    text = without_markers(generated.text)
    trace = generated.trace if text == generated.text else ()
    record = AnswerRecord(
        label=label,
        text=text,
        statements=placed(text, [_located(verdict, sources) for verdict in cited.statements]),
        recall=scores.recall,
        precision=scores.precision,
        f1=scores.f1,
        trace=trace,
    )
    return record, cited.text


def _located_beforehand(
    settings: Settings,
    records: Sequence[AnswerRecord],
    sources: Sequence[Excerpt],
    models: tuple[SentenceTransformer, EntailmentModel],
    steps: Steps,
) -> tuple[tuple[AnswerRecord, ...], tuple[str, ...]]:
    """The answers with their clauses located in the documents that were read, and a note where there are none."""
    embedding, entailment = models
    documents = [source.document for source in sources]
    characters = sum(len(document.text) for document in documents)
    if settings.locate == "none" or not documents:
        return tuple(records), ()
    if characters > LONGEST:
        note = (
            f"Words were not located beforehand in {characters:,} characters; counterfoil view locates them when asked."
        )
        return tuple(records), (note,)
    with steps.step("Locating words"):
        model = embedding if settings.locate == "alignment" else load_model(settings.locate, None, {})[0]
        read = Report(settings.question, tuple(records), tuple(documents))
        return locating(settings.locate, model, entailment)(read).answers, ()


def _located(verdict: StatementVerdict, sources: Sequence[Excerpt]) -> StatementVerdict:
    by_id = {source.document.id: source for source in sources}
    located = (by_id[c.document].located(c) if c.document in by_id else c for c in verdict.citations)
    return replace(verdict, citations=tuple(located))


def _sources_first(sources: Sequence[Excerpt], documents: Sequence[Document]) -> tuple[Document, ...]:
    """All documents, in the order of the citation markers as far as they are cited."""
    numbered = {source.document.id: source.document for source in sources}
    return (*numbered.values(), *(document for document in documents if document.id not in numbered))


def quieten() -> None:
    """Keeps the libraries' own bars and advice off the screen; the command has its own."""
    from transformers.utils import logging  # noqa: PLC0415

    logging.set_verbosity_error()
    logging.disable_progress_bar()
