from __future__ import annotations

import shutil

import pytest
from counterfoil.attribution import Citation, Document, StatementVerdict, Status
from counterfoil.attribution.report import AnswerRecord, Report, TraceSpan, write_report
from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
FILLER = "\n\n".join(f"Paragraph {n} is about something else and is here to make the text long." for n in range(60))
SOURCE = "The lens weighs 2.6 tonnes."
LONG = Document("long.txt", f"{FILLER}\n\n{SOURCE} 😀 שלום\r\n\n{FILLER}", "A long text")
EVIL = Document(
    "evil.html",
    '<script>document.title = "run"</script><img src=x onerror=\'document.title = "run"\'> Admission is free.',
    '<img src="https://example.invalid/x.png" onerror="document.title=1">',
)


def report() -> Report:
    text = "The lens weighs 2.6 tonnes. Admission is free. It is red."
    start, free = LONG.text.index(SOURCE), EVIL.text.index("Admission")
    verdicts = (
        StatementVerdict(text[:27], 0, 27, Status.SUPPORTED, 0.9, (
            Citation("long.txt", "1", Status.SUPPORTED, 0.9, start, start + len(SOURCE), SOURCE),)),
        StatementVerdict(text[28:46], 28, 46, Status.SUPPORTED, 0.8, (
            Citation("evil.html", "2", Status.SUPPORTED, 0.8, free, free + 18, "Admission is free."),)),
        StatementVerdict(text[47:], 47, len(text), Status.NOT_SUPPORTED, 0.1),
    )  # fmt: skip
    trace = (TraceSpan(4, 8, 5.0), TraceSpan(9, 15, -5.0))
    return Report("How heavy is it?", (AnswerRecord("CAD", text, verdicts, 2 / 3, 1.0, 0.8, trace),), (LONG, EVIL))


@pytest.fixture(scope="module")
def browser():
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.fail(
            f"the browser tests need one of {', '.join(BROWSERS)} on the PATH, for example: apt install chromium"
        )
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, report())
    return path.as_uri()


@pytest.fixture
def open_page(browser, address):
    contexts = []

    def opened(**options):
        context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce", **options}
        )
        contexts.append(context)
        page = context.new_page()
        page.problems = []
        page.on("console", lambda message: page.problems.append(message.text))
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("request", lambda request: request.url == address or page.problems.append(request.url))
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()


def in_view(page, selector: str) -> bool:
    script = (
        "e => { const b = e.getBoundingClientRect(); return b.top >= 0 && b.bottom <= innerHeight && b.height > 0 }"
    )
    return page.locator(selector).first.evaluate(script)


def test_a_click_on_a_sentence_shows_its_source(open_page):
    page = open_page()
    assert page.locator("mark.lit").count() == 0
    assert not in_view(page, "#document-1 mark")
    page.locator(".sentence").nth(0).click()
    assert page.locator("mark.lit").all_inner_texts() == [SOURCE]
    assert in_view(page, "mark.lit")
    assert in_view(page, ".sentence.chosen")
    assert "Sentence 1: ✓supported" in page.locator("#chosen").inner_text().replace("\n", "")
    page.locator(".sentence").nth(1).click()
    assert page.locator("mark.lit").all_inner_texts() == ["Admission is free."]
    assert page.locator("[aria-current]").count() == 1
    page.locator(".sentence").nth(2).click()
    assert page.locator("mark.lit").count() == 0
    assert "no document supports it" in page.locator("#chosen").inner_text()
    assert page.problems == []


def test_the_keyboard_does_the_same(open_page):
    page = open_page()
    page.locator(".sentence").nth(0).focus()
    page.keyboard.press("Enter")
    assert page.locator("mark.lit").all_inner_texts() == [SOURCE]
    page.keyboard.press("ArrowRight")
    assert page.locator("mark.lit").all_inner_texts() == ["Admission is free."]
    assert page.evaluate("document.activeElement.dataset.key") == "A2"
    page.keyboard.press("Escape")
    assert page.locator("mark.lit, .sentence.chosen").count() == 0


