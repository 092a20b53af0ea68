"""Answer a question from documents: retrieve, decode against the contrast without them, cite, score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, get_args

from counterfoil.attribution import Document, EntailmentModel, load_entailment
from counterfoil.attribution.documents import as_documents
from counterfoil.attribution.entailment.cached import CachedEntailment, MemoryCache
from counterfoil.attribution.entailment.detail_checked import detail_checked, measured
from counterfoil.attribution.retrieval import Passage, retrieve
from counterfoil.decoding.methods import Method
from counterfoil.models import load_embedding_model, load_language_model

from .citations import checked_answer, notes, with_located_words
from .contrasts import compares_documents, decoding_label, document_methods, weighted_method
from .engine import Engine, Generated, Limits, Prompt, Written
from .excerpts import Excerpt, excerpts
from .results import AnswerBegun, Event, GroundedAnswer
from .running_check import RunningCheck

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Advance = Callable[[int, int], None]
"""Called with how much of a step is done and how much there is."""

StepProgress = Callable[[str, int | None], AbstractContextManager[Advance]]
"""Shows one step of the work: its description and, if known, how much there is."""

Retriever = Callable[[str], Sequence[Passage | Document | str]]
"""Returns what a question is to be answered from, the best first."""

LocateMethod = Literal["alignment", "hidden_states", "none"]

LOCATE_METHODS: tuple[str, ...] = get_args(LocateMethod)


def answer(
    question: str,
    documents: Sequence[Document | str] | Retriever,
    *,
    engine: Engine | str | None = None,
    method: Method | str | None = "cad",
    strength: float | None = None,
    compare: Method | str | bool = False,
    entailment: EntailmentModel | str = "local",
    detail_check: bool = True,
    check_with: EntailmentModel | str | None = None,
    embedding_model: SentenceTransformer | str | None = None,
    top_k: int = 3,
    max_new_tokens: int = 80,
    max_sentences: int = 3,
    drafts: bool = True,
    locate: LocateMethod = "none",
    progress: StepProgress | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> GroundedAnswer:
    """Answer a question from documents, with citations that have been checked.

    Args:
        question: What is asked.
        documents: The documents to search; strings are documents named by their numbers. Or a function that returns
            passages (or documents, to be read whole) for the question, the best first: all of them are read as far as
            the context reaches.
        engine: What writes the answer: an :class:`~counterfoil.grounding.engine.Engine`, the hub id or folder of a
            language model, or the address of a server with one model, as `http://localhost:8000/v1`; `None` for
            SmolLM2-135M-Instruct.
        method: Decodes against the same question without documents: a method that compares two prompts
            (:class:`~counterfoil.decoding.methods.CAD`, `CFG`, `CID`, one of your own, ...), or its name for one with
            its defaults. `None` or `"none"` decodes plainly.
        strength: Of a method that is named: its first parameter, the weight of its contrast (CAD's `strength`, CFG's
            `guidance_scale`), in the method's range; `None` for its default.
        compare: Decode in another way as well: true for plainly, or a method, or its name.
        entailment: What checks the citations: a model, or its name as
            :func:`~counterfoil.attribution.load_entailment` takes it.
        detail_check: Whether details that a source gives otherwise count against support; see
            :mod:`~counterfoil.attribution.detail_check`.
        check_with: What recall and precision of the citations are judged by; `None` for `entailment`, which then grades
            its own citations.
        embedding_model: What finds the passages: a sentence-transformers model, or its hub id or folder; `None` for
            all-MiniLM-L6-v2. Not used with a retriever.
        top_k: How many passages are retrieved, at least 1.
        max_new_tokens: The longest answer in tokens, at least 1.
        max_sentences: The longest answer in sentences, at least 1.
        drafts: Whether a language model that is named reads what the answer copies several tokens at once: the same
            answer, in less time. An engine that is given decides for itself.
        locate: Method that locates the words of each clause in the documents, for the page; `"none"` for none.
        progress: Shows the steps of the work.
        on_event: Called with what is known before the first word, with the words as they are written, and with each
            sentence when it is finished and checked. What it raises ends the work and is passed on.

    Returns:
        The answer. Its first sentence with its sources, for example, is `statements[0]` of it.

    Raises:
        TypeError: `documents` is one string, or holds something else.
        ValueError: The question or `documents` are empty, or a parameter is out of range.
        ModelLoadError: A model cannot be loaded.
    """
    limits = Limits(max_new_tokens, max_sentences)
    decodings = _decodings(method, strength, compare)
    _check(question, documents, top_k, locate)
    step: StepProgress = progress or _no_progress
    passages, everything, embedding = _retrieved(question, documents, embedding_model, top_k, step)
    with step("Loading the language model", None):
        writer = load_engine(engine, drafts)
        prompt = writer.prompt(question, passages, max_new_tokens)
    sources = excerpts(prompt.passages)
    read_first = _read_first(sources, everything)
    judge = None
    if on_event is not None:
        on_event(AnswerBegun(tuple(label for label, _ in decodings), read_first, prompt.passages))
        judge = _judge(entailment, detail_check, step)
    generated = []
    for number, (label, chosen) in enumerate(decodings):
        check = RunningCheck(question, sources, judge, limits, on_event, number) if on_event and judge else None
        generated.append((label, _generated(writer, prompt, label, chosen, limits, step, check)))
    judge = judge or _judge(entailment, detail_check, step)
    scorer = judge if check_with is None else _judge(check_with, detail_check, step)
    with step("Checking citations", None):
        checked = [checked_answer(label, question, text, sources, judge, scorer) for label, text in generated]
    unlocated: tuple[str, ...] = ()
    if locate != "none":
        with step("Locating words", None):
            checked, unlocated = with_located_words(question, checked, sources, locate, embedding, judge)
    return GroundedAnswer(
        question=question,
        answers=tuple(checked),
        documents=read_first,
        passages=prompt.passages,
        settings={
            "Language model": writer.name,
            "Decoding": "; ".join(label for label, _ in decodings),
            "Passages read": str(len(prompt.passages)),
            "Entailment model": judge.name,
            "Scores judged by": scorer.name,
            **({"Judge measured": str(told)} if (told := measured(scorer)) else {}),
            "Longest answer": f"{max_sentences} sentences, {max_new_tokens} tokens",
            "Version": f"counterfoil {version('counterfoil')}",
        },
        notes=(*notes(prompt, generated, checked), *unlocated),
    )


def _judge(entailment: EntailmentModel | str, detail_check: bool, step: StepProgress) -> EntailmentModel:
    """Return the judge, which remembers: what a running check asked, the whole answer asks again."""
    with step("Loading the entailment model", None):
        named = load_entailment(entailment) if isinstance(entailment, str) else entailment
    bare = detail_checked(named, on=False)
    return detail_checked(CachedEntailment(bare, cache=MemoryCache()), detail_check)


def _check(question: str, documents: Sequence[Document | str] | Retriever, top_k: int, locate: str) -> None:
    if not question.strip():
        raise ValueError("`question` has to hold a word, but is empty")
    if not callable(documents) and not as_documents(documents):
        raise ValueError("`documents` has to hold a document, but is empty")
    if top_k < 1:
        raise ValueError(f"`top_k` has to be at least 1, but is {top_k}")
    if locate not in LOCATE_METHODS:
        raise ValueError(f"`locate` has to be one of {', '.join(LOCATE_METHODS)}, but is {locate!r}")


def _decodings(
    method: Method | str | None, strength: float | None, compare: Method | str | bool
) -> list[tuple[str, Method | None]]:
    """Return label and method of each answer; `None` is plain decoding."""
    if isinstance(method, str):
        first = weighted_method(method, strength)
    elif strength is not None:
        raise ValueError(f"`strength` has to be left out where `method` is no name, but is {strength!r}")
    else:
        first = _checked_method(method)
    found = [first]
    if compare is True and first is None:
        raise ValueError(
            "`compare` sets a method beside plain decoding, so `method` has to be one of "
            f"{', '.join(document_methods())}, but is none"
        )
    if compare is not False:
        second = None if compare is True else compare
        found.append(weighted_method(second, None) if isinstance(second, str) else _checked_method(second))
        if found[0] == found[1]:
            raise ValueError(f"`compare` has to differ from `method`, but both are {decoding_label(first)}")
    return [(decoding_label(one), one) for one in found]


def _checked_method(method: Method | None) -> Method | None:
    if method is not None:
        if not compares_documents(type(method)):
            names = ", ".join(document_methods())
            raise ValueError(f"`method` has to compare two prompts, as {names} do, but is {method.name}")
        method.check_contrasts(1)
    return method


def _retrieved(
    question: str,
    documents: Sequence[Document | str] | Retriever,
    embedding_model: SentenceTransformer | str | None,
    top_k: int,
    step: StepProgress,
) -> tuple[list[Passage], list[Document], SentenceTransformer | None]:
    """Return the passages to read, the best first, all documents, and the model that found the passages."""
    if callable(documents):
        with step("Retrieving passages", None):
            found = _as_passages(documents(question))
        return found, list({id(passage.document): passage.document for passage in found}.values()), None
    everything = as_documents(documents)
    with step("Loading the embedding model", None):
        if embedding_model is None or isinstance(embedding_model, str):
            embedding_model = load_embedding_model(embedding_model)
    with step("Embedding passages", None) as advance:
        found = retrieve(question, everything, model=embedding_model, top_k=top_k, progress=advance)
    if not found:
        raise ValueError("`documents` has to hold text, but every document is blank")
    return found, everything, embedding_model


def _as_passages(found: Sequence[Passage | Document | str]) -> list[Passage]:
    if not found:
        raise ValueError("`documents` has to return a passage for the question, but returned none")
    passages = []
    for number, each in enumerate(found, start=1):
        document = Document(str(number), each) if isinstance(each, str) else each
        passages.append(document if isinstance(document, Passage) else Passage(document, 0, len(document.text)))
    as_documents(list({id(passage.document): passage.document for passage in passages}.values()))  # have different ids
    return passages


def is_address(engine: str) -> bool:
    """Return whether the name of an engine is the address of a server."""
    return engine.startswith(("http://", "https://"))


def load_engine(engine: Engine | str | None, drafts: bool = True) -> Engine:
    """Return an engine: the one given, a server by its address, else a language model in this process.

    Args:
        engine: As :func:`answer` takes it.
        drafts: Likewise.

    Raises:
        ValueError: The server cannot be reached, or serves several models.
        ModelLoadError: The model cannot be loaded.
    """
    if engine is not None and not isinstance(engine, str):
        return engine
    if engine is not None and is_address(engine):
        from .served_engine import ServedEngine  # noqa: PLC0415  (not needed by the others)

        return ServedEngine(engine)
    from .local_engine import LocalEngine  # noqa: PLC0415  (torch)

    return LocalEngine(load_language_model(engine), drafts=drafts)


def _generated(
    engine: Engine,
    prompt: Prompt,
    label: str,
    method: Method | None,
    limits: Limits,
    step: StepProgress,
    check: RunningCheck | None,
) -> Generated:
    with step(f"Decoding ({label})", limits.max_new_tokens) as advance:

        def on_text(so_far: Written) -> None:
            advance(so_far.n_tokens, limits.max_new_tokens)
            if check is not None:
                check.written(so_far)

        found = engine.generate(prompt, method=method, limits=limits, on_text=on_text)
        if check is not None:
            check.ended(found)
        return found


def _read_first(sources: Sequence[Excerpt], documents: Sequence[Document]) -> tuple[Document, ...]:
    """Return all documents, those that were read first, in the order of the citation markers."""
    numbered = {source.document.id: source.document for source in sources}
    return (*numbered.values(), *(document for document in documents if document.id not in numbered))


def _no_progress(description: str, total: int | None) -> AbstractContextManager[Advance]:
    return nullcontext(lambda done, of: None)
