from __future__ import annotations

import html
from pathlib import Path

import pytest
from counterfoil.attribution import Answer, Citation, CitationReport, Document, StatementVerdict, Status
from counterfoil.attribution.io.answers import Record
from counterfoil.attribution.io.files import Scored
from counterfoil.attribution.report import CorpusPage
from counterfoil.attribution.scoring.corpus import summarise

N = 300
FILLER = "This passage is long enough to be like one that a search engine finds, and nobody cites it. " * 20
STATUSES = (Status.SUPPORTED, Status.SUPPORTED, Status.NOT_SUPPORTED, Status.CONTRADICTED, Status.NO_CITATION)


def scored(n: int) -> Scored:
    """Answer `n` of five sentences; every seventh is all supported, the others have more faults the larger `n % 5`."""
    documents = [
        Document(f"{n}-{d}", f"{FILLER} Fact {n}.{d} is so, <script>alert({n})</script>. {FILLER}", f"Source {n}.{d}")
        for d in range(4)
    ]
    text, verdicts = "", []
    for d in range(5):
        sentence = f"Fact {n}.{d} is so [{min(d, 3) + 1}]."
        status = STATUSES[d] if n % 7 and d < 1 + n % 5 else Status.SUPPORTED
        cited = ()
        if status != Status.NO_CITATION:
            document = documents[min(d, 3)]
            quote = f"Fact {n}.{min(d, 3)} is so"
            start = document.text.index(quote)
            cited = (Citation(document.id, str(d + 1), status, 0.5, start, start + len(quote), quote),)
        verdicts.append(StatementVerdict(sentence, len(text), len(text) + len(sentence), status, 0.5, cited))
        text += sentence + " "
    good = sum(verdict.status == Status.SUPPORTED for verdict in verdicts) / 5
    question = "Where is the zebra?" if n == 123 else f"What about fact {n}?"
    report = CitationReport("strict", text, tuple(verdicts), good, good, True, "words@1", 0.5)
    return Scored(Record(Path("answers.jsonl"), n + 1, Answer(text, documents, question, f"q{n}")), report)


def broken() -> Scored:
    return Scored(Record(Path("answers.jsonl"), N + 1, None, "is not JSON <b>"), None)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "corpus.html"
    page = CorpusPage()
    corpus = summarise(each.report for each in page.through([*map(scored, range(N)), broken()]))
    page.write(path, corpus, {}, {"mode": "strict"})
    assert path.stat().st_size > 4_000_000, "as large as a page of real answers"
    return path.as_uri()


@pytest.fixture
def opened(open_page, address):
    return lambda **options: open_page(address, **options)


def scores(page) -> list[str]:
    return [score.removesuffix("F1") for score in page.locator(".row b").all_text_contents()]


def tally(page) -> str:
    return page.locator(".tally").inner_text()


