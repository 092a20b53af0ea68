from __future__ import annotations

import http.client
import json
import socket
import socketserver
import stat
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from counterfoil.attribution import Citation, Document, Judgement, StatementVerdict, Status
from counterfoil.attribution.locating import Locator
from counterfoil.attribution.report import AnswerRecord, Report, SavedReports
from counterfoil.attribution.report.locate_service import LocateService
from counterfoil.attribution.report.server import Server

TOWER = Document("tower.md", "The island is small. The tower is 31 metres high. It was built in 1874.", "The tower")
SHIP = Document("ship.md", "The ferry Marigold carries 96 passengers and 8 cars.", "The ferry")
TEXT = "The tower is 31 metres high, and the ferry carries 96 passengers."


class Words:
    """Supports a claim whose words all stand in the premise."""

    name, threshold = "words@1", 0.5

    def judge(self, pairs):
        return [Judgement(float(set(words(pair.hypothesis)) <= set(words(pair.premise)))) for pair in pairs]


def words(text):
    return text.lower().replace(".", " ").replace(",", " ").split()


def report() -> Report:
    quote = "The tower is 31 metres high."
    start = TOWER.text.index(quote)
    citation = Citation(TOWER.id, "1", Status.SUPPORTED, 0.9, start, start + len(quote), quote)
    verdict = StatementVerdict(TEXT, 0, len(TEXT), Status.SUPPORTED, 0.9, (citation,))
    return Report("How high?", (AnswerRecord("CAD", TEXT, (verdict,), 1.0, 1.0, 1.0),), (TOWER, SHIP))


@pytest.fixture(scope="module")
def served():
    """The real server and the real locator on the real embeddings; only the judge is a simple one."""
    broken = threading.Event()

    def make(asked, record, method):
        if broken.is_set():
            raise RuntimeError("out of <memory>")
        return Locator(record.text, asked.documents, method=method, entailment=Words(), question=asked.question)

    server = Server(SavedReports((report(),)), make)
    server.broken = broken
    with running(server):
        yield server


def test_words_that_were_not_located_are_asked_of_the_model(open_page, served, drag, lit):
    page = open_page(served.url)
    drag(page, "the ferry carries 96")
    page.locator(".finding .method").wait_for(timeout=120_000)
    assert lit(page) == ["The ferry Marigold carries 96 passengers"]
    assert "supported" in page.locator(".finding .verdict").inner_text()
    assert page.locator(".finding .method").inner_text() == "alignment, checked by words and the detail check"
    assert "the ferry carries 96 passengers" in page.locator(".finding .claim").inner_text().lower()
    assert page.locator("#document-2 details").get_attribute("open") is not None
    assert page.problems == []


def test_what_goes_wrong_is_told_in_the_page(open_page, served, drag, lit):
    page = open_page(served.url)
    served.broken.set()
    drag(page, "31 metres")
    page.locator(".finding select").select_option("hidden_states")
    page.locator(".finding .error").wait_for()
    assert page.locator(".finding .error").inner_text() == "the model failed: RuntimeError: out of <memory>"
    assert lit(page) == ["The tower is 31 metres high."], "what the sentence cites stays"
    served.broken.clear()
    page.locator(".finding select").select_option("alignment")
    page.locator(".finding .method").wait_for()
    assert page.locator(".finding .error").count() == 0
    server, served.token = served.token, "another"
    drag(page, "96 passengers")
    page.locator(".finding .error").wait_for()
    assert "open the address that counterfoil view printed" in page.locator(".finding .error").inner_text()
    served.token = server


def asked(server, method, path, *, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    sent = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    connection.putrequest(method, path, skip_host="Host" in headers)
    raw = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    if raw is not None:
        sent.setdefault("Content-Length", str(len(raw)))
    for name, value in sent.items():
        connection.putheader(name, value)
    connection.endheaders(raw)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


QUESTION = {"case": 0, "answer": 0, "start": 0, "end": 9, "method": "alignment"}


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"Host": "rebound.example"}, 403, "the names of this machine only"),
        ({"Host": "127.0.0.1.rebound.example:80"}, 403, "the names of this machine only"),
        ({"Host": None}, 403, "the names of this machine only"),
        ({"Host": "localhost:9000", "Origin": "http://localhost:8888"}, 403, "its own page only"),
        ({"Origin": "http://evil.example"}, 403, "its own page only"),
        ({"Origin": "null"}, 403, "its own page only"),
        ({"Sec_Fetch_Site": "cross-site"}, 403, "its own page only"),
        ({"X_Counterfoil_Token": "guess"}, 403, "token is missing or old"),
        ({"X_Counterfoil_Token": None}, 403, "token is missing or old"),
        ({"Content_Type": "text/plain"}, 415, "has to be JSON"),
        ({"body": b"{"}, 400, "has to be JSON, but"),
        ({"body": QUESTION | {"start": "0"}}, 400, "start (int)"),
        ({"body": QUESTION | {"more": 1}}, 400, "nothing else"),
        ({"body": QUESTION | {"case": 1}}, 400, "name an answer of the page"),
        ({"body": QUESTION | {"end": 999}}, 400, "within the"),
        ({"body": QUESTION | {"method": "guessing"}}, 400, "but is 'guessing'"),
        ({"body": b" " * 10_001}, 413, "at most 10,000 bytes"),
        ({"Content_Length": "many"}, 413, "at most 10,000 bytes"),
        ({"Content_Length": "9" * 5_000}, 413, "at most 10,000 bytes"),
        ({"body": b"[" * 10_000}, 400, "has to be JSON, but"),
    ],
)  # fmt: skip
def test_only_the_page_itself_is_answered(served, change, status, words):
    body = change.pop("body", QUESTION)
    headers = {"Content_Type": "application/json", "X_Counterfoil_Token": served.token} | change
    response, content = asked(served, "POST", "/locate", body=body, **headers)
    assert response.status == status
    assert words in json.loads(content)["error"]
    assert served.token.encode() not in content


