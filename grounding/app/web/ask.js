// A question, and its answer as it comes in: the words as they are written, each sentence when it is checked.

page.bar = true;
page.library = drawer;

const asked = { request: null, answers: null };

const question = make("textarea", { id: "question", rows: "2", placeholder: "What do you want to know?", spellcheck: "true", "aria-describedby": "hint" });
const submit = make("button", { type: "submit", class: "primary" }, "Ask");
const stop = make("button", { type: "button", class: "secondary", hidden: true }, "Stop");
const step = make("p", { class: "step", role: "status" });
const form = make(
  "form",
  { class: "ask", novalidate: true },
  make("label", { for: "question", class: "eyebrow" }, "Ask your documents"),
  question,
  make(
    "div",
    { class: "choices" },
    ...pickers.map(({ element }) => element),
    make("span", { class: "ask-buttons" }, stop, submit),
  ),
  make("p", { class: "unseen", id: "hint" }, "Enter asks; Shift and Enter begins a new line."),
  step,
);

question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (asked.request) return;
  if (question.value.trim()) askQuestion(question.value.trim());
  else question.focus();
});
stop.addEventListener("click", () => asked.request && asked.request.abort());
// From anywhere outside a field, a slash leads to the question.
document.addEventListener("keydown", (event) => {
  const inField = event.target instanceof Element && event.target.closest("input, textarea, select");
  if (event.key !== "/" || inField || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  question.focus();
  question.select();
});

function tellStep(text, wrong) {
  fill(step, text ? make("span", { class: wrong ? "error" : "working" }, text) : null);
}

function busy(on) {
  submit.hidden = on;
  stop.hidden = !on;
  document.body.classList.toggle("answering", on);
}

async function askQuestion(text) {
  const request = new AbortController();
  asked.request = request;
  asked.answers = null;
  busy(true);
  tellStep("Asking …");
  try {
    for await (const event of events("ask", { question: text, decodings: chosenDecodings() }, request.signal)) takeEvent(event);
    if (asked.answers) throw new Error("The server broke off. Is counterfoil still running?");
  } catch (error) {
    brokenOff(error.name === "AbortError" ? "Stopped." : error.message, error.name !== "AbortError");
  } finally {
    asked.request = null;
    busy(false);
  }
}

// What the server sends, one JSON value a line.
async function* events(path, body, signal) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "X-Counterfoil-Token": data.live.token, "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is counterfoil still running?");
  }
  if (!response.ok) throw new Error((await response.json()).error);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (held + value).split("\n");
    held = lines.pop();
    for (const line of lines) yield JSON.parse(line);
  }
}

function takeEvent(event) {
  if (event.event === "step") tellStep(`${event.text} …`);
  else if (event.event === "begun") begin(event.case);
  else if (event.event === "text") writeOn(page.answers[event.number], event.text);
  else if (event.event === "sentence") takeSentence(page.answers[event.number], event);
  else if (event.event === "done") finish(event);
  else if (event.event === "error") throw new Error(event.error);
}

function begin(shown) {
  for (const record of shown.answers) record.pending = true;
  page.number = -1;
  page.case = shown;
  page.finding = null;
  asked.answers = shown.answers;
  drawer.open = false;
  sheet.classList.remove("welcome");
  document.body.classList.toggle("two", shown.answers.length > 1);
  drawAnswers(shown);
  drawSources(shown);
  show(null);
}

// What follows the last finished sentence stands behind it, grey.
function writeOn(answer, text) {
  answer.written = text;
  if (!answer.tail) answer.tail = make("span", { class: "tail" });
  answer.tail.replaceChildren();
  write(answer.tail, new Text(text).slice(answer.text.length, Infinity));
  if (answer.tail.parentNode !== answer.prose) answer.prose.append(answer.tail);
}

function takeSentence(answer, { verdict: statement, trace }) {
  const { record } = answer;
  const place = record.statements.findIndex((each) => each.end > statement.start);
  if (place < 0) record.statements.push(statement);
  else record.statements.splice(place, 1, statement);
  record.trace = [...record.trace.filter((span) => span.end <= statement.start), ...trace];
  record.text = new Text(answer.written).slice(0, record.statements.at(-1).end);
  redrawAnswer(answer);
  writeOn(answer, answer.written);
  for (const citation of statement.citations) {
    const source = page.documents.find((each) => each.document.id === citation.document);
    if (!source) continue;
    source.document.cited = true;
    source.element.classList.add("cited");
    source.element.querySelector(".use").textContent = "cited";
    source.details.open = true;
    drawText(source);
  }
  const sentence = answer.sentences[record.statements.indexOf(statement)];
  if (sentence) say(`Sentence ${sentence.number}: ${verdictOf(statement.status).label}.`);
}

function finish({ number, case: shown }) {
  asked.answers = null;
  tellStep("");
  data.cases[number] = shown;
  const chosen = page.finding && page.finding.sentence ? [page.finding.answer.n, page.finding.answer.sentences.indexOf(page.finding.sentence)] : null;
  const focused = page.answers.flatMap((answer) => answer.sentences).findIndex(({ element }) => element === document.activeElement);
  openAsked(number, false);
  drawHistory();
  const again = chosen && page.answers[chosen[0]].sentences[chosen[1]];
  if (again) show(sentenceFinding(again));
  const under = focused < 0 ? null : page.answers.flatMap((answer) => answer.sentences)[focused];
  if (under) under.element.focus({ preventScroll: true });
  say("The answer is complete.");
}

function brokenOff(message, wrong) {
  tellStep(message, wrong);
  if (!asked.answers) return;
  for (const answer of page.answers) {
    answer.record.pending = false;
    answer.element.removeAttribute("aria-busy");
    if (answer.tail) answer.tail.classList.add("cut");
  }
  asked.answers = null;
}
