"""The page to ask on this machine's own address: it streams answers, takes documents and reviews, and gives labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from counterfoil.attribution.loaders.documents import MAX_BYTES
from counterfoil.attribution.locating import METHODS
from counterfoil.attribution.report.payload import Live
from counterfoil.attribution.report.render import Assets, render_cases
from counterfoil.attribution.report.server import LocalHandler, LocalServer, RequestError
from counterfoil.models import ModelLoadError

from .session import Session, SessionError

ASSETS = Assets(("documents", "methods", "ask", "review", "app"), ("app",), "counterfoil.grounding.app")
"""Style and script of the page, behind those that it shares with reports."""

TITLE = "Ask"


class AppServer(LocalServer):
    """Serves the page of a session on 127.0.0.1.

    Args:
        session: What answers.
        method: The locating method that is chosen first.
        port: Where; 0 for any that is free.

    Raises:
        OSError: If the port is taken.
    """

    def __init__(self, session: Session, *, method: str = "alignment", port: int = 0) -> None:
        super().__init__(_Handler, command="counterfoil app", policy=ASSETS.policy(live=True), port=port)
        self.session = session
        live = Live(self.token, tuple(METHODS), method)
        self.page = render_cases([], title=TITLE, live=live, assets=ASSETS).encode()


class _Handler(LocalHandler):
    server: AppServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def page(self) -> bytes:
        return self.server.page

    def get(self, path: str, query: Mapping[str, str]) -> None:
        session = self.server.session
        if path == "/state":
            self.send_json(session.state())
        elif path == "/progress":
            self.send_json({"text": session.locating.progress()})
        elif path == "/export":
            self.send_body(session.export().encode(), "application/jsonl; charset=utf-8")
        else:
            super().get(path, query)

    def post(self, path: str, query: Mapping[str, str]) -> None:
        session = self.server.session
        if path == "/locate":
            self.locate(session.locating)
            return
        if path == "/ask":
            self._ask(self.json_body({"question": str, "decodings": list}))
            return
        try:
            if path == "/documents":
                session.add(query.get("name", ""), self.body(MAX_BYTES, "a document"))
                self.send_json({"documents": session.listed()})
            elif path == "/remove":
                session.remove(**self.json_body({"id": str}))
                self.send_json({"documents": session.listed()})
            elif path == "/review":
                numbers = dict.fromkeys(("case", "answer", "statement"), int)
                session.review(**self.json_body({**numbers, "label": (str, type(None)), "note": str}))
                self.send_json({})
            else:
                super().post(path, query)
        except SessionError as error:
            raise RequestError(HTTPStatus.BAD_REQUEST, str(error)) from error

    def _ask(self, asked: Mapping[str, Any]) -> None:
        """Send the events of an answer as JSON lines while it is written; if the page leaves, the work ends."""
        self.begin("application/jsonl; charset=utf-8", length=None)
        try:
            self.server.session.ask(**asked, tell=self._tell)
        except BrokenPipeError:
            raise
        except (ValueError, ImportError, ModelLoadError) as error:
            self._tell({"event": "error", "error": str(error)})
        except Exception as error:
            self._tell({"event": "error", "error": f"the model failed: {type(error).__name__}: {error}"})

    def _tell(self, event: Mapping[str, Any]) -> None:
        try:
            self.wfile.write(json.dumps(event, allow_nan=False).encode() + b"\n")
            self.wfile.flush()
        except OSError as error:  # also one that no longer reads
            raise BrokenPipeError from error
