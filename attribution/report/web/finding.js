// The readout beside the answer: the chosen words, their verdict, and what they rest on.

const INVITATION = "Choose a sentence, or drag over any words of the answer, to see what they rest on.";
const KEYS = "With the keyboard: ← → go from sentence to sentence, Shift with ← → takes words one by one, Shift with ↑ ↓ moves where they begin, Escape lets go.";

// A whole sentence: what it cites.
function sentenceFinding(sentence) {
  const { answer, statement } = sentence;
  return {
    heading: `Sentence ${sentence.number}`,
    answer,
    start: statement.start,
    end: statement.end,
    sentence,
    status: statement.status,
    probability: statement.probability,
    contradicted: statement.contradicted,
    spans: statement.citations.filter((citation) => citation.document !== null),
    nothing: because(statement),
    notes: [],
  };
}

// Any words: what was located before the page was made, else what their sentences cite, and then it says so.
function wordsFinding(answer, start, end, snapped) {
  const words = { heading: "Chosen words", answer, start, end, notes: snapped ? ["Taken to whole words."] : [] };
  const known = locatedBefore(answer, start, end);
  if (known) return located(words, known);
  const sentences = answer.sentences.filter(({ statement }) => statement.start < end && statement.end > start);
  const spans = sentences.flatMap(({ statement }) => statement.citations.filter((citation) => citation.document !== null));
  const numbers = sentences.map((sentence) => sentence.number).join(", ");
  const cite = sentences.length === 1 ? `sentence ${numbers} cites` : `sentences ${numbers} cite`;
  words.notes.push(
    sentences.length
      ? `These words by themselves were not located beforehand. Shown is what ${cite}; words in common are underlined.`
      : "These words belong to no sentence that was checked.",
  );
  if (!data.live) words.notes.push("To ask the model about them: counterfoil view FILE.json");
  const worst = sentences.length === 1 ? sentences[0].statement : null;
  return {
    ...words,
    notLocated: true,
    of: sentences.length === 1 ? `of sentence ${numbers}` : "",
    status: worst ? worst.status : null,
    probability: worst ? worst.probability : null,
    contradicted: worst ? worst.contradicted : null,
    spans: unique(spans),
    nothing: sentences.length === 1 ? because(sentences[0].statement) : "These sentences cite nothing that exists.",
    words: contentWords(answer, start, end),
  };
}

const unique = (spans) => spans.filter((span, n) => spans.findIndex((s) => s.document === span.document && s.start === span.start && s.end === span.end) === n);

// The located words that hold the chosen ones, the fewest of them: a clause is located as a whole.
function locatedBefore(answer, start, end) {
  const holding = answer.record.attributions.filter((each) => each.ranges.some(([from, to]) => from <= start && end <= to));
  const length = (each) => each.answer_end - each.answer_start;
  return holding.sort((a, b) => length(a) - length(b))[0] || null;
}

// "local@3401f5f1383c+details/1" is "local and the detail check".
function judge(name) {
  const [model, details] = name.split("+details/");
  return model.split("/").pop().split("@")[0] + (details ? " and the detail check" : "");
}

function located(words, found) {
  const notes = [...words.notes];
  if (found.snapped) notes.push(`Selection ${found.snapped}.`);
  if (found.kind === "contributive") notes.push("This says what made the model write the words, not what proves them.");
  return {
    ...words,
    notLocated: false,
    of: "",
    words: contentWords(words.answer, words.start, words.end),
    status: found.status,
    probability: found.probability,
    contradicted: found.contradicted,
    claim: found.claim,
    spans: found.spans,
    by: found.method + (found.entailment ? `, checked by ${judge(found.entailment)}` : ", not checked"),
    nothing: found.failure || "Nothing in the sources supports these words.",
    notes: [...found.details.map(({ message }) => message), ...notes, ...found.notes],
  };
}

function contentWords(answer, start, end) {
  const inside = answer.text.words.filter(([from, to]) => from >= start && to <= end);
  const found = inside.map(([from, to]) => folded(answer.text.slice(from, to)));
  return new Set(found.filter((word) => word.length > 3 || /\p{N}|[^\p{Script=Latin}]/u.test(word)));
}

function show(finding, wanted) {
  page.finding = finding;
  markChosen(finding);
  drawFinding(finding);
  light(finding ? finding.spans : [], finding && finding.words, wanted);
  if (finding) say(spoken(finding));
}

// Marks in the answers and their verdicts what is chosen.
function markChosen(finding) {
  for (const answer of page.answers) {
    for (const sentence of answer.sentences) {
      const chosen = Boolean(finding) && finding.sentence === sentence;
      sentence.element.classList.toggle("chosen", chosen);
      sentence.element.setAttribute("aria-pressed", String(chosen));
      const touched = finding && finding.answer === answer && sentence.statement.start < finding.end && sentence.statement.end > finding.start;
      sentence.row.classList.toggle("chosen", Boolean(touched));
    }
  }
  const range = finding && !finding.sentence ? rangeOf(finding.answer, finding.start, finding.end) : null;
  paint("picked", range ? [range] : []);
}

