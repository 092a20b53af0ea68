"""The keys of a request that ask for citations, and the documents that it brings.

They stand in `vllm_xargs`, as the keys of contrasts do, and never reach the server behind the layer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from counterfoil.attribution import Document
from counterfoil.attribution.documents import as_documents
from counterfoil.decoding.methods.parameters import check_choice, check_flag
from counterfoil.decoding.vllm.contrast_params import check_case
from counterfoil.decoding.vllm.contrast_prompts import DOCUMENTS_KEY
from counterfoil.decoding.vllm.server.key_check import CHAT, CITATION_KEYS, RESPONSES, keys_of

CITE, MARKERS, UNSUPPORTED = KEYS = CITATION_KEYS
"""The keys of this layer alone; the documents' key is one of contrasts as well."""

VERIFY = "verify"
"""The value of `cf_cite` with which a sentence that nothing supports is decoded again."""

MARK, DROP = "mark", "drop"
"""What becomes of a sentence that nothing supports even then."""

PLACE = "vllm_xargs"
FIELDS = ("id", "title", "text", "url")
"""What a document may say of itself."""


@dataclass(frozen=True)
class CitationRequest:
    """What a request asks for.

    Args:
        documents: The documents, in the order of their numbers.
        markers: Whether `[n]` is to stand in the text.
        verify: Whether a sentence that nothing supports is decoded again.
        drop: Whether it is left out if nothing supports it even then.
    """

    documents: tuple[Document, ...]
    markers: bool = False
    verify: bool = False
    drop: bool = False


def asked_citations(request: Mapping[str, Any], endpoint: str) -> CitationRequest | None:
    """Return what citations a request asks for, or `None` if it asks for none.

    Args:
        request: The body of the request.
        endpoint: The path of its endpoint.

    Raises:
        ValueError: A key is misspelt, stands elsewhere than in `vllm_xargs`, has a value out of its range, comes to
            another endpoint than the chat's and that of responses, or lacks the key that it goes with; names the key,
            the value and the remedy.
    """
    for key, _, place in keys_of(request):
        if key.lower() in KEYS:
            check_case(key)
            if place != PLACE:
                raise ValueError(f"`{key}` has to be in `{PLACE}`, but stands {place}")
    keys = request.get(PLACE)
    given = [key for key in KEYS if isinstance(keys, dict) and key in keys]
    if not given:
        return None
    assert isinstance(keys, dict)
    cite, unsupported = keys.get(CITE, False), keys.get(UNSUPPORTED)
    if cite not in (True, False, VERIFY):
        raise ValueError(f"`{CITE}` has to be true, false or {VERIFY!r}, but is {cite!r}")
    if MARKERS in keys:
        check_flag(MARKERS, keys[MARKERS])
    if unsupported is not None:
        check_choice(UNSUPPORTED, unsupported, (MARK, DROP))
        if cite != VERIFY:
            raise ValueError(f"`{UNSUPPORTED}` has to go with `{CITE}`: {VERIFY!r}, but that is {_given(keys)}")
    if not cite:
        if keys.get(MARKERS):
            raise ValueError(f"`{MARKERS}` has to go with `{CITE}`: true, but that is {_given(keys)}")
        return None
    _check_endpoint(endpoint, verify=cite == VERIFY)
    if DOCUMENTS_KEY not in keys:
        raise ValueError(f"`{CITE}` has to go with `{DOCUMENTS_KEY}`, the documents to cite, but they are missing")
    documents = tuple(read_documents(keys[DOCUMENTS_KEY]))
    return CitationRequest(documents, bool(keys.get(MARKERS)), cite == VERIFY, unsupported == DROP)


def _check_endpoint(endpoint: str, *, verify: bool) -> None:
    if endpoint not in (CHAT, RESPONSES):
        raise ValueError(f"`{CITE}` is understood at {CHAT} and {RESPONSES}, but not at {endpoint}")
    if verify and endpoint == RESPONSES:
        raise ValueError(
            f"`{CITE}` has to be true at {RESPONSES}, but is {VERIFY!r}: sentences are decoded again at {CHAT} alone"
        )


def _given(keys: Mapping[str, Any]) -> str:
    return json.dumps(keys[CITE]) if CITE in keys else "missing"


def read_documents(value: object) -> list[Document]:
    """Return the documents of a request.

    Args:
        value: A list of texts, which are named by their numbers, and of objects with a `text` and, if given, an `id`
            (else the number), a `title` and a `url`.

    Raises:
        ValueError: It is something else, a document has another field, no text or no id of its own.
    """
    if not isinstance(value, list) or not value:
        raise ValueError(f"`{DOCUMENTS_KEY}` has to be a list of texts or objects with a text, but is {_short(value)}")
    found = [_document(number, each) for number, each in enumerate(value, start=1)]
    try:
        return as_documents(found)
    except ValueError as error:
        raise ValueError(str(error).replace("`documents`", f"`{DOCUMENTS_KEY}`")) from error


def _document(number: int, value: object) -> Document:
    fields = {"text": value} if isinstance(value, str) else value
    name = f"`{DOCUMENTS_KEY}[{number - 1}]`"
    if not isinstance(fields, dict):
        raise ValueError(f"{name} has to be a text or an object with a text, but is {_short(value)}")
    for field, content in fields.items():
        if field not in FIELDS:
            raise ValueError(f"{name} has to have the fields {', '.join(FIELDS)} alone, but has `{field}`")
        if content is not None and not isinstance(content, str):
            raise ValueError(f"the {field} of {name} has to be a text, but is {_short(content)}")
    if not (fields.get("text") or "").strip():
        raise ValueError(f"{name} has to have a text, but has none")
    url = fields.get("url")
    metadata = {"url": url} if url else {}
    return Document(fields.get("id") or str(number), fields["text"], fields.get("title") or "", metadata)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
