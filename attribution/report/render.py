"""One self-contained HTML file: no network, no script but its own."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from ..io.atomic import write_text
from ..serialization import without_surrogates
from .model import LABELS, Report, Summary, likelihood
from .payload import Live, page_data
from .truncation import Case, truncated

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

ROOM = 4_000_000
"""Characters of documents on the page of one question."""

OVERRIDES = ("\u202d", "\u202e")
"""Characters that show letters in another order than they are read in; each is shut in where it can turn nothing."""

SCRIPTS = ("text", "page", "answer", "sources", "finding", "selection", "live", "list", "start")
"""The parts of the page's script, in the order in which they are put together."""


def render(report: Report) -> str:
    """Return the page of one question as HTML.

    Every text of the report is escaped, and the content policy of the page allows only the style and the script that
    it was made with: what a document contains is shown, never run. If the documents are longer than :data:`ROOM`
    together, those that nobody cites are cut first, and the page says what is left out.
    """
    return render_cases([truncated(report, ROOM)], title=report.question or "Answer")


def render_cases(cases: Sequence[Case], *, title: str, summary: Summary | None = None, live: Live | None = None) -> str:
    """Return the page of one or many questions as HTML.

    Args:
        cases: What is shown, in order.
        title: Of the page.
        summary: Of the corpus; `None` for a single question.
        live: How the script asks the server that the page comes from; `None` for a file.
    """
    page = _template().render(
        title=title,
        summary=summary,
        cases=cases,
        labels=LABELS,
        likelihood=likelihood,
        data=page_data(cases, title=title, summary=summary, live=live),
        style=_resource("page.css"),
        script=_script(),
        policy=policy(live=live is not None),
    )
    return without_surrogates(page)


def policy(*, live: bool = False) -> str:
    """Return the content policy of every page: its own style and script, and with `live` requests to its own server."""
    asks = "connect-src 'self'; " if live else ""
    return (
        f"default-src 'none'; style-src {_hash(_resource('page.css'))}; script-src {_hash(_script())}; {asks}"
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def write_report(path: str | os.PathLike[str], report: Report) -> None:
    """Write the page to `path`, all of it or, if that fails, nothing.

    Raises:
        OSError: If the file cannot be written.
    """
    write_text(path, render(report))


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  (only needed where a page is made)

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["exact"] = _exact
    return environment.from_string(_resource("page.html"))


def _exact(text: str) -> Markup:
    """Escape `text` so that the browser holds the same; an HTML parser would turn a bare `\\r\\n` into `\\n`."""
    from markupsafe import Markup, escape  # noqa: PLC0415  (comes with jinja2)

    exact = escape(text).replace("\r", Markup("&#13;"))
    for override in OVERRIDES:
        exact = exact.replace(override, Markup('<bdi class="control">{}</bdi>').format(override))
    return exact


@cache
def _script() -> str:
    parts = "\n".join(_resource(f"{name}.js") for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}}})();\n'


@cache
def _resource(name: str) -> str:
    return files("counterfoil.attribution.report").joinpath("web", name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    return f"'sha256-{digest}'"
