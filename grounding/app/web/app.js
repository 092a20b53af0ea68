// Puts the page together, and opens what was asked before.

const KEYS_OF_PAGE = "Press / to ask, Tab and ← → to go through the sentences, Enter to see what one rests on, 1 2 3 to give your own verdict.";
const past = make("nav", { class: "past", "aria-label": "Earlier questions" });
const bar = make("header", { class: "bar" }, make("p", { class: "mark" }, "counterfoil"), exporter);

function openAsked(number, scroll) {
  page.number = number;
  page.case = data.cases[number];
  page.finding = null;
  sheet.classList.remove("welcome");
  document.body.classList.toggle("two", page.case.answers.length > 1);
  drawAnswers(page.case);
  drawSources(page.case);
  show(null);
  if (scroll) main.scrollTop = aside.scrollTop = 0;
  drawHistory();
}

function drawHistory() {
  if (data.cases.length < 2) return past.replaceChildren();
  const rows = data.cases.map((shown, number) => {
    const button = make("button", { type: "button", class: "link", "aria-current": number === page.number ? "true" : null, dir: "auto" }, shown.question);
    button.addEventListener("click", () => {
      if (asked.request) return;
      tellStep("");
      openAsked(number, true);
      sheet.querySelector("h1").focus();
    });
    return make("li", null, button, make("span", null, ...shown.answers.map((record) => strip({ statements: record.statements }))));
  });
  fill(past, make("h2", null, "Questions"), make("ol", { reversed: true }, ...rows.reverse()));
}

function welcome(notes) {
  sheet.classList.add("welcome");
  fill(
    sheet,
    make("h1", null, "Answers that say what they rest on"),
    make("p", null, "A question is answered from your documents by a language model. Each sentence is checked as it is written; a click shows the passage behind it, and pointing at a word how much the documents raised it."),
    make("p", { class: "keys" }, KEYS_OF_PAGE),
    notes.length ? make("ul", { class: "notes" }, ...notes.map((note) => make("li", { dir: "auto" }, note))) : null,
  );
  fill(aside, drawer);
}

async function start() {
  main.prepend(bar, form);
  main.append(past);
  document.body.append(main, aside, status);
  document.body.classList.add("app", "ready");
  data.cases = [];
  welcome([]);
  drawDocuments([]);
  try {
    const state = await call("state");
    takeReviews(state);
    takeMethods(state.methods);
    drawDocuments(state.documents);
    data.cases = state.cases;
    drawer.open = !state.cases.length;
    if (state.cases.length) openAsked(state.cases.length - 1, true);
    else welcome(state.notes);
  } catch (error) {
    tellStep(error.message, true);
  }
  // On a touch screen a focus would bring up the keyboard over the page.
  if (matchMedia("(pointer: fine)").matches) question.focus();
}

start();