def test_from_the_source_back_to_the_sentence(open_page):
    page = open_page()
    page.locator("#document-2 mark").hover()
    assert page.locator(".sentence.rests").all_inner_texts() == ["Admission is free."]
    page.locator("#document-2 .back").click()
    assert page.locator(".sentence.chosen").all_inner_texts() == ["Admission is free."]
    assert page.evaluate("document.activeElement.dataset.key") == "A2"
    page.locator("#document-1 mark").click()
    assert page.locator(".sentence.chosen").all_inner_texts() == ["The lens weighs 2.6 tonnes."]


def test_a_closed_document_opens(open_page):
    page = open_page()
    page.locator("#document-1 summary").click()
    assert not page.locator("#document-1 mark").is_visible()
    page.locator(".prose .number").first.click()
    assert in_view(page, "#document-1 mark.lit")


def test_nothing_of_a_document_is_run_or_fetched(open_page):
    page = open_page()
    page.wait_for_timeout(100)
    assert page.title() == "How heavy is it? · counterfoil"
    assert page.locator("img, script").count() == 1
    assert page.problems == []
    shown = page.locator("#document-1 .text").evaluate(
        "e => { const c = e.cloneNode(true); c.querySelectorAll('.back').forEach(b => b.remove());"
        "return c.textContent }"
    )
    assert shown == LONG.text


def test_the_policy_stops_what_would_slip_through(open_page):
    page = open_page()
    page.evaluate(
        "const s = document.createElement('style'); s.textContent = 'body { color: red }'; document.head.append(s)"
    )
    assert any("Content Security Policy" in problem for problem in page.problems)
    assert page.locator("body").evaluate("e => getComputedStyle(e).color") != "rgb(255, 0, 0)"


def test_it_reads_and_links_without_javascript(open_page):
    page = open_page(java_script_enabled=False)
    assert "supported" in page.locator(".verdicts").inner_text()
    assert page.locator("#document-1 .text").is_visible()
    before = page.locator("#document-1 mark").evaluate("e => getComputedStyle(e).backgroundColor")
    page.locator(".sentence").nth(0).click()
    assert in_view(page, "#document-1 mark")
    assert page.locator("#document-1 mark").evaluate("e => getComputedStyle(e).backgroundColor") != before


def test_shading_by_influence(open_page):
    page = open_page()
    shade = page.locator(".sentence .p4")
    color = "e => getComputedStyle(e).backgroundColor"
    assert shade.evaluate(color) == "rgba(0, 0, 0, 0)"
    page.get_by_label("Influence of the documents").check()
    assert shade.evaluate(color) != "rgba(0, 0, 0, 0)"
    assert page.locator(".scale").is_visible()


CONTRAST = """(selector) => {
  const rgb = (value) => value.match(/[\\d.]+/g).map(Number);
  const linear = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => [r, g, b].map(linear)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  return [...document.querySelectorAll(selector)].map((element) => {
    let box = element;
    while (box && rgb(getComputedStyle(box).backgroundColor)[3] === 0) box = box.parentElement;
    const back = rgb(getComputedStyle(box || document.documentElement).backgroundColor);
    const [a, b] = [luminance(rgb(getComputedStyle(element).color)), luminance(back)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  });
}"""
WORDS = ".sentence, .number, .verdict, .rests, .rests a, .file, .use, .text, .unread, mark, h1, h2, dt, .scores dd span"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(open_page, scheme):
    page = open_page(color_scheme=scheme)
    page.locator(".sentence").nth(0).click()
    ratios = page.evaluate(CONTRAST, WORDS)
    assert len(ratios) > 20
    assert min(ratios) >= 4.5
    dark = page.locator("html").evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(20, 23, 27)"
    assert dark == (scheme == "dark")


def test_a_narrow_window_has_one_column_and_does_not_scroll_sideways(open_page):
    page = open_page(viewport={"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".sentence").nth(0).click()
    assert in_view(page, "mark.lit")
    page.get_by_text("Back to the answer").click()
    assert in_view(page, ".sentence.chosen")
