"""One self-contained HTML file: no network, no script but its own."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
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

PACKAGE = "counterfoil.attribution.report"
SCRIPTS = ("text", "page", "answer", "sources", "finding", "influence", "selection", "live", "list")
"""The parts of every page's script, in the order in which they are put together; one that starts it follows."""


@dataclass(frozen=True)
class Assets:
    """Style and script of a page.

    Args:
        scripts: Names of the parts of its script behind :data:`SCRIPTS`.
        styles: Names of the parts of its style behind the common one.
        package: In whose folder `web` these are.
    """

    scripts: tuple[str, ...]
    styles: tuple[str, ...] = ()
    package: str = PACKAGE

    @cached_property
    def script(self) -> str:
        """Return the script."""
        common = [_resource(PACKAGE, f"{name}.js") for name in SCRIPTS]
        parts = "\n".join([*common, *(_resource(self.package, f"{name}.js") for name in self.scripts)])
        return f'(() => {{\n"use strict";\n{parts}}})();\n'

    @cached_property
    def style(self) -> str:
        """Return the style."""
        own = (_resource(self.package, f"{name}.css") for name in self.styles)
        return "\n".join([_resource(PACKAGE, "page.css"), *own])

    def policy(self, *, live: bool = False) -> str:
        """Return the content policy: its own style and script, and with `live` requests to its own server."""
        asks = "connect-src 'self'; " if live else ""
        return (
            f"default-src 'none'; style-src {_hash(self.style)}; script-src {_hash(self.script)}; {asks}"
            "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        )


REPORT = Assets(("start",))
"""What the pages of reports are made of."""


def render(report: Report) -> str:
    """Return the page of one question as HTML.

    Every text of the report is escaped, and the content policy of the page allows only the style and the script that
    it was made with: what a document contains is shown, never run. If the documents are longer than :data:`ROOM`
    together, those that nobody cites are cut first, and the page says what is left out.
    """
    return render_cases([truncated(report, ROOM)], title=report.question or "Answer")


def render_cases(
    cases: Sequence[Case],
    *,
    title: str,
    summary: Summary | None = None,
    live: Live | None = None,
    assets: Assets = REPORT,
) -> str:
    """Return the page of one or many questions as HTML.

    Args:
        cases: What is shown, in order.
        title: Of the page.
        summary: Of the corpus; `None` for a single question.
        live: How the script asks the server that the page comes from; `None` for a file.
        assets: Its style and script.
    """
    page = _template().render(
        title=title,
        summary=summary,
        cases=cases,
        labels=LABELS,
        likelihood=likelihood,
        data=page_data(cases, title=title, summary=summary, live=live),
        style=assets.style,
        script=assets.script,
        policy=assets.policy(live=live is not None),
    )
    return without_surrogates(page)


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
    return environment.from_string(_resource(PACKAGE, "page.html"))


def _exact(text: str) -> Markup:
    """Escape `text` so that the browser holds the same; an HTML parser would turn a bare `\\r\\n` into `\\n`."""
    from markupsafe import Markup, escape  # noqa: PLC0415  (comes with jinja2)

    exact = escape(text).replace("\r", Markup("&#13;"))
    for override in OVERRIDES:
        exact = exact.replace(override, Markup('<bdi class="control">{}</bdi>').format(override))
    return exact


@cache
def _resource(package: str, name: str) -> str:
    return files(package).joinpath("web", name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    return f"'sha256-{digest}'"
