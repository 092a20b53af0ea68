from __future__ import annotations

from dataclasses import replace

import pytest
from counterfoil.attribution import Citation, Document, SourceSpan, StatementVerdict, Status
from counterfoil.attribution.locating.results import Attribution, Kind
from counterfoil.attribution.report import AnswerRecord, Report, TraceSpan, write_report

from tests.support.browser import settled
from tests.support.reports import LENS, OTHER, TOWER, citation, example, record

FILLER = "\n\n".join(f"Paragraph {n} is about something else and is here to make the text long." for n in range(60))
SOURCE = "The lens weighs 2.6 tonnes."
LONG = Document("long.txt", f"{FILLER}\n\n{SOURCE} 😀 שלום\r\n\n{FILLER}", "A long text")
EVIL = Document(
    "evil.html",
    '</script></noscript><script>document.title = "run"</script><img src=x onerror=\'document.title = "run"\'> '
    "Admission is \u202efree\u202c.",
    '<img src="https://example.invalid/x.png" onerror="document.title=1">',
)
TEXT = "👩‍🚀 The lens weighs 2.6 tonnes. Admission is free. It is red."
START, FREE = LONG.text.index(SOURCE), EVIL.text.index("Admission")


def source(document: Document, quote: str) -> SourceSpan:
    start = document.text.index(quote)
    return SourceSpan.of(document, start, start + len(quote), 0.97)


def place(words: str) -> tuple[int, int]:
    return TEXT.index(words), TEXT.index(words) + len(words)


def located(words: str, *spans: SourceSpan, status=Status.SUPPORTED, claim=None) -> Attribution:
    start, end = place(words)
    return Attribution(
        claim or words, "alignment", Kind.CORROBORATIVE, status, start, end, ((start, end),), words, ((start, end),),
        0.97, None, spans, entailment="local@1", threshold=0.5,
    )  # fmt: skip


def report(**changes) -> Report:
    first, second, third = place("👩‍🚀 The lens weighs 2.6 tonnes."), place("Admission is free."), place("It is red.")
    verdicts = (
        StatementVerdict("", *first, Status.SUPPORTED, 0.9, (
            Citation("long.txt", "1", Status.SUPPORTED, 0.9, START, START + len(SOURCE), SOURCE),)),
        StatementVerdict("", *second, Status.SUPPORTED, 0.8, (
            Citation("evil.html", "2", Status.SUPPORTED, 0.8, FREE, len(EVIL.text), EVIL.text[FREE:]),)),
        StatementVerdict("", *third, Status.NOT_SUPPORTED, 0.1),
    )  # fmt: skip
    weighs = place("weighs")
    trace = (TraceSpan(weighs[0], weighs[1], 5.0), TraceSpan(weighs[1], weighs[1] + 4, -5.0))
    record = AnswerRecord("CAD", TEXT, verdicts, 2 / 3, 1.0, 0.8, trace, **changes)
    return Report("How heavy is it?", (record,), (LONG, EVIL))


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, report())
    return path.as_uri()


@pytest.fixture
def opened(open_page, address):
    return lambda **options: open_page(address, **options)