def test_the_page_is_served_to_who_has_the_address(served):
    for path in ("/", "/?token=guess", "/?token="):
        response, content = asked(served, "GET", path)
        assert response.status == 403
        assert served.token.encode() not in content
    response, content = asked(served, "GET", f"/?token={served.token}")
    assert response.status == 200
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "connect-src 'self'" in response.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response.headers["Cache-Control"] == "no-store"
    assert b"How high?" in content
    for method, path in (("GET", "/etc/passwd"), ("POST", "/")):
        assert asked(served, method, path, body=b"")[0].status == 403
        assert asked(served, method, path, body=b"", X_Counterfoil_Token=served.token)[0].status == 404
    assert served.server_address[0] == "127.0.0.1"


def test_a_newer_question_takes_the_place_of_one_that_waits():
    held, waiting = threading.Event(), threading.Event()

    class Slow:
        def locate(self, span):
            waiting.set()
            held.wait(20)
            return span

    service = LocateService([report()], lambda *_: Slow())
    found = {}

    def ask(name, start):
        try:
            found[name] = service.locate(0, 0, start, 9, "alignment")
        except RuntimeError as error:
            found[name] = str(error)

    threads = [threading.Thread(target=ask, args=("first", 1))]
    threads[0].start()
    assert waiting.wait(20)
    assert service.progress().startswith("Locating the words … ")
    for name, start in (("second", 2), ("third", 3)):
        threads.append(threading.Thread(target=ask, args=(name, start)))
        threads[-1].start()
        while service._newest != start:
            pass
    held.set()
    for thread in threads:
        thread.join(20)
    assert found == {"first": (1, 9), "second": "a newer request took the place of this one", "third": (3, 9)}
    assert service.progress() == ""


class Elsewhere(ThreadingHTTPServer):
    """Another page of this machine, as the terminal of a notebook is."""

    daemon_threads = True

    def __init__(self, content: str) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.content = content.encode()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, format, *args):
        pass


@contextmanager
def running(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_link_on_any_page_of_this_machine_leads_to_the_page(open_page, served, name):
    address = served.url.replace("127.0.0.1", name)
    with running(Elsewhere(f'<a href="{address}">open</a>')) as notebook:
        page = open_page(notebook.url)
        page.get_by_text("open").click()
        page.locator("h1").wait_for()
        assert page.locator("h1").inner_text() == "How high?"


def test_another_page_can_neither_frame_it_nor_ask_for_it(open_page, served):
    ask = f"fetch({json.dumps(served.url)}, {{mode: 'no-cors'}}).then(r => r.type, e => 'refused')"
    with running(Elsewhere(f'<iframe src="{served.url}"></iframe>')) as notebook:
        page = open_page(notebook.url)
        frame = page.frames[1]
        assert "How high?" not in frame.content()
        assert page.evaluate(ask) in {"opaque", "refused"}
    for headers in (
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "empty"},
    ):
        assert asked(served, "GET", f"/?token={served.token}", **headers)[0].status == 403
    navigation = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert asked(served, "GET", f"/?token={served.token}", **navigation)[0].status == 200
    assert asked(served, "GET", "/?token=guess", **navigation)[0].status == 403
    assert asked(served, "GET", "/progress", **navigation)[0].status == 403


class Tunnel(socketserver.ThreadingTCPServer):
    """What `ssh -L` does: another port whose bytes go to the server and back."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Through)
        self.port = port


class _Through(socketserver.BaseRequestHandler):
    def handle(self):
        with socket.create_connection(("127.0.0.1", self.server.port)) as far:
            back = threading.Thread(target=self.copy, args=(far, self.request), daemon=True)
            back.start()
            self.copy(self.request, far)
            back.join(60)

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65_536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def test_a_port_that_is_forwarded_to_another_number_works(open_page, served, drag, lit):
    with running(Tunnel(served.server_port)) as tunnel:
        page = open_page(f"http://localhost:{tunnel.server_address[1]}/?token={served.token}")
        drag(page, "the ferry carries 96")
        page.locator(".finding .method").wait_for(timeout=120_000)
        assert lit(page) == ["The ferry Marigold carries 96 passengers"]
        assert page.problems == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_address_that_cannot_be_read_is_answered(served, method):
    with socket.create_connection(("127.0.0.1", served.server_port), timeout=60) as connection:
        connection.sendall(f"{method} http://[ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert "the address cannot be read" in json.loads(body)["error"]


def test_an_error_of_the_model_is_none_of_the_request():
    def make(asked, record, method):
        raise ValueError("a tensor has the wrong shape")

    with running(Server(SavedReports((report(),)), make)) as server:
        headers = {"Content_Type": "application/json", "X_Counterfoil_Token": server.token}
        response, content = asked(server, "POST", "/locate", body=QUESTION, **headers)
    assert response.status == 500
    assert json.loads(content)["error"] == "the model failed: ValueError: a tensor has the wrong shape"


def test_the_command_line_of_the_browser_does_not_hold_the_token(open_page, served, monkeypatch):
    commands = []
    monkeypatch.setattr("webbrowser.open", lambda url: commands.append(url) or True)
    with running(Server(SavedReports((report(),)), None)) as server:
        assert server.open_browser()
        (address,) = commands
        assert server.token not in address
        file = Path(url2pathname(urlsplit(address).path))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        page = open_page(address)
        page.wait_for_url(server.url)
        assert page.locator("h1").inner_text() == "How high?"
    assert not file.exists()
