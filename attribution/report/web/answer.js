// The answers of a case: prose whose sentences can be chosen, figures, and the verdicts in words.

const SHADES = [0.25, 1, 2, 4]; // from how many nats on a word is shaded one step darker

function drawAnswers(shown) {
  page.answers = shown.answers.map((record, n) => ({
    n,
    record,
    markers: shown.markers[n],
    text: new Text(record.text),
    letter: shown.answers.length > 1 ? String.fromCharCode(65 + n) : "",
    sentences: [],
    leaves: [],
  }));
  const eyebrow = data.summary ? shown.name || `Answer ${page.number + 1}` : "Question";
  const mark = page.bar ? null : make("p", { class: "mark", "aria-hidden": "true" }, "counterfoil");
  fill(
    sheet,
    make(
      "header",
      null,
      data.summary ? backToList() : mark,
      make("p", { class: "eyebrow", dir: "auto" }, eyebrow),
      make("h1", { dir: "auto", tabindex: "-1" }, shown.question || "Without a question"),
    ),
    make("div", { class: page.answers.length > 1 ? "pair" : null }, ...page.answers.map(answerSection)),
    footer(shown),
  );
}

// Draws an answer anew whose record has changed; what is chosen in it, and has the focus, keeps both.
function redrawAnswer(answer) {
  const before = answer.sentences;
  const focused = before.findIndex(({ element }) => element === document.activeElement);
  const found = page.finding && page.finding.answer === answer ? page.finding : null;
  const old = answer.element;
  const traced = old.querySelector(".by-trace");
  const shaded = traced && traced.checked;
  Object.assign(answer, { text: new Text(answer.record.text), sentences: [], leaves: [] });
  old.replaceWith(answerSection(answer));
  if (shaded && answer.record.trace.length) answer.element.querySelector(".by-trace").checked = true;
  if (found && found.sentence) found.sentence = answer.sentences[before.indexOf(found.sentence)] || null;
  markChosen(page.finding);
  if (focused < 0 || !answer.sentences[focused]) return;
  for (const each of answer.sentences) each.element.tabIndex = each === answer.sentences[focused] ? 0 : -1;
  answer.sentences[focused].element.focus({ preventScroll: true });
}

function answerSection(answer) {
  const { record, letter, n } = answer;
  answer.prose = make("p", { class: "prose", dir: "auto" });
  drawProse(answer);
  const heading = make(
    "div",
    { class: "heading" },
    make("h2", { id: `label-${n}` }, letter ? make("b", null, letter) : null, letter ? " " : null, record.label || "Answer"),
    record.trace.length ? shading(n) : null,
  );
  answer.element = make(
    "section",
    { class: "answer", "aria-labelledby": `label-${n}`, "aria-busy": record.pending ? "true" : null },
    heading,
    answer.prose,
    record.trace.length ? scale() : null,
    record.pending ? null : figures(record),
    verdictList(answer),
  );
  return answer.element;
}

function drawProse(answer) {
  const { record, text, prose } = answer;
  if (!record.text.trim()) {
    if (!record.pending) prose.append(make("em", null, "The model wrote nothing."));
    return;
  }
  const marks = [
    ...record.trace.map(({ start, end, value }) => ({ start, end, shade: value })),
    ...answer.markers.map(([start, end, ids]) => ({ start, end, ids })),
  ];
  let place = 0;
  record.statements.forEach((statement, m) => {
    leaves(answer, prose, place, statement.start, marks);
    const element = make("span", {
      class: `sentence ${statement.status}`,
      role: "button",
      tabindex: m ? "-1" : "0",
      "aria-pressed": "false",
      "aria-describedby": `verdict-${answer.n}-${m}`,
    });
    leaves(answer, element, statement.start, statement.end, marks);
    prose.append(element);
    const sentence = { answer, number: `${answer.letter}${m + 1}`, statement, element };
    answer.sentences.push(sentence);
    const marked = answer.markers.some(([start]) => statement.start <= start && start < statement.end);
    if (!marked) numbersOf(sentence).forEach((number) => prose.append(chip(sentence, number)));
    place = statement.end;
  });
  leaves(answer, prose, place, text.length, marks);
}

// Text between two places, in elements that say where they begin.
function leaves(answer, parent, start, end, marks) {
  for (const piece of pieces(start, end, marks)) {
    const classes = [];
    for (const mark of piece.marks) classes.push(mark.ids ? "marker" : shade(mark.shade));
    const element = make("span", { class: classes.filter(Boolean).join(" ") || null }, answer.text.slice(piece.start, piece.end));
    answer.leaves.push({ element, start: piece.start, end: piece.end });
    parent.append(element);
  }
}

function shade(value) {
  const step = SHADES.filter((least) => Math.abs(value) >= least).length;
  return step ? `${value > 0 ? "p" : "n"}${step}` : "";
}

function numbersOf(sentence) {
  const ids = sentence.statement.citations.map((citation) => citation.document);
  return [...new Set(ids.map((id) => page.case.documents.findIndex((d) => d.id === id)).filter((n) => n >= 0))];
}

// A number behind a sentence; for the pointer only, the list of verdicts has the same for everybody.
function chip(sentence, number) {
  const element = make("span", { class: "number", "aria-hidden": "true", title: titleOf(number) }, String(number + 1));
  element.addEventListener("click", () => chooseSentence(sentence, number));
  return element;
}