@pytest.fixture(scope="module")
def located_address(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "located.html"
    found = (
        located("The lens weighs 2.6 tonnes", source(LONG, "weighs 2.6 tonnes")),
        located("It is red", status=Status.NOT_SUPPORTED, claim="The lens is red."),
    )
    write_report(path, report(attributions=found))
    return path.as_uri()


def readout(page) -> str:
    return " ".join(page.locator(".finding").inner_text().split())


def words(page) -> str:
    return page.locator(".finding .words").inner_text()


def test_a_drag_over_words_lights_their_source_and_scrolls_there(opened, drag, lit, in_view):
    page = opened()
    assert not in_view(page, "#document-1 mark")
    drag(page, "2.6 tonnes")
    assert lit(page) == [SOURCE]
    assert page.locator("mark.same").all_inner_texts() == ["2.6", "tonnes"]
    assert in_view(page, "mark.lit")
    assert words(page) == "2.6 tonnes"
    assert "supported90 %" in readout(page)
    assert "not located beforehand. Shown is what sentence 1 cites" in readout(page)
    assert "counterfoil view FILE.json" in readout(page)
    assert page.evaluate("[...CSS.highlights.get('picked')].map(String)") == ["2.6 tonnes"]
    assert page.problems == []


def test_a_drag_inside_words_takes_whole_words(opened, drag):
    page = opened()
    drag(page, "eighs 2.6 to")
    assert words(page) == "weighs 2.6 tonnes"
    assert "Taken to whole words." in readout(page)
    page.mouse.dblclick(
        *page.evaluate("""() => {
      const sentence = document.querySelectorAll(".sentence")[1].getClientRects()[0];
      return [sentence.left + 20, (sentence.top + sentence.bottom) / 2];
    }""")
    )
    settled(page)
    assert words(page) == "Admission"


def test_a_drag_across_sentences_shows_what_all_of_them_cite(opened, drag, lit):
    page = opened()
    drag(page, "tonnes. Admission is free. It")
    assert lit(page) == [SOURCE, EVIL.text[FREE:]]
    assert "Shown is what sentences 1, 2, 3 cite" in readout(page)
    assert page.locator(".verdicts li.chosen").count() == 3


def test_words_that_were_located_beforehand_are_answered_by_the_page(open_page, located_address, drag, lit):
    page = open_page(located_address)
    drag(page, "2.6 tonnes")
    assert lit(page) == ["weighs 2.6 tonnes"]
    assert "supported97 %" in readout(page)
    assert "alignment, checked by local" in readout(page)
    assert "Understood as The lens weighs 2.6 tonnes" in readout(page)
    assert "not located" not in readout(page)
    drag(page, "red")
    assert lit(page) == []
    assert "Understood as The lens is red." in readout(page)
    assert "Nothing in the sources supports these words." in readout(page)
    drag(page, "tonnes. Admission")
    assert "not located beforehand" in readout(page)
    assert page.problems == []


def test_a_source_shows_which_words_rest_on_it(open_page, located_address):
    page = open_page(located_address)
    page.locator("#document-1 mark").first.hover()
    assert page.locator(".sentence.rests").count() == 1
    # The part of the quote that "The lens weighs 2.6 tonnes" was located in.
    assert page.evaluate("[...CSS.highlights.get('rests')].map(String)") == ["The lens weighs 2.6 tonnes"]
    page.locator("#document-2 mark").hover()
    assert page.locator(".sentence.rests").all_inner_texts() == ["Admission is free."]
    page.locator("#document-2 mark").click()
    assert page.locator(".sentence.chosen").all_inner_texts() == ["Admission is free."]
    page.locator("#document-1 mark").first.focus()
    assert page.locator(".sentence.rests").count() == 1
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.textContent").startswith("👩‍🚀 The lens")
    assert page.problems == []


def test_a_click_on_a_sentence_shows_its_source(opened, lit, in_view):
    page = opened()
    assert page.locator("mark.lit").count() == 0
    page.locator(".sentence").nth(0).click()
    assert lit(page) == [SOURCE]
    assert in_view(page, "mark.lit")
    assert in_view(page, ".sentence.chosen")
    assert "Sentence 1 " in readout(page)
    assert "✓supported90 %" in readout(page)
    page.locator(".sentence").nth(1).click()
    assert lit(page) == [EVIL.text[FREE:]]
    assert page.locator("[aria-pressed=true]").count() == 1
    page.locator(".sentence").nth(2).click()
    assert lit(page) == []
    assert "no document supports it" in readout(page)
    page.get_by_label("Let go").click()
    assert page.locator(".chosen, mark.lit").count() == 0
    assert page.problems == []


def test_the_keyboard_does_the_same(opened, lit):
    page = opened()
    page.keyboard.press("Tab")
    while not page.evaluate("document.activeElement.classList.contains('sentence')"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert lit(page) == [SOURCE]
    page.keyboard.press("ArrowRight")
    assert lit(page) == [EVIL.text[FREE:]]
    assert page.evaluate("document.activeElement.textContent") == "Admission is free."
    page.keyboard.press("ArrowLeft")
    for key in ("Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)
    assert words(page) == "lens weighs"
    page.keyboard.press("Shift+ArrowLeft")
    assert words(page) == "lens"
    page.keyboard.press("Shift+ArrowUp")
    assert words(page) == "The lens"
    page.keyboard.press("Escape")
    assert page.locator("mark.lit, .chosen").count() == 0
    assert not page.evaluate("CSS.highlights.has('picked')")


def test_a_screen_reader_is_told(opened, drag):
    page = opened()
    snapshot = page.locator("main").aria_snapshot()
    assert 'heading "How heavy is it?"' in snapshot
    assert 'button "👩‍🚀 The lens weighs 2.6 tonnes."' in snapshot
    described = page.locator(".sentence").first.evaluate(
        "e => document.getElementById(e.getAttribute('aria-describedby')).textContent"
    )
    assert described == "✓supported90 %"
    drag(page, "2.6 tonnes")
    page.wait_for_function("document.querySelector('[role=status].unseen').textContent.includes('2.6')")
    told = page.locator("[role=status].unseen").inner_text()
    assert "“2.6 tonnes”: supported 90 %. long.txt: The lens weighs 2.6 tonnes." in told
    assert page.locator("#document-1 mark").first.get_attribute("aria-description") == "Sentence 1 rests on this"
    assert page.locator("aside").get_attribute("aria-label") == "Sources"


def test_a_closed_document_opens(opened, in_view):
    page = opened()
    page.locator("#document-1 summary").click()
    assert not page.locator("#document-1 mark").first.is_visible()
    page.locator(".prose .number").first.click()
    assert in_view(page, "#document-1 mark.lit")


def test_nothing_of_a_document_is_run_or_fetched(opened):
    page = opened()
    settled(page)
    page.wait_for_timeout(100)
    assert page.title() == "How heavy is it? · counterfoil"
    assert page.locator("img, iframe").count() == 0
    assert page.locator("script").count() == 2
    assert page.problems == []
    for n, document in ((1, LONG), (2, EVIL)):
        assert page.locator(f"#document-{n} .text").evaluate("e => e.textContent") == document.text


def test_a_letter_that_turns_others_round_is_shut_in_and_shown(opened):
    page = opened()
    control = page.locator("#document-2 bdi.control")
    assert control.evaluate("e => getComputedStyle(e, '::before').content") == '"RLO"'
    places = page.locator("#document-2 mark").first.evaluate(
        """mark => [...mark.childNodes].filter((node) => node.nodeType === 3).map((node) => {
          const range = document.createRange(); range.selectNode(node);
          return range.getBoundingClientRect().left; })"""
    )
    letters = page.locator("#document-2 mark").first.evaluate(
        """mark => { const node = mark.lastChild; return [0, 1, 2, 3].map((n) => { const range = document.createRange();
          range.setStart(node, n); range.setEnd(node, n + 1); return range.getBoundingClientRect().left; }); }"""
    )
    assert places
    assert letters == sorted(letters), "f, r, e, e stand from left to right"


def test_the_policy_stops_what_would_slip_through(opened):
    page = opened()
    page.evaluate(
        "const s = document.createElement('style'); s.textContent = 'body { color: red }'; document.head.append(s)"
    )
    assert any("Content Security Policy" in problem for problem in page.problems)
    assert page.locator("body").evaluate("e => getComputedStyle(e).color") != "rgb(255, 0, 0)"
    refused = "() => { try { document.body.innerHTML = '<b>x</b>'; return false } catch { return true } }"
    assert page.evaluate(refused), "trusted types allow no HTML from strings"


def test_without_javascript_the_answer_and_its_verdicts_can_be_read(opened):
    page = opened(java_script_enabled=False)
    assert "Without JavaScript this page shows the answers and their verdicts only" in page.locator("main").inner_text()
    assert page.locator(".prose").inner_text() == TEXT
    assert page.locator(".verdicts li").all_inner_texts()[1:] == [
        "✓ supported 80 %: Admission is free.", "✕ not supported (support 10 %): It is red.",
    ]  # fmt: skip
    assert page.problems == []


def test_shading_by_influence(opened):
    page = opened()
    shade = page.locator(".sentence .p4")
    color = "e => getComputedStyle(e).backgroundColor"
    assert shade.inner_text() == "weighs"
    assert shade.evaluate(color) == "rgba(0, 0, 0, 0)"
    page.get_by_label("Influence of the documents").check()
    assert shade.evaluate(color) != "rgba(0, 0, 0, 0)"
    assert page.locator(".scale").is_visible()


def test_the_word_under_the_pointer_tells_how_much_the_documents_raised_it(opened, drag):
    page = opened()
    pieces = page.locator(".sentence").first.locator("span")
    pieces.filter(has_text="weighs").hover()
    assert page.locator(".tip").inner_text() == "weighs\n150 times more probable with the documents (+5.0 nats)"
    pieces.filter(has_text=" 2.6").hover()
    assert page.locator(".tip").inner_text() == "2.6\n150 times less probable with the documents (−5.0 nats)"
    page.locator(".sentence").nth(1).hover()
    assert page.locator(".tip").count() == 0, "nothing was recorded of these words"
    drag(page, "weighs 2.6")
    assert "These words were as probable with the documents as without." in readout(page)
    assert page.problems == []


CONTRAST = """(selector) => {
  const rgb = (value) => value.match(/[\\d.]+/g).map(Number);
  const linear = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => [r, g, b].map(linear)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  return [...document.querySelectorAll(selector)].filter((element) => element.offsetParent).map((element) => {
    let box = element;
    while (box && rgb(getComputedStyle(box).backgroundColor)[3] === 0) box = box.parentElement;
    const back = rgb(getComputedStyle(box || document.documentElement).backgroundColor);
    const [a, b] = [luminance(rgb(getComputedStyle(element).color)), luminance(back)].sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), element.className + " " + element.textContent.slice(0, 20)];
  });
}"""
TEXTS = "main *, aside *"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(open_page, located_address, drag, scheme):
    page = open_page(located_address, color_scheme=scheme)
    drag(page, "2.6 tonnes")
    page.mouse.move(0, 0)
    settled(page)
    ratios = page.evaluate(CONTRAST, TEXTS)
    assert len(ratios) > 60
    assert min(ratios)[0] >= 4.5, min(ratios)
    dark = page.locator("html").evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(20, 23, 27)"
    assert dark == (scheme == "dark")


def test_a_narrow_window_has_one_column_and_does_not_scroll_sideways(opened, in_view):
    page = opened(viewport={"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".sentence").nth(0).click()
    assert in_view(page, "mark.lit")
    assert in_view(page, ".finding .verdict")
    page.get_by_text("Back to the answer").click()
    assert in_view(page, ".sentence.chosen")


def test_it_prints_without_the_controls(opened):
    page = opened()
    page.locator(".sentence").nth(0).click()
    page.emulate_media(media="print")
    assert page.locator(".finding .verdict").is_visible()
    assert not page.locator(".close").is_visible()
    assert page.evaluate("document.documentElement.scrollHeight > 1500"), "panes do not scroll on paper"


def shown(open_page, tmp_path, report):
    write_report(tmp_path / "r.html", report)
    return open_page((tmp_path / "r.html").as_uri())


def test_two_answers_are_told_apart(open_page, tmp_path):
    other = record("Plain", ("The lens is old.", Status.NOT_CHECKED, []))
    page = shown(open_page, tmp_path, replace(example(), answers=(*example().answers, other)))
    assert page.locator(".which").all_inner_texts() == ["A1", "A2", "A3", "B1"]
    assert page.locator(".answer h2").all_inner_texts() == ["A CAD", "B Plain"]
    page.locator(".sentence").last.click()
    assert "Sentence B1" in readout(page)
    assert page.problems == []


def test_an_empty_answer_and_missing_figures(open_page, tmp_path):
    page = shown(open_page, tmp_path, Report("Why?", (AnswerRecord("CAD", "", (), None, None, None),), (LENS,)))
    assert page.locator(".scores b").all_inner_texts() == ["–"] * 3
    assert page.locator(".prose").inner_text() == "The model wrote nothing."


def test_what_the_model_did_not_read_is_grey(open_page, tmp_path):
    page = shown(open_page, tmp_path, example())
    assert page.locator(".use").all_inner_texts() == ["cited", "cited", "not read"]
    page.locator("#document-3 summary").click()
    assert page.locator("#document-3 .unread").all_inner_texts() == [OTHER.text]
    assert "Free entry. " not in page.locator("#document-1 .unread").all_inner_texts()
    unrecorded = shown(open_page, tmp_path, replace(example(), passages=()))
    assert unrecorded.locator(".use").all_inner_texts() == ["cited", "cited", "not cited"]
    assert unrecorded.locator(".unread").count() == 0


def test_numbers_of_sources_stand_behind_sentences_without_markers(open_page, tmp_path):
    page = shown(open_page, tmp_path, example())
    assert page.locator(".prose .number").all_inner_texts() == ["1", "2", "1"]
    rests = [" ".join(text.split()) for text in page.locator(".verdicts .rests").all_inner_texts()]
    assert rests == ["The Museum, lighthouse.md", "no document supports it", "The Museum"]
    sentence = "It weighs 2.6 tonnes [1]."
    marked = Report("", (record("", (sentence, Status.SUPPORTED, [citation(LENS, 1, "2.6 tonnes")])),), (LENS,))
    page = shown(open_page, tmp_path, marked)
    assert page.locator(".prose .number").count() == 0
    assert page.locator(".prose .marker").all_inner_texts() == ["[1]"]


def test_passages_that_overlap_are_marked_for_each_sentence(open_page, tmp_path):
    page = shown(open_page, tmp_path, example())
    assert page.locator("#document-1 mark").all_inner_texts() == ["The lens weighs 2.6 tonnes.", " It is old."]
    said = [mark.get_attribute("aria-description") for mark in page.locator("#document-1 mark").all()]
    assert said == ["Sentences 1, 3 rest on this", "Sentence 3 rests on this"]


def test_a_number_beside_a_verdict_says_of_what_it_is_the_probability(open_page, tmp_path):
    verdicts = (
        StatementVerdict("", 0, 10, Status.CONTRADICTED, 0.12, contradicted=0.58),
        StatementVerdict("", 11, 20, Status.NOT_SUPPORTED, 0.05, contradicted=0.2),
    )
    answer = AnswerRecord("CAD", "It is red. It is old.", verdicts, 0.0, 0.0, 0.0)
    page = shown(open_page, tmp_path, Report("Why?", (answer,), (LENS,)))
    told = [" ".join(text.split()) for text in page.locator(".verdicts .verdict").all_inner_texts()]
    assert told == ["≠contradicted58 %", "✕not supported(support 5 %)"]
    page.locator(".sentence").first.click()
    assert "contradicted58 %" in readout(page)
    assert "12 %" in page.locator(".finding .probability").get_attribute("title")
    page.wait_for_function("document.querySelector('[role=status].unseen').textContent.includes('58')")


FLAG = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize(
    ("text", "part", "taken"),
    [
        ("Made in 🏴 or \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f only.", FLAG[:2], FLAG),
        ("The co\u00adoperation began.", "co\u00ad", "co\u00adoperation"),
        ("\u0645\u06cc\u200c\u0631\u0648\u0645 now.", "\u0645\u06cc", "\u0645\u06cc\u200c\u0631\u0648\u0645"),
        ("İİ rain in İstanbul.", "stan", "İstanbul"),
    ],
)
def test_a_selection_of_half_a_word_or_letter_takes_the_whole(open_page, tmp_path, text, part, taken):
    verdict = StatementVerdict(text, 0, len(text), Status.NOT_SUPPORTED, 0.1)
    page = shown(open_page, tmp_path, Report("Why?", (AnswerRecord("", text, (verdict,), 0.0, 0.0, 0.0),), ()))
    at = text.index(FLAG) if part == FLAG[:2] else text.index(part)
    units = [len(text[:n].encode("utf-16-le")) // 2 for n in (at, at + len(part))]
    page.evaluate(
        """([start, end]) => {
          const node = document.querySelector(".sentence span").firstChild;
          const range = document.createRange();
          range.setStart(node, start); range.setEnd(node, end);
          getSelection().removeAllRanges(); getSelection().addRange(range);
        }""",
        units,
    )
    page.locator(".finding .words").wait_for()
    assert words(page) == taken
    assert page.evaluate("[...CSS.highlights.get('picked')].map(String)") == [taken]


def test_a_quote_says_on_which_page_it_stands(open_page, tmp_path):
    begins = LENS.text.index("The lens"), LENS.text.index("It is old.")
    manual = replace(LENS, pages=(0, *begins))
    page = shown(open_page, tmp_path, replace(example(), documents=(manual, TOWER, OTHER)))
    page.locator(".sentence").last.click()
    assert page.locator(".finding .page").all_inner_texts() == ["The Museum, pp. 2–3"]
    assert page.locator("#document-1 .gap").all_inner_texts() == ["page 1", "page 2", "page 3"]
    page.wait_for_function("document.querySelector('[role=status].unseen').textContent.includes('pp. 2–3')")
    page.locator(".sentence").first.click()
    assert page.locator(".finding .page").all_inner_texts() == ["The Museum, p. 2"], "the other document has no pages"
    assert page.problems == []