def opening(browser, address) -> float:
    """Seconds of processor that the page needs until the first answer can be read and the list be used."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto("about:blank")
    tools = context.new_cdp_session(page)
    # Of the thread that runs the page, not of the clock: other tests run beside this one.
    tools.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(address)
    page.locator(".row").first.wait_for()
    page.locator(".sentence").first.wait_for()
    metrics = {each["name"]: each["value"] for each in tools.send("Performance.getMetrics")["metrics"]}
    context.close()
    return metrics["TaskDuration"]


def test_three_hundred_answers_open_in_under_two_seconds(browser, address):
    took = opening(browser, address)
    assert 0 < took < 2.0


def test_only_what_is_in_sight_is_in_the_page(opened):
    page = opened()
    assert tally(page) == "300 answers"
    assert page.locator("body *").count() < 600


def test_the_worst_come_first_and_other_orders_are_one_choice_away(opened):
    page = opened()
    shown = [int(score) for score in scores(page)]
    assert shown == sorted(shown)
    assert shown[0] == 40
    assert "answers.jsonl, record" in page.locator(".answers .eyebrow").inner_text()
    page.get_by_label("Order").select_option("best")
    assert scores(page)[0] == "100"
    page.get_by_label("Order").select_option("file")
    assert page.locator(".row .asked").all_inner_texts()[:3] == [f"What about fact {n}?" for n in range(3)]
    page.get_by_label("Order").select_option("bad")
    strips = page.locator(".row .strip").first.get_attribute("title")
    assert strips == "2 supported, 1 not supported, 1 contradicted, 1 no citation"


def test_filters_keep_answers_with_a_sentence_of_that_verdict(opened):
    page = opened()
    contradicted = page.locator(".filter.contradicted")
    number = int(contradicted.locator("small").inner_text())
    assert 0 < number < N
    contradicted.click()
    assert contradicted.get_attribute("aria-pressed") == "true"
    assert tally(page) == f"{number} of 300 answers"
    assert all("contradicted" in strip.get_attribute("title") for strip in page.locator(".row .strip").all())
    page.locator(".filter.no_citation").click()
    assert tally(page) == f"{number} of 300 answers", "a second verdict lets more in, and these have both"
    contradicted.click()
    page.locator(".filter.no_citation").click()
    assert tally(page) == "300 answers"


def test_search_finds_answers_and_marks_the_words(opened):
    page = opened()
    page.get_by_label("Search").fill("ZEBRA")
    assert tally(page) == "1 of 300 answers"
    page.locator(".row").click()
    assert page.locator("h1:not(.unseen)").inner_text() == "Where is the zebra?"
    page.get_by_label("Search").fill("fact 123.2 so")
    assert tally(page) == "1 of 300 answers"
    assert "Fact 123.2" in page.evaluate("[...CSS.highlights.get('found')].map(String).join(' ') + ' Fact 123.2'")
    assert page.evaluate("[...CSS.highlights.get('found')].map(String)").count("123.2") == 1
    page.get_by_label("Search").fill("no such thing")
    assert page.get_by_text("No answer fits.").is_visible()


def test_the_list_goes_with_the_keys(opened):
    page = opened()
    page.locator(".rows").focus()
    first = page.locator(".answers .eyebrow").inner_text()
    page.keyboard.press("ArrowDown")
    assert page.locator(".answers .eyebrow").inner_text() != first
    chosen = page.locator(".rows").get_attribute("aria-activedescendant")
    assert page.locator(f"#{chosen}").get_attribute("aria-selected") == "true"
    assert page.locator(f"#{chosen}").get_attribute("aria-posinset") == "2"
    page.keyboard.press("End")
    chosen = page.locator(".rows").get_attribute("aria-activedescendant")
    assert page.locator(f"#{chosen}").get_attribute("aria-posinset") == "300"
    assert page.locator(f"#{chosen}").is_visible()
    page.keyboard.press("PageUp")
    page.keyboard.press("Home")
    assert page.locator(".answers .eyebrow").inner_text() == first


def test_a_drag_in_an_answer_of_the_corpus(opened, drag, lit):
    page = opened()
    page.get_by_label("Search").fill("(q7)")
    page.locator(".row").first.click()
    drag(page, "Fact 7.1")
    assert lit(page) == ["Fact 7.1 is so"]
    page.locator(".marker").first.click()
    assert lit(page) == ["Fact 7.0 is so"]
    assert page.problems == []


def test_a_link_leads_to_an_answer(open_page, opened, address):
    page = opened()
    page.get_by_label("Search").fill("zebra")
    page.locator(".row").click()
    linked = open_page(page.evaluate("location.href"))
    assert linked.locator("h1:not(.unseen)").inner_text() == "Where is the zebra?"
    assert linked.locator(".row[aria-selected=true]").is_visible()


def test_what_could_not_be_read_and_what_is_left_out_is_told(opened):
    page = opened()
    page.get_by_text("1 record was not read").click()
    assert page.get_by_text("answers.jsonl, record 301: is not JSON <b>").is_visible()
    page.get_by_text("About this run").click()
    assert page.get_by_text("300 answers are in the figures, of 301.").is_visible()
    assert page.problems == []


def test_more_answers_than_a_page_holds(open_page, tmp_path):
    page = CorpusPage(shown=10)
    corpus = summarise(each.report for each in page.through(map(scored, range(40))))
    page.write(tmp_path / "c.html", corpus, {}, {})
    shown = open_page((tmp_path / "c.html").as_uri())
    assert shown.get_by_text("Here are the 10 answers of lowest F1, of 40. The JSON holds all of them.").is_visible()
    assert shown.locator(".row").count() == 10
    assert {int(score) for score in scores(shown)} == {40, 60}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_window_shows_the_list_then_the_answer(opened, scheme):
    page = opened(viewport={"width": 390, "height": 800}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not page.locator(".prose").is_visible()
    page.locator(".row").nth(1).click()
    assert page.locator(".prose").is_visible()
    assert not page.locator(".rows").is_visible()
    page.get_by_text("All answers").click()
    assert page.locator(".rows").is_visible()


def test_it_reads_without_javascript(opened):
    page = opened(java_script_enabled=False)
    assert page.locator(".prose").count() == N
    assert page.locator(".verdicts").first.is_visible()
    assert "Not read: answers.jsonl, record 301: is not JSON <b>" in page.locator(".notes").first.inner_text()
    assert page.problems == []


def small(*answers: tuple[str, str]) -> CorpusPage:
    """The page of some answers, each with its question."""
    page = CorpusPage()
    for n, (question, text) in enumerate(answers):
        verdict = StatementVerdict(text, 0, len(text), Status.NOT_SUPPORTED, 0.1)
        report = CitationReport("strict", text, (verdict,), 0.0, 0.0, True, "words@1", 0.5)
        list(page.through([Scored(Record(Path("a.jsonl"), n + 1, Answer(text, [], question, f"q{n}")), report)]))
    return page


@pytest.fixture
def open_small(open_page, tmp_path):
    def opened(*answers):
        page = small(*answers)
        page.write(tmp_path / "small.html", summarise([]), {}, {})
        return open_page((tmp_path / "small.html").as_uri())

    return opened


FOUND = "[...CSS.highlights.get('found')].map(String)"


@pytest.mark.parametrize(
    ("text", "asked", "found"),
    [
        ("İİİ and rain in İstanbul.", "rain", ["rain"]),
        ("İİİ and rain in İstanbul.", "istanbul", ["İstanbul"]),
        ("İİİ and rain in İstanbul.", "İSTANBUL", ["İstanbul"]),
        ("The o\ufb03ce is open.", "office", ["o\ufb03ce"]),
        ("Co\u00adoperation at the cafe\u0301 😀.", "cooperation", ["Co\u00adoperation"]),
        ("Co\u00adoperation at the cafe\u0301 😀.", "café", ["cafe\u0301"]),
        ("می\u200cروم به خانه.", "میروم", ["می\u200cروم"]),
        ("Die Straße und der ΟΔΟΣ.", "STRASSE οδος", ["Straße", "ΟΔΟΣ"]),
    ],
)
def test_search_lights_the_words_that_it_found(open_small, text, asked, found):
    page = open_small(("Why?", text), ("Other?", "Nothing of it."))
    page.get_by_label("Search").fill(asked)
    assert tally(page) == "1 of 2 answers"
    page.locator(".row").click()
    assert page.evaluate(FOUND) == found
    assert page.problems == []


def test_what_is_shortened_is_cut_between_letters(open_small):
    page = open_small(("Why?", "a" * 219 + "😀👩‍🚀" + "b" * 50))
    page.locator(".sentence").click()
    shown = page.locator(".finding .words").inner_text()
    assert shown == "a" * 219 + " …"


def test_it_works_in_a_frame_without_an_address(open_page, tmp_path):
    """Streamlit, Gradio and notebooks show a page as the `srcdoc` of a sandboxed frame."""
    page = small(("First?", "Alpha."), ("Second?", "Beta."))
    page.write(tmp_path / "small.html", summarise([]), {}, {})
    outer = f'<iframe sandbox="allow-scripts" srcdoc="{html.escape((tmp_path / "small.html").read_text())}"></iframe>'
    (tmp_path / "outer.html").write_text(f"<!doctype html><meta charset=utf-8>{outer}", encoding="utf-8")
    shown = open_page((tmp_path / "outer.html").as_uri())
    frame = shown.frames[1]
    frame.locator(".row").nth(1).wait_for(state="attached")
    frame.evaluate("document.querySelectorAll('.row')[1].click()")
    assert frame.locator("h1:not(.unseen)").text_content() == "Second?"
    frame.evaluate("document.querySelectorAll('.row')[0].click()")
    assert frame.locator("h1:not(.unseen)").text_content() == "First?"
    assert [problem for problem in shown.problems if "srcdoc" not in problem] == []
