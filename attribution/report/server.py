"""Pages on this machine's own address, with models behind them.

Other pages in the same browser can reach a local server too. So every request must name this machine as its host
(which a rebound name of somebody else's does not) and carry a random token that only the page knows, and a request that
says where it comes from must come from the page itself. Only the page may be navigated to from anywhere, since its
address holds the token: a link to it may be printed in the terminal of a notebook.
"""

from __future__ import annotations

import html
import json
import os
import re
import secrets
import tempfile
import webbrowser
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ..locating import METHODS
from .corpus import ROOM as CORPUS_ROOM
from .corpus import TITLE, left_out
from .locate_service import LocateService, MakeLocator, RequestValueError, SupersededError
from .model import Report
from .payload import Live, attribution_data
from .read import SavedReports
from .render import REPORT, ROOM, render_cases
from .truncation import truncated

ADDRESS = "127.0.0.1"
SHOWN = 2_000
"""How many answers a served page holds."""

_LARGEST, _DIGITS = 10_000, 10
_FIELDS: dict[str, type] = {"case": int, "answer": int, "start": int, "end": int, "method": str}
# The port may be another one: that of a tunnel.
_LOCAL = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?")


class RequestError(ValueError):
    """What is wrong with a request, and the status to answer it with."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class LocalServer(ThreadingHTTPServer):
    """Answers one page, and what that page asks, on 127.0.0.1 alone.

    Args:
        handler: Answers a request.
        command: What prints the address, to name it to whoever has an old one.
        policy: The content policy of the page.
        port: Where; 0 for any that is free.

    Raises:
        OSError: If the port is taken.
    """

    daemon_threads = True

    def __init__(self, handler: type[LocalHandler], *, command: str, policy: str, port: int = 0) -> None:
        self._redirect: Path | None = None  # before the port is asked for: a refusal closes the server
        super().__init__((ADDRESS, port), handler)
        self.token = secrets.token_urlsafe(24)
        self.command, self.policy = command, policy

    @property
    def url(self) -> str:
        """Return the address of the page, token included."""
        return f"http://{ADDRESS}:{self.server_port}/?token={self.token}"

    def open_browser(self) -> bool:
        """Open the page in the browser, and tell whether there was one.

        The browser is given the name of a file that leads to the page and that only this user can read: its command
        line, which every user of the machine can read, does not hold the token.
        """
        handle, name = tempfile.mkstemp(prefix="counterfoil-", suffix=".html")
        self._redirect = Path(name)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            url = html.escape(self.url, quote=True)
            file.write(f'<!doctype html><meta http-equiv="refresh" content="0; url={url}"><a href="{url}">Open</a>\n')
        return webbrowser.open(self._redirect.as_uri())

    def server_close(self) -> None:
        """Give back the port, and take the file away that :meth:`open_browser` wrote."""
        super().server_close()
        if self._redirect is not None:
            self._redirect.unlink(missing_ok=True)


class LocalHandler(BaseHTTPRequestHandler):
    """Answers requests that the page itself sends; a class adds what its page asks in :meth:`get` and :meth:`post`."""

    server: LocalServer  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"
    timeout = 60

    def page(self) -> bytes:
        """Return the page."""
        raise NotImplementedError

    def get(self, path: str, query: Mapping[str, str]) -> None:
        """Answer a GET of the page's.

        Raises:
            RequestError: There is nothing at this path.
        """
        raise RequestError(HTTPStatus.NOT_FOUND, "there is nothing here")

    def post(self, path: str, query: Mapping[str, str]) -> None:
        """Answer a POST of the page's.

        Raises:
            RequestError: There is nothing at this path.
        """
        raise RequestError(HTTPStatus.NOT_FOUND, "there is nothing here")

    def do_GET(self) -> None:
        """Send the page, or what it asks for."""
        self._guarded(self._get)

    def do_POST(self) -> None:
        """Do what the page asks."""
        self._guarded(self._post)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the addresses of requests hold the token."""

    def json_body(self, fields: Mapping[str, type | tuple[type, ...]]) -> dict[str, Any]:
        """Return the JSON object of a request that holds these fields of these types, and nothing else.

        Raises:
            RequestError: It is something else.
        """
        if self.headers.get_content_type() != "application/json":
            raise RequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a question has to be JSON")
        try:
            question = json.loads(self.body(_LARGEST, "a question"))
        except (ValueError, RecursionError) as error:
            if isinstance(error, RequestError):
                raise
            raise RequestError(HTTPStatus.BAD_REQUEST, f"a question has to be JSON, but {error}") from error
        kinds = {name: kind if isinstance(kind, tuple) else (kind,) for name, kind in fields.items()}
        given = question.items() if isinstance(question, dict) else ()
        if not given or question.keys() != kinds.keys() or any(type(v) not in kinds[name] for name, v in given):
            listed = ", ".join(f"{name} ({kind[0].__name__})" for name, kind in kinds.items())
            raise RequestError(HTTPStatus.BAD_REQUEST, f"a question has to hold {listed}, and nothing else")
        return question

    def body(self, largest: int, what: str) -> bytes:
        """Return the body of a request.

        Args:
            largest: Bytes that it may have.
            what: It is, for the message.

        Raises:
            RequestError: It is larger, or does not say how large it is.
        """
        length = self.headers.get("Content-Length", "")
        # Counted before it is read as a number: Python gives up at some thousands of digits.
        if not length.isascii() or not length.isdigit() or len(length) > _DIGITS or int(length) > largest:
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{what} has to have at most {largest:,} bytes and say so"
            )
        return self.rfile.read(int(length))

    def send_json(self, value: object, status: HTTPStatus = HTTPStatus.OK) -> None:
        """Send a value as JSON."""
        self.send_body(json.dumps(value, allow_nan=False).encode(), "application/json", status)

    def send_body(self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        """Send a body whole."""
        self.begin(kind, status, length=len(body))
        self.wfile.write(body)

    def begin(self, kind: str, status: HTTPStatus = HTTPStatus.OK, *, length: int | None) -> None:
        """Send status and headers.

        Args:
            kind: Of the body.
            status: Of the answer.
            length: Of the body, in bytes; `None` if it is not known, and the end of the connection ends it.
        """
        self.close_connection |= length is None
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Content-Security-Policy", f"{self.server.policy}; frame-ancestors 'none'")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def locate(self, service: LocateService) -> None:
        """Locate the words that a request names."""
        question = self.json_body(_FIELDS)
        try:
            found = service.locate(**question)
        except RequestValueError as error:
            raise RequestError(HTTPStatus.BAD_REQUEST, str(error)) from error
        except SupersededError as error:
            raise RequestError(HTTPStatus.CONFLICT, str(error)) from error
        except Exception as error:
            message = f"the model failed: {type(error).__name__}: {error}"
            raise RequestError(HTTPStatus.INTERNAL_SERVER_ERROR, message) from error
        self.send_json(attribution_data(found))

    def _guarded(self, answer: Callable[[], None]) -> None:
        # A page that asks something else does not wait for the answer.
        with suppress(BrokenPipeError, ConnectionResetError):
            try:
                self._check_host()
                answer()
            except RequestError as error:
                self.close_connection = True
                self.send_json({"error": str(error)}, error.status)

    def _get(self) -> None:
        path, query = self._target()
        if path == "/":
            if self.headers.get("Sec-Fetch-Mode") != "navigate" or self.headers.get("Sec-Fetch-Dest") != "document":
                self._check_sender()
            self._check_token(query.get("token", ""))
            self.send_body(self.page(), "text/html; charset=utf-8")
            return
        self._check_sender()
        self._check_token(self.headers.get("X-Counterfoil-Token", ""))
        self.get(path, query)

    def _post(self) -> None:
        path, query = self._target()
        self._check_sender()
        self._check_token(self.headers.get("X-Counterfoil-Token", ""))
        self.post(path, query)

    def _target(self) -> tuple[str, dict[str, str]]:
        """Return path and query of the request."""
        try:
            parts = urlsplit(self.path)
        except ValueError as error:
            raise RequestError(HTTPStatus.BAD_REQUEST, f"the address cannot be read: {error}") from error
        return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}

    def _check_host(self) -> None:
        if not _LOCAL.fullmatch(self.headers.get("Host", "")):
            raise RequestError(HTTPStatus.FORBIDDEN, "this server answers under the names of this machine only")

    def _check_sender(self) -> None:
        origin = self.headers.get("Origin")
        elsewhere = origin is not None and origin != f"http://{self.headers.get('Host')}"
        if elsewhere or self.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
            raise RequestError(HTTPStatus.FORBIDDEN, "this server answers its own page only")

    def _check_token(self, token: str) -> None:
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            message = f"the token is missing or old: open the address that {self.server.command} printed"
            raise RequestError(HTTPStatus.FORBIDDEN, message)


