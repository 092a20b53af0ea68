"""Fixtures of the tests that open a page in a real browser."""

from __future__ import annotations

import contextlib
import functools
import shutil

import pytest
from playwright.sync_api import Error, Locator, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]

# Where words of an answer are on the screen: the middle of their first and of their last character.
WORDS = """([words, nth]) => {
  const prose = document.querySelectorAll(".prose")[nth];
  const walker = document.createTreeWalker(prose, NodeFilter.SHOW_TEXT);
  const nodes = [];
  let text = "";
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.parentElement.classList.contains("number")) continue;
    nodes.push([node, text.length]);
    text += node.data;
  }
  const at = text.indexOf(words);
  if (at < 0) throw new Error(`not in the answer: ${words}`);
  const box = (place) => {
    const [node, start] = nodes.findLast(([, start]) => start <= place);
    const range = document.createRange();
    range.setStart(node, place - start);
    range.setEnd(node, place - start + 1);
    const { left, right, top, bottom } = range.getBoundingClientRect();
    return { left, right, middle: (top + bottom) / 2 };
  };
  const [first, last] = [box(at), box(at + words.length - 1)];
  return [first.left + 1, first.middle, last.right - 1, last.middle];
}"""


# After the timers that an event has set, and after the picture that they have changed is drawn; a page behind another
# draws none.
SETTLED = """() => new Promise(done => {
  setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 0);
  setTimeout(done, 1000);
})"""
ACTIONS = ("click", "fill", "press", "check", "select_option", "hover", "focus")


def settled(page) -> None:
    """Wait until the page has done what the last event asked for, however slow the machine."""
    page.evaluate(SETTLED)


def then_settled(action):
    """Make an action end when the page has settled: what is read next waits for nothing."""

    @functools.wraps(action)
    def done(locator, *args, **options):
        result = action(locator, *args, **options)
        with contextlib.suppress(Error):  # it led to another page
            settled(locator.page)
        return result

    return done


@pytest.fixture(scope="module")
def browser():
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.fail(
            f"the browser tests need one of {', '.join(BROWSERS)} on the PATH, for example: apt install chromium"
        )
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        for name in ACTIONS:
            patch.setattr(Locator, name, then_settled(getattr(Locator, name)))
        launched = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser):
    """Opens an address; `page.problems` gathers what a good page never does: errors, and requests elsewhere."""
    contexts = []

    def opened(address, **options):
        context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce", **options}
        )
        contexts.append(context)
        page = context.new_page()
        home = address.split("?")[0].split("#")[0]
        page.problems = []
        page.on("console", lambda message: page.problems.append(message.text))
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("request", lambda request: request.url.startswith(home) or page.problems.append(request.url))
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def drag():
    """Drags over words of an answer with the mouse."""

    def dragged(page, words, nth=0):
        x, y, to_x, to_y = page.evaluate(WORDS, [words, nth])
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(to_x, to_y, steps=4)
        page.mouse.up()
        settled(page)

    return dragged


@pytest.fixture
def lit():
    """The words of the sources that are lit; marks that follow one another without a gap are one."""
    script = """() => {
      const found = [];
      let before = null;
      for (const mark of document.querySelectorAll("mark.lit")) {
        if (before && before.nextSibling === mark) found[found.length - 1] += mark.textContent;
        else found.push(mark.textContent);
        before = mark;
      }
      return found;
    }"""
    return lambda page: page.evaluate(script)


@pytest.fixture
def in_view():
    """Whether an element is inside the window."""
    script = (
        "e => { const b = e.getBoundingClientRect(); return b.top >= 0 && b.bottom <= innerHeight && b.height > 0 }"
    )
    return lambda page, selector: page.locator(selector).first.evaluate(script)
