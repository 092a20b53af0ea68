"""The page to ask, in a real browser: with a scripted engine in the fine cases, with the real models once."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from counterfoil.attribution import Document
from counterfoil.attribution.loaders.documents import read_documents
from counterfoil.decoding.methods import CAD, CID, M3ID, rule_class
from counterfoil.decoding.methods.parameters import parameter
from counterfoil.decoding.vllm.method_descriptions import describe
from counterfoil.eval.labelled_pairs import read_pairs
from counterfoil.grounding.app import AppServer, Models, Session
from counterfoil.grounding.contrasts import document_methods, rule_parameters
from counterfoil.grounding.served_engine import ServedEngine

from tests.support.browser import WORDS
from tests.support.scripted_engine import ScriptedEngine, WordsEmbedding, WordsJudge
from tests.support.streaming_server import streaming_server

EXAMPLES = Path(__file__).parents[3] / "examples" / "documents"
TOWER = Document("tower.md", "The tower 🎉 is 31 metres high. It was built in 1874.", "The tower")
FERRY = Document("ferry.txt", "The ferry carries 96 passengers. The tower is how high?")
EVIL = Document(
    "evil.md", "<img src=x onerror='document.title=1'> The tower is free. </script><script>document.title=1</script>"
)
TEXT = "The tower 🎉 is 31 metres high. The tower is red. The ferry carries 96 passengers."
PLAIN = "The tower was built in 1902. It is a museum."
QUESTION = "How high is the tower?"


@contextmanager
def serving(engine: ScriptedEngine, documents=(TOWER, FERRY, EVIL)):
    server = AppServer(Session(documents, Models(engine, WordsJudge(), WordsEmbedding())))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def served():
    with serving(ScriptedEngine(TEXT, PLAIN)) as server:
        yield server


class GoneEngine(ScriptedEngine):
    """Behind a server that has ended since."""

    def __init__(self) -> None:
        super().__init__(TEXT)

    def methods(self):
        raise ValueError("the server at X gave no answer")


class Gate:
    """Lets an engine write as many words as a test says."""

    def __init__(self) -> None:
        self.written = 0
        self._open = threading.Semaphore(0)

    def __call__(self, n: int) -> None:
        assert self._open.acquire(timeout=30)
        self.written = n + 1

    def let(self, words: int) -> None:
        for _ in range(words):
            self._open.release()


def ask(page, question=QUESTION, method="cad", beside=""):
    first, second = (page.locator(".picker .method select").nth(n) for n in (0, 1))
    first.select_option(method)
    second.select_option(beside)
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")


def asked(page, *arguments):
    ask(page, *arguments)
    page.locator(".scores").last.wait_for()
    page.locator("body:not(.answering)").wait_for()


def statuses(page) -> list[str]:
    return page.locator(".sentence").evaluate_all("all => all.map((e) => e.classList[1])")


def test_the_answer_comes_in_sentence_by_sentence(open_page):
    gate = Gate()
    with serving(ScriptedEngine(TEXT, before_word=gate)) as server:
        page = open_page(server.url)
        ask(page)
        gate.let(3)
        page.get_by_text("The tower 🎉").first.wait_for()
        assert page.locator(".tail").inner_text() == "The tower 🎉"
        assert page.locator(".answer").get_attribute("aria-busy") == "true"
        assert "Decoding (Context-aware decoding, strength 0.5)" in page.locator(".step").inner_text()
        gate.let(6)
        page.locator(".sentence").wait_for()
        assert page.locator(".sentence").inner_text() == "The tower 🎉 is 31 metres high."
        assert statuses(page) == ["supported"]
        assert page.locator(".tail").inner_text().strip() == "The tower"
        assert page.locator(".source mark").inner_text() == "The tower 🎉 is 31 metres high."
        page.locator(".sentence").click()
        gate.let(5)
        page.locator(".sentence").nth(1).wait_for()
        assert "chosen" in page.locator(".sentence").first.get_attribute("class"), "what was chosen stays chosen"
        assert page.evaluate("document.activeElement.textContent") == "The tower 🎉 is 31 metres high."
        assert page.locator(".scores").count() == 0
        gate.let(20)
        page.locator(".scores").wait_for()
        assert statuses(page) == ["supported", "not_supported", "supported"]
        assert "chosen" in page.locator(".sentence").first.get_attribute("class")
        assert page.locator(".tail").count() == 0
        assert page.locator(".step").inner_text() == ""
        assert page.problems == []


def test_a_click_lights_the_passage_beside_the_sentence(open_page, served, lit, in_view):
    page = open_page(served.url)
    asked(page)
    page.locator(".sentence").nth(2).click()
    assert lit(page) == ["The ferry carries 96 passengers."]
    assert in_view(page, "mark.lit")
    assert "supported" in page.locator(".finding .verdict").inner_text()
    assert page.locator(".finding .quote").inner_text() == "The ferry carries 96 passengers."
    page.locator(".sentence").nth(1).click()
    assert lit(page) == []
    assert "no document supports it" in page.locator(".finding").inner_text()
    assert page.title() == "Ask · counterfoil"
    assert page.problems == []


def test_pointing_at_a_word_tells_how_much_the_documents_raised_it(open_page, served, drag):
    page = open_page(served.url)
    asked(page)
    words = page.locator(".sentence").first.locator("span")
    words.filter(has_text="metres").hover()
    assert page.locator(".tip b").inner_text() == "metres"
    assert "400 times more probable with the documents (+6.0 nats)" in page.locator(".tip").inner_text()
    assert page.evaluate("[...CSS.highlights.get('pointed')].map(String)") == ["metres"]
    page.locator("h1").hover()
    assert page.locator(".tip").count() == 0
    page.locator(".by-trace").check(force=True)
    assert "p4" in words.filter(has_text="metres").get_attribute("class")
    drag(page, "31 metres")
    assert "3,000 times more probable with the documents (+8.0 nats)" in page.locator(".influence").inner_text()


def test_two_methods_stand_side_by_side(open_page, served):
    page = open_page(served.url)
    asked(page, QUESTION, "cad", "none")
    assert page.locator(".answer h2").all_inner_texts() == [
        "A Context-aware decoding, strength 0.5",
        "B Plain decoding",
    ]
    left, right = (page.locator(".answer").nth(n).bounding_box() for n in (0, 1))
    assert right["x"] >= left["x"] + left["width"] - 20
    assert abs(left["y"] - right["y"]) < 2
    assert page.locator(".prose").nth(1).inner_text().startswith("The tower was built in 1902.")
    page.set_viewport_size({"width": 390, "height": 844})
    left, right = (page.locator(".answer").nth(n).bounding_box() for n in (0, 1))
    assert right["y"] >= left["y"] + left["height"]
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    asked(page, QUESTION, "none")
    assert page.locator(".answer h2").all_inner_texts() == ["Plain decoding"]
    assert page.locator(".picker .field").count() == 0, "plain decoding has no strength"
    assert page.problems == []


def test_the_reader_chooses_among_all_methods_that_compare_two_prompts(open_page):
    engine = ScriptedEngine(TEXT, PLAIN)
    engine.texts = {"cfg": "It was built in 1874.", "cid": "The ferry carries 96 passengers."}
    with serving(engine) as server:
        page = open_page(server.url)
        first, second = page.locator(".picker").nth(0), page.locator(".picker").nth(1)
        first.locator("option[value=cad]").wait_for(state="attached")
        titles = [method.title for method in document_methods().values()]
        assert first.locator(".method option").all_inner_texts() == [*titles, "Plain decoding"]
        assert second.locator(".method option").all_inner_texts() == ["nothing else", *titles, "Plain decoding"]
        for name, method in document_methods().items():
            first.locator(".method select").select_option(name)
            names = [p.name.replace("_", " ") for p in rule_parameters(method)]
            assert first.locator(".field > span").all_text_contents() == names
            number = first.locator("input[type=number]").first
            bounds = [float(number.get_attribute(side) or "inf") for side in ("min", "max")]
            (declared, *_) = [p for p in rule_parameters(method) if p.is_number]
            assert bounds == [declared.above or declared.at_least or 0.0, declared.at_most or float("inf")]
        asked(page, QUESTION, "cfg", "cid")
        assert page.locator(".answer h2").all_inner_texts() == [
            "A Classifier-free guidance, guidance scale 1.5",
            "B Contrastive input decoding, strength 3",
        ]
        assert page.locator(".prose").nth(0).inner_text().startswith("It was built in 1874.")
        assert page.locator(".prose").nth(1).inner_text().startswith("The ferry carries 96 passengers.")
        second.locator("summary").click()
        second.get_by_label("rule").select_option("log_ratio")
        second.get_by_label("strength").fill("1.25")
        first.locator(".method select").select_option("m3id")
        first.locator("summary").click()
        first.get_by_label("max weight").fill("")
        page.locator("#question").press("Enter")
        page.locator(".answer h2", has_text="strength 1.25").wait_for()
        page.locator("body:not(.answering)").wait_for()
        assert engine.decoded[-2:] == [M3ID(max_weight=None), CID(strength=1.25, rule="log_ratio")]
        assert page.locator(".answer h2").last.inner_text() == (
            "B Contrastive input decoding, strength 1.25, rule log_ratio"
        )
        first.locator(".method select").select_option("cad")
        first.locator(".method select").select_option("m3id")
        assert first.get_by_label("max weight", exact=False).input_value() == "", "what was typed is kept"
        assert page.problems == []


def test_a_rule_that_only_the_server_has_is_offered_and_decodes(open_page):
    def leaning(main, contrasts, params):
        """Leans one way."""

    way = parameter("left", help="where it leans", choices=("left", "right"))
    rule = rule_class(leaning, "tests_leaning", contrasts=1, parameters={"strength": 2.0, "way": way})
    tokens = [word.encode() for word in ("The", " tower", " is", " 31", " metres", " high", ".")]
    with streaming_server(tokens) as there:
        there.rules = describe([rule])
        with serving(ServedEngine(there.url)) as server:
            page = open_page(server.url)
            first = page.locator(".picker").first
            first.locator("option[value=tests_leaning]").wait_for(state="attached")
            assert first.locator(".method option").all_inner_texts() == [CAD.title, "tests_leaning", "Plain decoding"]
            first.locator(".method select").select_option("tests_leaning")
            assert "Leans one way." in first.locator(".about").inner_text()
            first.get_by_label("strength", exact=True).fill("1.5")
            first.locator("summary").click()
            first.get_by_label("way").select_option("right")
            asked(page, QUESTION, "tests_leaning")
            assert page.locator(".answer h2").inner_text() == "tests_leaning, strength 1.5, way right"
            assert page.locator(".prose").inner_text().startswith("The tower is 31 metres high")
            keys = there.bodies[-1]["vllm_xargs"]
            assert (keys["cf_method"], keys["cf_strength"], keys["cf_way"]) == ("tests_leaning", 1.5, "right")
            assert page.problems == []


def test_what_a_method_cannot_be_given_is_told_in_its_own_words(open_page, served):
    page = open_page(served.url)
    for method, field, value, told in (
        ("cad", "strength", "-1", "`strength` has to be a number of at least 0, but is -1"),
        ("code", "k", "0", "`k` has to be a number above 0, but is 0"),
        ("weighted_sum", "weights", "1 x", "`weights` has to be numbers with blanks between them, but is '1 x'"),
    ):
        page.locator(".picker .method select").first.select_option(method)
        page.locator(".picker").first.get_by_label(field, exact=True).fill(value)
        page.locator("#question").fill(QUESTION)
        page.keyboard.press("Enter")
        page.get_by_text(told).wait_for()
    page.locator(".picker").first.get_by_label("weights").fill("-0.5")
    ask(page, QUESTION, "none", "none")
    page.get_by_text("Both answers would be decoded alike").wait_for()
    assert served.session.answers == []
    assert page.problems == []


def test_a_server_offers_what_it_serves(open_page):
    tokens = [b"The", b" tower", b" is", b" 31", b" metres", b" high", b"."]
    with streaming_server(tokens) as there, serving(ServedEngine(there.url)) as server:
        page = open_page(server.url)
        page.locator("option[value=cad]").first.wait_for(state="attached")
        assert page.locator(".picker .method").first.locator("option").all_inner_texts() == [
            "Context-aware decoding",
            "Plain decoding",
        ]
        asked(page, QUESTION, "cad", "none")
        assert page.locator(".prose").nth(0).inner_text().startswith("The tower is 31 metres high.")
        assert page.locator(".prose").nth(1).inner_text().startswith("Plain it is.")
    with streaming_server(tokens, plug_in=False) as there, serving(ServedEngine(there.url)) as server:
        page = open_page(server.url)
        page.locator("option[value=none]").first.wait_for(state="attached")
        assert page.locator(".picker .method").first.locator("option").all_inner_texts() == ["Plain decoding"]
        page.get_by_text("Answers are decoded plainly: the server knows no contrasts").wait_for()
    with serving(GoneEngine()) as server:
        page = open_page(server.url)
        page.get_by_text("Answers are decoded plainly: the server at X gave no answer.").wait_for()


def test_verdicts_are_kept_overruled_and_exported(open_page, served, tmp_path):
    page = open_page(served.url)
    asked(page)
    assert page.get_by_role("button", name="Export reviews").is_disabled()
    page.locator(".sentence").first.click()
    page.locator(".choice", has_text="keep: supported").click()
    page.locator(".verdicts li").first.get_by_text("kept by you").wait_for()
    page.locator(".sentence").nth(1).click()
    page.locator(".choice.contradicted").click()
    page.locator(".reviewed.contradicted").wait_for()
    page.locator(".note").fill("It is <b>grey</b>.")
    page.keyboard.press("Enter")
    tag = page.locator(".verdicts li").nth(1).locator(".reviewed")
    tag.get_by_text("grey").wait_for()
    assert tag.inner_text() == "overruled by you: contradicted “It is <b>grey</b>.”"
    with page.expect_download() as download:
        page.get_by_role("button", name="Export 2 reviews").click()
    path = tmp_path / "reviews.jsonl"
    download.value.save_as(path)
    assert download.value.suggested_filename == "reviews.jsonl"
    kept, overruled = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert (kept["label"], kept["hypothesis"], kept["agreed"]) == ("supported", "The tower is 31 metres high.", True)
    assert kept["statement"] == "The tower 🎉 is 31 metres high.", "as it stands in the answer"
    assert (overruled["label"], overruled["note"]) == ("contradiction", "It is <b>grey</b>.")
    assert [pair.supported for pair in read_pairs(path)] == [True, False]
    page.reload()
    page.locator(".sentence").nth(1).click()
    assert page.locator(".choice input:checked").get_attribute("value") == "contradiction", "the server keeps it"
    assert page.locator(".note").input_value() == "It is <b>grey</b>."
    page.get_by_role("button", name="Take it back").click()
    page.get_by_role("button", name="Export 1 review").wait_for()
    assert page.locator(".reviewed").count() == 1
    assert page.problems == []


def test_everything_can_be_done_with_the_keyboard(open_page, served, lit):
    page = open_page(served.url)
    page.locator(".documents li").first.wait_for()
    assert page.evaluate("document.activeElement.id") == "question"
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    page.locator(".scores").wait_for()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('sentence')"):
            break
    page.keyboard.press("Enter")
    assert lit(page) == ["The tower 🎉 is 31 metres high."]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("1")
    page.locator(".reviewed.supported").wait_for()
    assert "overruled by you: supported" in page.locator(".verdicts li").nth(1).inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert page.locator(".finding .words").inner_text() == "The"
    page.keyboard.press("Escape")
    assert page.locator(".finding.empty").count() == 1
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "question"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Decode by"
    page.keyboard.type("Classifier")
    assert page.locator(".picker .method select").first.input_value() == "cfg"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.value") == "1.6"
    page.keyboard.press("Tab")
    page.keyboard.type("Plain")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.locator(".answer h2", has_text="guidance scale 1.6").wait_for()
    page.locator(".answer h2", has_text="Plain decoding").wait_for()
    page.locator("body:not(.answering)").wait_for()
    assert page.problems == []


def test_documents_are_dropped_on_the_page_and_removed(open_page):
    with serving(ScriptedEngine(TEXT), documents=()) as server:
        page = open_page(server.url)
        page.get_by_text("none yet").wait_for()
        ask(page)
        page.locator(".step .error").wait_for()
        assert page.locator(".step").inner_text() == "There are no documents to answer from. Add some first."
        drop = """([name, text]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([text], name));
          for (const kind of ["dragenter", "dragover", "drop"]) {
            const options = { bubbles: true, cancelable: true, dataTransfer: transfer };
            document.body.dispatchEvent(new DragEvent(kind, options));
          }
        }"""
        page.evaluate(drop, ["<i>tower</i>.md", f"# The tower\n\n{TOWER.text}"])
        page.locator(".documents li").wait_for()
        assert "<i>tower</i>.md".rpartition("/")[2] in page.locator(".documents").inner_text()
        page.locator("#files").set_input_files([EXAMPLES / "ferry.txt", EXAMPLES / "council-minutes.pdf"])
        page.locator(".documents li").nth(2).wait_for()
        page.evaluate(drop, ["photo.jpg", "x"])
        page.locator(".problems li").wait_for()
        told = page.locator(".problems").inner_text()
        assert "photo.jpg was not added: files that end in '.jpg' are not read" in told
        assert page.locator("body.dropping").count() == 0
        page.locator(".documents button").first.click()
        page.get_by_text("2 documents", exact=True).wait_for()
        asked(page)
        assert statuses(page)[0] == "supported"
        (refused,) = page.problems
        assert "400" in refused, "the browser's own word on the photo"


def test_who_stops_ends_the_decoding_and_may_ask_again(open_page):
    gate = Gate()
    with serving(ScriptedEngine(TEXT, before_word=gate)) as server:
        page = open_page(server.url)
        ask(page)
        gate.let(4)
        page.locator(".tail").wait_for()
        page.get_by_role("button", name="Stop").click()
        page.get_by_text("Stopped.").wait_for()
        gate.let(50)
        asked(page)
        assert gate.written < 50
        assert len(server.session.answers) == 1
        assert len(statuses(page)) == 3


def test_a_second_page_waits_for_the_first(open_page):
    gate = Gate()
    with serving(ScriptedEngine(TEXT, before_word=gate)) as server:
        first, second = open_page(server.url), open_page(server.url)
        ask(first)
        gate.let(1)
        first.locator(".tail").wait_for()
        ask(second, "How many passengers?")
        second.get_by_text("Waiting until the other question is answered").wait_for()
        gate.let(60)
        second.locator(".scores").wait_for()
        first.locator(".scores").wait_for()
        assert [found.question for found in server.session.answers] == [QUESTION, "How many passengers?"]


def test_what_goes_wrong_is_told_and_what_was_written_stays(open_page):
    def broken(n):
        if n == 9:
            raise RuntimeError("out of <memory>")

    with serving(ScriptedEngine(TEXT, before_word=broken)) as server:
        page = open_page(server.url)
        ask(page)
        page.locator(".step .error").wait_for()
        assert page.locator(".step").inner_text() == "the model failed: RuntimeError: out of <memory>"
        assert statuses(page) == ["supported"]
        assert page.locator(".tail.cut").count() == 1
        page.locator(".sentence").click()
        assert page.locator(".review").count() == 0, "an answer that broke off cannot be reviewed"
        assert server.session.answers == []


def test_earlier_questions_are_kept_and_opened_again(open_page, served):
    page = open_page(served.url)
    asked(page)
    asked(page, "What carries passengers?")
    page.get_by_role("navigation").get_by_role("button", name=QUESTION).click()
    assert page.locator("h1").inner_text() == QUESTION
    page.reload()
    page.locator("h1", has_text="What carries passengers?").wait_for()
    assert page.locator(".past li").count() == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_have_contrast_in_both_themes(open_page, served, scheme):
    page = open_page(served.url, color_scheme=scheme)
    asked(page)
    page.locator(".sentence").first.click()
    script = """() => {
      const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
      const linear = (c) => (c / 255 <= 0.03928 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4);
      const light = ([r, g, b]) => [r, g, b].map(linear)
        .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
      const behind = (element) => {
        for (let e = element; e; e = e.parentElement) {
          const found = getComputedStyle(e).backgroundColor;
          if (channels(found)[3] !== 0) return channels(found);
        }
        return [255, 255, 255];
      };
      const weak = [];
      for (const element of document.querySelectorAll(".bar *, .ask *, .review *, .library *, .past *, .tip *")) {
        const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
        if (!own || element.disabled || !element.getClientRects().length) continue;
        const both = [light(channels(getComputedStyle(element).color)), light(behind(element))];
        const ratio = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
        if (ratio < 4.5) weak.push(`${element.className} ${element.textContent} ${ratio}`);
      }
      return weak;
    }"""
    assert page.evaluate(script) == []


def sent(server, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def test_only_the_page_itself_is_answered(served):
    token = {"X_Counterfoil_Token": served.token}
    kind = {"Content_Type": "application/json"}
    for method, path in (("GET", "/state"), ("GET", "/export"), ("POST", "/ask"), ("POST", "/documents?name=a.md"),
                         ("POST", "/remove"), ("POST", "/review")):  # fmt: skip
        assert sent(served, method, path, b"{}", **kind)[0].status == 403
        assert sent(served, method, path, b"{}", **kind, **token, Origin="http://evil.example")[0].status == 403
        assert sent(served, method, path, b"{}", **kind, **token, Host="rebound.example")[0].status == 403
    assert sent(served, "GET", "/", **token)[0].status == 403, "the page needs its address"
    response, content = sent(served, "GET", f"/?token={served.token}")
    assert response.status == 200
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert b"needs JavaScript" in content
    wrong = json.dumps({"question": 1, "decodings": []}).encode()
    response, content = sent(served, "POST", "/ask", wrong, **kind, **token)
    assert (response.status, b"question (str)" in content) == (400, True)
    wrong = json.dumps({"case": 0, "answer": 0, "statement": 0, "label": "maybe", "note": ""}).encode()
    response, content = sent(served, "POST", "/review", wrong, **kind, **token)
    assert (response.status, b"there is no sentence" in content) == (400, True)
    assert sent(served, "GET", "/nothing", **token)[0].status == 404


@pytest.mark.timeout(600)
def test_the_real_models_answer(open_page, lit, drag):
    documents = read_documents([EXAMPLES]).documents
    server = AppServer(Session(documents))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        page = open_page(server.url)
        page.set_default_timeout(240_000)
        asked(page, "When was the lighthouse at Morrow Point built, and by whom?", "cad", "none")
        assert "Isla Pentreath" in page.locator(".prose").first.inner_text()
        assert statuses(page)[0] == "supported"
        page.locator(".sentence").first.click()
        assert "Isla Pentreath" in lit(page)[0]
        left, middle, _, _ = page.evaluate(WORDS, ["Isla", 0])  # its pieces are elements of their own
        page.mouse.move(left + 2, middle)
        assert page.locator(".tip b").inner_text() == "Isla"
        assert "more probable with the documents" in page.locator(".tip").inner_text()
        drag(page, "Isla Pentreath")
        page.locator(".finding .method").wait_for()
        assert "Isla Pentreath" in " ".join(lit(page))
        before = page.locator(".prose").all_inner_texts()
        asked(page, "When was the lighthouse at Morrow Point built, and by whom?", "m3id", "cid")
        assert page.locator(".answer h2").all_inner_texts() == [
            "A Multi-modal mutual information decoding, decay 0.02",
            "B Contrastive input decoding, strength 3",
        ]
        switched = page.locator(".prose").all_inner_texts()
        assert len({*before, *switched}) == 4, "each method writes its own answer"
        assert all("Isla Pentreath" in text for text in switched)
        assert page.problems == []
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
