// The documents of a case: what is cited is marked, what was chosen is lit.

const readout = make("section", { class: "finding", "aria-label": "What the chosen words rest on" });
const shelf = make("div", { class: "shelf" });

function drawSources(shown) {
  const read = shown.documents.some((each) => each.read !== null);
  page.documents = shown.documents.map((document_, n) => sourceOf(document_, n, read));
  const all = page.documents.filter((source) => source.document.pieces.length || source.document.cited);
  const none = page.documents.filter((source) => !all.includes(source));
  shelf.replaceChildren(...all.map((source) => source.element));
  if (none.length) shelf.append(leftOut(none));
  if (!page.documents.length) shelf.append(make("p", { class: "nothing" }, "There are no documents."));
  fill(aside, page.library, readout, shelf);
}

function sourceOf(document_, n, read) {
  const used = document_.cited ? "cited" : document_.read && document_.read.length ? "read" : read ? "not read" : "not cited";
  const text = make("div", { class: "text", dir: "auto" });
  const details = make(
    "details",
    { open: document_.cited || used === "read" || page.case.documents.length === 1 },
    make(
      "summary",
      null,
      make("span", { class: "number" }, String(n + 1)),
      make("h2", { dir: "auto" }, document_.title || document_.id),
      document_.title ? make("span", { class: "file" }, document_.id) : null,
      make("span", { class: "use" }, used),
    ),
    text,
  );
  const source = {
    n,
    document: document_,
    texts: document_.pieces.map(([start, string]) => ({ start, text: new Text(string) })),
    details,
    text,
    drawn: false,
    lit: [],
    same: [],
    element: make("article", { class: `source${document_.cited ? " cited" : ""}`, id: `document-${n + 1}` }, details),
  };
  details.addEventListener("toggle", () => details.open && !source.drawn && drawText(source));
  if (details.open) drawText(source);
  return source;
}

function leftOut(sources) {
  const names = sources.map((source) => make("li", { dir: "auto" }, `${source.n + 1}  ${source.document.title || source.document.id}`));
  return make(
    "details",
    { class: "source omitted" },
    make("summary", null, make("h2", null, `${count(sources.length, "document that is", "documents that are")} not in this page`)),
    make("p", null, "Nobody cites them and there was no room for their text."),
    make("ol", null, ...names),
  );
}

// The ranges that sentences rest on; by whom, each names.
function citedIn(source) {
  const marks = [];
  for (const answer of page.answers) {
    for (const sentence of answer.sentences) {
      for (const citation of sentence.statement.citations) {
        if (citation.document === source.document.id && citation.quote) marks.push({ start: citation.start, end: citation.end, sentence });
      }
    }
  }
  return marks;
}

function drawText(source) {
  const { document: document_, text } = source;
  const read = (document_.read || []).map(([start, end]) => ({ start, end, read: true }));
  const marks = [
    ...read,
    ...citedIn(source),
    ...source.lit.map((span) => ({ ...span, lit: true })),
    ...source.same.map((span) => ({ ...span, same: true })),
  ];
  const children = [];
  let place = 0;
  for (const { start, text: held } of source.texts) {
    if (start > place) children.push(gap(start - place));
    for (const piece of pieces(start, start + held.length, marks, document_.pages)) {
      const begun = document_.pages.lastIndexOf(piece.start) + 1;
      if (begun) children.push(make("i", { class: "gap" }, `page ${begun}`));
      children.push(drawPiece(source, piece, held.slice(piece.start - start, piece.end - start)));
    }
    place = start + held.length;
  }
  if (document_.length > place) children.push(gap(document_.length - place));
  text.replaceChildren(...children);
  source.drawn = true;
}

const gap = (characters) => make("i", { class: "gap" }, count(characters, "character left out", "characters left out"));

const restsOf = new WeakMap(); // by mark, what shows which words rest on it

function drawPiece(source, piece, string) {
  const rests = [...new Set(piece.marks.map((mark) => mark.sentence).filter(Boolean))];
  const lit = piece.marks.some((mark) => mark.lit);
  const same = piece.marks.some((mark) => mark.same);
  if (!rests.length && !lit) {
    const read = !source.document.read || piece.marks.some((mark) => mark.read);
    return make("span", { class: read ? null : "unread" }, string);
  }
  const numbers = rests.map((sentence) => sentence.number).join(", ");
  const description = rests.length === 1 ? `Sentence ${numbers} rests on this` : `Sentences ${numbers} rest on this`;
  const mark = make(
    "mark",
    {
      class: [lit ? "lit" : "", same ? "same" : ""].filter(Boolean).join(" ") || null,
      ...(rests.length ? { role: "button", tabindex: "0", "aria-description": description } : {}),
    },
    string,
  );
  if (rests.length) {
    const show = () => showRests(source, piece, rests);
    const hide = () => showRests(source, piece, []);
    restsOf.set(mark, show);
    mark.addEventListener("mouseenter", show);
    // Where the pointer leaves, what the keyboard is on holds again.
    mark.addEventListener("mouseleave", () => (restsOf.get(document.activeElement) || hide)());
    mark.addEventListener("focus", () => (show(), say(description)));
    mark.addEventListener("blur", hide);
    mark.addEventListener("click", () => getSelection().isCollapsed && chooseSentence(rests[0], null, true));
    mark.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      chooseSentence(rests[0], null, true);
      rests[0].element.focus({ preventScroll: true });
    });
  }
  return mark;
}

// Shows which words of the answers rest on a piece of a source: words that were located, else whole sentences.
function showRests(source, piece, sentences) {
  const ranges = [];
  for (const answer of page.answers) {
    answer.sentences.forEach((sentence) => sentence.element.classList.toggle("rests", sentences.includes(sentence)));
    if (!sentences.length) continue;
    for (const found of answer.record.attributions) {
      const here = found.spans.some((s) => s.document === source.document.id && s.start < piece.end && s.end > piece.start);
      const whole = answer.sentences.some(({ statement }) => found.ranges.some(([from, to]) => from <= statement.start && statement.end <= to));
      if (here && !whole) ranges.push(...found.ranges.map(([from, to]) => rangeOf(answer, from, to)));
    }
  }
  paint("rests", ranges.filter(Boolean));
}

// Lights spans, and within them the words of `words`; scrolls to the first, or to the one that is wanted.
function light(spans, words, wanted) {
  let goal = null;
  for (const source of page.documents) {
    const lit = spans.filter((span) => span.document === source.document.id && span.start < span.end);
    if (!lit.length && !source.lit.length) continue;
    source.lit = lit;
    source.same = words ? lit.flatMap((span) => sameWords(source, span, words)) : [];
    if (lit.length) source.details.open = true;
    drawText(source);
    if (lit.length && (wanted === undefined || wanted === null || wanted === source.n)) goal = goal || source;
  }
  const bare = wanted !== undefined && wanted !== null && !goal ? page.documents[wanted] : null;
  if (bare) bare.details.open = true;
  const first = goal ? goal.text.querySelector("mark.same") || goal.text.querySelector("mark.lit") : bare && bare.element;
  if (first) reveal(first, aside);
}

function sameWords(source, span, words) {
  const found = [];
  for (const { start, text } of source.texts) {
    for (const [from, to] of text.words) {
      if (start + from < span.start || start + to > span.end) continue;
      if (words.has(folded(text.slice(from, to)))) found.push({ start: start + from, end: start + to });
    }
  }
  return found;
}
