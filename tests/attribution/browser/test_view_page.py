from __future__ import annotations

import http.client
import json
import threading

import pytest
from counterfoil.attribution import Citation, Document, Judgement, StatementVerdict, Status
from counterfoil.attribution.locating import Locator
from counterfoil.attribution.report import AnswerRecord, Opened, Report
from counterfoil.attribution.report.desk import Desk
from counterfoil.attribution.report.server import Server, chosen, page

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

    opened = Opened((report(),))
    shown = chosen(opened)
    server = Server(Desk(shown.reports, make))
    server.page = page(
        opened, shown, token=server.token, methods=("alignment", "hidden_states"), method="alignment"
    ).encode()
    server.broken = broken
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_words_that_were_not_located_are_asked_of_the_model(open_page, served, drag, lit):
    page = open_page(served.url)
    drag(page, "the ferry carries 96")
    page.locator(".finding .method").wait_for(timeout=120_000)
    assert lit(page) == ["The ferry Marigold carries 96 passengers"]
    assert "supported" in page.locator(".finding .verdict").inner_text()
    assert page.locator(".finding .method").inner_text() == "alignment, checked by words"
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
    connection.putrequest(method, path, skip_host="Host" in sent)
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
        ({"Host": "rebound.example"}, 403, "its own address only"),
        ({"Host": "127.0.0.1:1"}, 403, "its own address only"),
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
    assert asked(served, "GET", "/etc/passwd")[0].status == 404
    assert asked(served, "POST", "/", body=b"")[0].status == 404
    assert served.server_address[0] == "127.0.0.1"


def test_a_newer_question_takes_the_place_of_one_that_waits():
    held, waiting = threading.Event(), threading.Event()

    class Slow:
        def locate(self, span):
            waiting.set()
            held.wait(20)
            return span

    desk = Desk([report()], lambda *_: Slow())
    found = {}

    def ask(name, start):
        try:
            found[name] = desk.locate(0, 0, start, 9, "alignment")
        except RuntimeError as error:
            found[name] = str(error)

    threads = [threading.Thread(target=ask, args=("first", 1))]
    threads[0].start()
    assert waiting.wait(20)
    assert desk.progress().startswith("Locating the words … ")
    for name, start in (("second", 2), ("third", 3)):
        threads.append(threading.Thread(target=ask, args=(name, start)))
        threads[-1].start()
        while desk._asked != start:
            pass
    held.set()
    for thread in threads:
        thread.join(20)
    assert found == {"first": (1, 9), "second": "a newer question took the place of this one", "third": (3, 9)}
    assert desk.progress() == ""
