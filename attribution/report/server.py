"""The page on this machine's own address, with a model behind it.

Other pages in the same browser can reach a local server too. So every request has to name this server as its host
(which a rebound name of somebody else's does not), come from the page itself where it says where it comes from, and
carry a random token that only the page knows.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .cases import case
from .corpus import ROOM as CORPUS_ROOM
from .corpus import TITLE, left_out
from .desk import Desk, SupersededError
from .model import Report
from .payload import attribution_data
from .read import Opened
from .render import ROOM, policy, render_cases

ADDRESS = "127.0.0.1"
SHOWN = 2_000
"""How many answers a served page holds."""

_LARGEST, _DIGITS = 10_000, 10
_FIELDS = {"case": int, "answer": int, "start": int, "end": int, "method": str}


class RequestError(ValueError):
    """What is wrong with a request, and the status to answer it with."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Server(ThreadingHTTPServer):
    """Serves one page and answers its questions, on 127.0.0.1 alone.

    Args:
        desk: Who answers.
        port: Where; 0 for any that is free.

    Raises:
        OSError: Where the port is taken.
    """

    daemon_threads = True

    def __init__(self, desk: Desk, port: int = 0) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.desk = desk
        self.token = secrets.token_urlsafe(24)
        self.page = b""

    @property
    def url(self) -> str:
        """The address of the page, token included."""
        return f"http://{ADDRESS}:{self.server_port}/?token={self.token}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names under which a browser may ask."""
        return (f"{ADDRESS}:{self.server_port}", f"localhost:{self.server_port}")


@dataclass(frozen=True)
class Chosen:
    """The reports that a served page shows, in its order, and what it leaves out."""

    reports: tuple[Report, ...]
    positions: tuple[int, ...]
    notes: tuple[str, ...]


def chosen(opened: Opened) -> Chosen:
    """The reports of lowest F1, those without a figure first; all of them where there is room."""
    numbered = list(enumerate(opened.reports))
    if opened.summary is not None:
        numbered.sort(key=lambda each: -1.0 if (f1 := each[1].answers[0].f1) is None else f1)
    kept = numbered[:SHOWN]
    notes = ()
    if len(kept) < len(numbered):
        notes = (f"Here are the {len(kept):,} answers of lowest F1, of {len(numbered):,}.",)
    return Chosen(tuple(report for _, report in kept), tuple(number for number, _ in kept), notes)


def page(opened: Opened, shown: Chosen, *, token: str, methods: Sequence[str], method: str) -> str:
    """The page of what was opened, which asks its server for words that were not located beforehand."""
    live = {"token": token, "methods": list(methods), "method": method}
    summary = opened.summary
    if summary is None:
        cases = [case(report, ROOM) for report in shown.reports]
        return render_cases(cases, title=cases[0].question or "Answer", live=live)
    cases = [case(report, CORPUS_ROOM, n) for n, report in zip(shown.positions, shown.reports, strict=True)]
    cut = left_out(cases, len(cases), 0, 0)
    return render_cases(cases, title=TITLE, summary=replace(summary, notes=(*shown.notes, *cut)), live=live)


class _Handler(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        """The page, and what is being done for it."""
        self._guarded(self._get)

    def do_POST(self) -> None:
        """A question."""
        self._guarded(self._post)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged: their addresses hold the token."""

    def _guarded(self, answer: Callable[[], None]) -> None:
        # A page that asks something else does not wait for the answer.
        with suppress(BrokenPipeError, ConnectionResetError):
            try:
                self._check_sender()
                answer()
            except RequestError as error:
                self.close_connection = True
                self._send_json({"error": str(error)}, error.status)

    def _get(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/":
            self._check_token((parse_qs(parts.query).get("token") or [""])[0])
            self._send(self.server.page, "text/html; charset=utf-8", HTTPStatus.OK)
        elif parts.path == "/progress":
            self._check_token(self.headers.get("X-Counterfoil-Token", ""))
            self._send_json({"text": self.server.desk.progress()})
        else:
            raise RequestError(HTTPStatus.NOT_FOUND, "there is nothing here")

    def _post(self) -> None:
        if urlsplit(self.path).path != "/locate":
            raise RequestError(HTTPStatus.NOT_FOUND, "there is nothing here")
        self._check_token(self.headers.get("X-Counterfoil-Token", ""))
        question = self._question()
        try:
            found = self.server.desk.locate(**question)
        except (ValueError, TypeError) as error:
            raise RequestError(HTTPStatus.BAD_REQUEST, str(error)) from error
        except SupersededError as error:
            raise RequestError(HTTPStatus.CONFLICT, str(error)) from error
        except Exception as error:
            message = f"the model failed: {type(error).__name__}: {error}"
            raise RequestError(HTTPStatus.INTERNAL_SERVER_ERROR, message) from error
        self._send_json(attribution_data(found))

    def _question(self) -> dict[str, Any]:
        if self.headers.get_content_type() != "application/json":
            raise RequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a question has to be JSON")
        length = self.headers.get("Content-Length", "")
        # Counted before it is read as a number: Python gives up at some thousands of digits.
        if not length.isascii() or not length.isdigit() or len(length) > _DIGITS or int(length) > _LARGEST:
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a question has to have at most {_LARGEST:,} bytes and say so"
            )
        try:
            question = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise RequestError(HTTPStatus.BAD_REQUEST, f"a question has to be JSON, but {error}") from error
        if not isinstance(question, dict) or {name: type(value) for name, value in question.items()} != _FIELDS:
            fields = ", ".join(f"{name} ({kind.__name__})" for name, kind in _FIELDS.items())
            raise RequestError(HTTPStatus.BAD_REQUEST, f"a question has to hold {fields}, and nothing else")
        return question

    def _check_sender(self) -> None:
        if self.headers.get("Host") not in self.server.hosts:
            raise RequestError(HTTPStatus.FORBIDDEN, "this server answers under its own address only")
        origin = self.headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in self.server.hosts}:
            raise RequestError(HTTPStatus.FORBIDDEN, "this server answers its own page only")
        if self.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
            raise RequestError(HTTPStatus.FORBIDDEN, "this server answers its own page only")

    def _check_token(self, token: str) -> None:
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            message = "the token is missing or old: open the address that counterfoil view printed"
            raise RequestError(HTTPStatus.FORBIDDEN, message)

    def _send_json(self, value: object, status: HTTPStatus = HTTPStatus.OK) -> None:
        body = json.dumps(value, allow_nan=False).encode()
        self._send(body, "application/json", status)

    def _send(self, body: bytes, kind: str, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", f"{policy(live=True)}; frame-ancestors 'none'")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
