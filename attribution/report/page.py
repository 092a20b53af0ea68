"""One self-contained HTML file: no network, no script but its own, readable without any."""

from __future__ import annotations

import base64
import hashlib
import os
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from ..writing import write_text
from .record import Report
from .view import answer_views, document_views

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup


def render(report: Report) -> str:
    """The page as HTML.

    Every text of the report is escaped, and the content policy of the page allows only the style and the script that
    it was made with: what a document contains is shown, never run.
    """
    style, script = _resource("page.css"), _resource("page.js")
    return _template().render(
        report=report,
        answers=answer_views(report),
        documents=document_views(report),
        style=style,
        script=script,
        policy=(
            f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
            "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
        ),
    )


def write_report(path: str | os.PathLike[str], report: Report) -> None:
    """Writes the page to `path`, all of it or, where that fails, nothing.

    Raises:
        OSError: The file cannot be written.
    """
    write_text(path, render(report))


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  (only needed where a page is made)

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["exact"] = _exact
    return environment.from_string(_resource("page.html"))


def _exact(text: str) -> Markup:
    """Escaped so that what the browser holds equals `text`: an HTML parser would turn a bare `\\r\\n` into `\\n`."""
    from markupsafe import Markup, escape  # noqa: PLC0415  (comes with jinja2)

    return escape(text).replace("\r", Markup("&#13;"))


@cache
def _resource(name: str) -> str:
    return files("counterfoil.attribution.report").joinpath(name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    return f"'sha256-{digest}'"