function drawFinding(finding) {
  readout.classList.toggle("empty", !finding);
  if (!finding) {
    fill(readout, make("p", { class: "invitation" }, INVITATION), make("p", { class: "keys" }, KEYS));
    return;
  }
  const words = finding.answer.text.slice(finding.start, finding.end).replace(/\s+/g, " ").trim();
  const back = make("button", { type: "button", class: "link back" }, "Back to the answer");
  back.addEventListener("click", () => backToAnswer(finding));
  const close = make("button", { type: "button", class: "close", "aria-label": "Let go of the chosen words" }, "×");
  close.addEventListener("click", () => show(null));
  fill(
    readout,
    make("div", { class: "top" }, make("span", { class: "eyebrow" }, finding.heading), back, close),
    make("blockquote", { class: "words", dir: "auto" }, shortened(words, 220)),
    finding.claim && plainly(finding.claim) !== plainly(words)
      ? make("p", { class: "claim" }, make("span", null, "Understood as "), make("bdi", null, finding.claim))
      : null,
    make(
      "p",
      { class: "outcome" },
      finding.status ? verdict(finding) : null,
      finding.of ? make("span", { class: "by" }, `verdict ${finding.of}`) : null,
      finding.by ? make("span", { class: "by method" }, finding.by) : null,
    ),
    influenceLine(finding),
    spanList(finding),
    finding.notes.length ? make("ul", { class: "remarks" }, ...finding.notes.map((note) => make("li", { dir: "auto" }, note))) : null,
    liveControls(finding),
    ...page.controls.map((control) => control(finding)),
  );
}

const plainly = (string) => folded(string.replace(/\s+/g, " ").trim()).replace(/[.!?]$/, "");

function spanList(finding) {
  if (!finding.spans.length) return finding.pending ? null : make("p", { class: "nothing" }, finding.nothing);
  const rows = finding.spans.map((span) => {
    const n = page.case.documents.findIndex((each) => each.id === span.document);
    const button = make(
      "button",
      { type: "button" },
      make("span", { class: "number" }, n < 0 ? "?" : String(n + 1)),
      make(
        "span",
        { class: "quote", dir: "auto" },
        span.quote ? shortened(span.quote.replace(/\s+/g, " ").trim(), 180) : n < 0 ? span.document : titleOf(n),
        span.quote && n >= 0 && page.case.documents[n].pages.length ? make("span", { class: "page" }, whereOf(span, n)) : null,
      ),
      span.status && span.status !== "supported" ? make("span", { class: `sign ${span.status}`, title: verdictOf(span.status).label }, verdictOf(span.status).sign) : null,
      span.score === null || span.score === undefined ? null : make("span", { class: "probability", title: "This passage alone" }, percent(span.score)),
    );
    button.addEventListener("click", () => light(finding.spans, finding.words, n));
    return make("li", null, button);
  });
  return make("ol", { class: "spans" }, ...rows);
}

const whereOf = (span, n) => `${titleOf(n)}, ${pagesOf(page.case.documents[n], span.start, span.end)}`;

function spoken(finding) {
  const words = shortened(finding.answer.text.slice(finding.start, finding.end), 120);
  if (finding.pending) return `“${words}”: asking the model.`;
  if (finding.error) return `“${words}”: ${finding.error}`;
  const outcome = finding.status ? `${verdictOf(finding.status).label} ${likelihood(finding)}`.trim() : "";
  const quotes = finding.spans.map((span) => {
    const n = page.case.documents.findIndex((each) => each.id === span.document);
    const pages = n < 0 || !span.quote ? "" : pagesOf(page.case.documents[n], span.start, span.end);
    return `${span.document}${pages ? `, ${pages}` : ""}: ${shortened(span.quote || "no passage", 160)}`;
  }).join("; ");
  return `${finding.heading}, “${words}”: ${outcome}. ${quotes || finding.nothing}. ${finding.notLocated ? finding.notes.join(" ") : ""}`;
}

function backToAnswer(finding) {
  const sentence = finding.sentence || finding.answer.sentences.find(({ statement }) => statement.end > finding.start);
  const element = sentence ? sentence.element : finding.answer.prose;
  reveal(element, main);
  element.focus({ preventScroll: true });
}

function chooseSentence(sentence, wanted, scroll) {
  getSelection().removeAllRanges();
  show(sentenceFinding(sentence), wanted);
  if (scroll) reveal(sentence.element, main);
}

function chooseWords(answer, start, end) {
  const [from, to] = wholeWords(answer, start, end);
  const found = page.finding;
  if (found && !found.sentence && found.answer === answer && found.start === from && found.end === to) return;
  const finding = wordsFinding(answer, from, to, from < start || to > end);
  show(finding);
  if (data.live && page.number >= 0 && finding.notLocated) ask(finding);
}

// White space at the ends is left out, and a word that is touched is taken whole.
function wholeWords(answer, start, end) {
  const { text } = answer;
  while (start < end && !text.slice(start, start + 1).trim()) start += 1;
  while (end > start && !text.slice(end - 1, end).trim()) end -= 1;
  for (const [from, to] of text.words) {
    if (from < start && start < to) start = from;
    if (from < end && end < to) end = to;
  }
  // What is no word may still be one letter: a flag, a family.
  return [text.letter(start)[0], end > start ? text.letter(end - 1)[1] : end];
}