class Server(LocalServer):
    """Serves the page of some reports and locates words for it.

    Args:
        saved: What the page shows: if there are more than :data:`SHOWN` answers, those of lowest F1.
        make: Makes the locator of an answer for a method.
        method: The locating method that is chosen first.
        port: Where; 0 for any that is free.

    Raises:
        OSError: If the port is taken.
    """

    def __init__(self, saved: SavedReports, make: MakeLocator, *, method: str = "alignment", port: int = 0) -> None:
        super().__init__(_Handler, command="counterfoil view", policy=REPORT.policy(live=True), port=port)
        shown = worst_first(saved)
        self.service = LocateService(shown.reports, make)
        self.page = _page(saved, shown, Live(self.token, tuple(METHODS), method)).encode()


@dataclass(frozen=True)
class Chosen:
    """The reports that a served page shows, in its order, where they stand in the file, and what is left out."""

    reports: tuple[Report, ...]
    positions: tuple[int, ...]
    notes: tuple[str, ...]


def worst_first(saved: SavedReports) -> Chosen:
    """Return the reports of lowest F1, those without a figure first; all of them if there is room."""
    numbered = list(enumerate(saved.reports))
    if saved.summary is not None:
        numbered.sort(key=lambda each: -1.0 if (f1 := each[1].answers[0].f1) is None else f1)
    kept = numbered[:SHOWN]
    notes = ()
    if len(kept) < len(numbered):
        notes = (f"Here are the {len(kept):,} answers of lowest F1, of {len(numbered):,}.",)
    return Chosen(tuple(report for _, report in kept), tuple(number for number, _ in kept), notes)


def _page(saved: SavedReports, shown: Chosen, live: Live) -> str:
    """Return the page of what was read, which asks its server for words that were not located beforehand."""
    if saved.summary is None:
        cases = [truncated(report, ROOM) for report in shown.reports]
        return render_cases(cases, title=cases[0].question or "Answer", live=live)
    cases = [truncated(report, CORPUS_ROOM, n) for n, report in zip(shown.positions, shown.reports, strict=True)]
    notes = (*shown.notes, *left_out(cases, len(cases), 0, 0))
    return render_cases(cases, title=TITLE, summary=replace(saved.summary, notes=notes), live=live)


class _Handler(LocalHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def page(self) -> bytes:
        return self.server.page

    def get(self, path: str, query: Mapping[str, str]) -> None:
        if path != "/progress":
            super().get(path, query)
        self.send_json({"text": self.server.service.progress()})

    def post(self, path: str, query: Mapping[str, str]) -> None:
        if path != "/locate":
            super().post(path, query)
        self.locate(self.server.service)