const titleOf = (number) => page.case.documents[number].title || page.case.documents[number].id;

function figures({ recall, precision, f1 }) {
  const figure = (name, value, meaning) =>
    make(
      "div",
      null,
      make("dt", null, name),
      make(
        "dd",
        null,
        make("b", null, value === null ? "–" : String(Math.round(100 * value))),
        value === null ? null : make("small", null, "%"),
        make("meter", { min: 0, max: 1, value: value || 0, "aria-hidden": "true" }),
        make("span", null, meaning),
      ),
    );
  return make(
    "dl",
    { class: "scores" },
    figure("Recall", recall, "of the sentences are supported by what they cite"),
    figure("Precision", precision, "of the citations support their sentence"),
    figure("F1", f1, "harmonic mean of the two"),
  );
}

function verdictList(answer) {
  const rows = answer.sentences.map((sentence, m) => {
    const { statement } = sentence;
    const which = make("button", { type: "button", class: "which", "aria-label": `Sentence ${sentence.number}` }, sentence.number);
    which.addEventListener("click", () => chooseSentence(sentence, null, true));
    const rests = make("span", { class: "rests" });
    numbersOf(sentence).forEach((number) => {
      const link = make("button", { type: "button", class: "link" }, make("bdi", null, titleOf(number)));
      link.addEventListener("click", () => chooseSentence(sentence, number));
      rests.append(rests.childNodes.length ? ", " : "", link);
    });
    if (!rests.childNodes.length) write(rests, because(statement));
    if (statement.claim) rests.append(make("span", { class: "reason", dir: "auto" }, `read as “${statement.claim}”`));
    for (const { message } of statement.details) rests.append(make("span", { class: "reason", dir: "auto" }, message));
    if (statement.reason) rests.append(make("span", { class: "reason", dir: "auto" }, statement.reason));
    rests.append(...page.remarks.map((remark) => remark(sentence)).filter(Boolean));
    sentence.row = make(
      "li",
      { class: statement.status },
      which,
      make("span", { id: `verdict-${answer.n}-${m}`, class: "holds" }, verdict(statement)),
      rests,
    );
    return sentence.row;
  });
  return make("ol", { class: "verdicts", "aria-label": "Sentence by sentence" }, ...rows);
}

function because(statement) {
  if (statement.failure) return statement.failure;
  const invalid = statement.citations.filter((citation) => citation.status === "invalid_citation");
  if (invalid.length) return `cites ${invalid.map((citation) => `[${citation.marker}]`).join(", ")}, which does not exist`;
  return statement.status === "no_citation" ? "cites nothing" : "no document supports it";
}

function shading(n) {
  const option = (value, label, checked) =>
    make(
      "label",
      null,
      make("input", { type: "radio", name: `shading-${n}`, class: value, checked }),
      make("span", null, label),
    );
  return make(
    "fieldset",
    { class: "shading" },
    make("legend", { class: "unseen" }, "Colour the words by"),
    option("by-verdict", "Verdict", true),
    option("by-trace", "Influence of the documents", false),
  );
}

function scale() {
  const steps = ["n4", "n3", "n2", "n1", "", "p1", "p2", "p3", "p4"];
  return make(
    "p",
    { class: "scale", "aria-hidden": "true" },
    make("span", null, "in spite of them"),
    ...steps.map((name) => make("i", { class: name || null })),
    make("span", null, "because of the documents"),
  );
}

function footer(shown) {
  return make(
    "footer",
    null,
    shown.notes.length
      ? make("ul", { class: "notes", "aria-label": "Notes" }, ...shown.notes.map((note) => make("li", { dir: "auto" }, note)))
      : null,
    Object.keys(shown.settings).length ? settings("How this was made", shown.settings) : null,
  );
}

function settings(title, values) {
  const rows = Object.entries(values).map(([name, value]) => make("div", null, make("dt", null, name), make("dd", null, String(value ?? "–"))));
  return make("details", { class: "settings" }, make("summary", null, title), make("dl", null, ...rows));
}

// Where [start, end) of an answer stands in the page.
function rangeOf(answer, start, end) {
  const range = document.createRange();
  const [from, to] = [positionOf(answer, start, false), positionOf(answer, end, true)];
  if (!from || !to) return null;
  range.setStart(...from);
  range.setEnd(...to);
  return range;
}

function positionOf(answer, place, ends) {
  const leaf = answer.leaves.find((each) => (ends ? each.start < place && place <= each.end : each.start <= place && place < each.end));
  if (!leaf) return null;
  let units = answer.text.unit(place) - answer.text.unit(leaf.start);
  const walker = document.createTreeWalker(leaf.element, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (units <= node.length) return [node, units];
    units -= node.length;
  }
  return null;
}

// Which place of an answer a point of the page is.
function placeOf(answer, node, offset) {
  let place = 0;
  for (const leaf of answer.leaves) {
    const range = document.createRange();
    range.selectNodeContents(leaf.element);
    const side = range.comparePoint(node, offset);
    if (side < 0) return place;
    if (side === 0) {
      range.setEnd(node, offset);
      return answer.text.point(answer.text.unit(leaf.start) + range.toString().length);
    }
    place = leaf.end;
  }
  return place;
}
