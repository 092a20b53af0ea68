// The answers of a corpus: searched, filtered and sorted; only the rows in sight are in the page.

const SORTS = {
  worst: ["Worst first", (a, b) => (a.f1 ?? -1) - (b.f1 ?? -1) || b.bad - a.bad],
  best: ["Best first", (a, b) => (b.f1 ?? -1) - (a.f1 ?? -1) || a.bad - b.bad],
  bad: ["Most sentences without support", (a, b) => b.bad - a.bad || (a.f1 ?? -1) - (b.f1 ?? -1)],
  file: ["As in the file", () => 0],
};
const BAD = new Set(["not_supported", "contradicted", "no_citation", "invalid_citation"]);
const MORE = 8; // rows beyond what is in sight

const list = { items: [], shown: [], query: [], statuses: new Set(), sort: "worst" };
const rows = make("div", { class: "rows", role: "listbox", tabindex: "0", "aria-label": "Answers" });
const track = make("div", { class: "track", role: "presentation" });
const tally = make("p", { class: "tally", role: "status", "aria-live": "polite" });

function drawRail() {
  list.items = data.cases.map((each, number) => {
    const statements = each.answers.flatMap((answer) => answer.statements);
    const f1 = each.answers.length ? each.answers[0].f1 : null;
    const bad = statements.filter((statement) => BAD.has(statement.status)).length;
    return { number, shown: each, statements, f1, bad, position: each.position };
  });
  rows.append(track);
  rows.addEventListener("scroll", drawRows, { passive: true });
  rows.addEventListener("keydown", stepRow);
  new ResizeObserver(drawRows).observe(rows);
  return make("nav", { class: "rail", "aria-label": "All answers" }, overview(), controls(), tally, rows);
}

function overview() {
  const { summary } = data;
  const figures = summary.figures.map(({ name, value, low, high }) =>
    make(
      "div",
      null,
      make("dt", null, name),
      make("dd", null, make("b", null, percent(value)), low === null ? null : make("small", null, `${Math.round(100 * low)}–${Math.round(100 * high)}`)),
    ),
  );
  const about = make(
    "details",
    { class: "about" },
    make("summary", null, "About this run"),
    make("p", null, `${count(summary.n_counted, "answer is", "answers are")} in the figures, of ${summary.n_answers.toLocaleString("en")}.`),
    make("dl", null, ...Object.entries(summary.settings).map(([name, value]) => make("div", null, make("dt", null, name), make("dd", null, String(value ?? "–"))))),
  );
  const unread = summary.unread.length
    ? make(
        "details",
        { class: "about" },
        make("summary", null, `${count(summary.unread.length, "record was", "records were")} not read`),
        make("ul", null, ...summary.unread.map(([where, problem]) => make("li", { dir: "auto" }, `${where}: ${problem}`))),
      )
    : null;
  return make(
    "header",
    null,
    make("p", { class: "mark", "aria-hidden": "true" }, "counterfoil"),
    make("h1", { class: "unseen" }, data.title),
    make("dl", { class: "figures" }, ...figures),
    summary.notes.length ? make("ul", { class: "notes" }, ...summary.notes.map((note) => make("li", null, note))) : null,
    about,
    unread,
  );
}

function controls() {
  const search = make("input", { type: "search", placeholder: "Search answers and quotes", "aria-label": "Search", autocomplete: "off", spellcheck: "false" });
  search.addEventListener("input", () => {
    list.query = folded(search.value).split(/\s+/).filter(Boolean);
    arrange();
  });
  const sort = make("select", { "aria-label": "Order" });
  for (const [name, [label]] of Object.entries(SORTS)) sort.append(make("option", { value: name }, label));
  sort.addEventListener("change", () => {
    list.sort = sort.value;
    arrange();
  });
  const filters = Object.keys(data.labels)
    .map((name) => [name, list.items.filter((item) => item.statements.some((statement) => statement.status === name)).length])
    .filter(([, number]) => number)
    .map(([name, number]) => filter(name, number));
  return make(
    "div",
    { class: "controls", role: "search" },
    search,
    make("div", { class: "filters", role: "group", "aria-label": "Only answers with a sentence that is" }, ...filters),
    make("label", { class: "sort" }, make("span", null, "Order"), sort),
  );
}

function filter(name, number) {
  const { sign, label } = verdictOf(name);
  const button = make(
    "button",
    { type: "button", class: `filter ${name}`, "aria-pressed": "false", title: `Only answers with a sentence that is: ${label}` },
    make("i", { "aria-hidden": "true" }, sign),
    label,
    make("small", null, number.toLocaleString("en")),
  );
  button.addEventListener("click", () => {
    const on = !list.statuses.delete(name);
    if (on) list.statuses.add(name);
    button.setAttribute("aria-pressed", String(on));
    arrange();
  });
  return button;
}

function haystack(item) {
  if (item.haystack === undefined) {
    const { shown } = item;
    const quotes = item.statements.flatMap((statement) => statement.citations.map((citation) => citation.quote));
    const titles = shown.documents.map((each) => `${each.title} ${each.id}`);
    item.haystack = folded([shown.name, shown.question, ...shown.answers.map((answer) => answer.text), ...titles, ...quotes].join("\n"));
  }
  return item.haystack;
}

function arrange() {
  const fits = (item) =>
    (!list.statuses.size || item.statements.some((statement) => list.statuses.has(statement.status))) &&
    list.query.every((word) => haystack(item).includes(word));
  const [, order] = SORTS[list.sort];
  list.shown = list.items.filter(fits).sort((a, b) => order(a, b) || a.position - b.position);
  const all = list.items.length;
  tally.textContent = list.shown.length === all ? count(all, "answer", "answers") : `${list.shown.length.toLocaleString("en")} of ${count(all, "answer", "answers")}`;
  rows.scrollTop = 0;
  drawRows();
  findWords();
}

const rowHeight = () => parseFloat(getComputedStyle(rows).getPropertyValue("--row")) * parseFloat(getComputedStyle(document.documentElement).fontSize);

function drawRows() {
  const height = rowHeight();
  track.style.height = `${height * list.shown.length}px`;
  const first = Math.max(0, Math.floor(rows.scrollTop / height) - MORE);
  const last = Math.min(list.shown.length, Math.ceil((rows.scrollTop + rows.clientHeight) / height) + MORE);
  track.replaceChildren(...list.shown.slice(first, last).map((item, n) => row(item, first + n, height)));
  if (!list.shown.length) track.replaceChildren(make("p", { class: "nothing" }, "No answer fits."));
  const chosen = document.getElementById(`row-${page.number}`);
  if (chosen) rows.setAttribute("aria-activedescendant", chosen.id);
  else rows.removeAttribute("aria-activedescendant");
}

function row(item, place, height) {
  const { shown, number } = item;
  const label = shown.question || shown.answers[0]?.text || shown.name;
  const element = make(
    "div",
    { class: "row", role: "option", id: `row-${number}`, "aria-selected": String(number === page.number), "aria-posinset": place + 1, "aria-setsize": list.shown.length },
    make("b", null, item.f1 === null ? "–" : String(Math.round(100 * item.f1)), make("small", null, "F1")),
    make("span", { class: "asked", dir: "auto" }, label),
    strip(item),
    make("span", { class: "where" }, shown.name),
  );
  element.style.transform = `translateY(${height * place}px)`;
  element.addEventListener("click", () => {
    rows.focus({ preventScroll: true });
    openCase(number, true);
  });
  return element;
}

// A mark for each sentence in the colour of its verdict; told in words as well.
function strip(item) {
  const counted = {};
  for (const { status: name } of item.statements) counted[name] = (counted[name] || 0) + 1;
  const words = Object.entries(counted).map(([name, n]) => `${n} ${verdictOf(name).label}`).join(", ");
  const marks = item.statements.slice(0, 24).map((statement) => make("i", { class: statement.status }));
  return make("span", { class: "strip", title: words }, make("span", { class: "unseen" }, words), ...marks);
}

function stepRow(event) {
  const here = list.shown.findIndex((item) => item.number === page.number);
  const sight = Math.max(1, Math.floor(rows.clientHeight / rowHeight()) - 1);
  const steps = { ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + sight, PageUp: here - sight, Home: 0, End: list.shown.length - 1 };
  if (event.key === "Enter") openCase(page.number, true);
  if (!(event.key in steps) || !list.shown.length) return;
  event.preventDefault();
  const place = Math.min(list.shown.length - 1, Math.max(0, steps[event.key]));
  intoSight(place);
  openCase(list.shown[place].number);
}

function intoSight(place) {
  const height = rowHeight();
  if (height * place < rows.scrollTop) rows.scrollTop = height * place;
  if (height * (place + 1) > rows.scrollTop + rows.clientHeight) rows.scrollTop = height * (place + 1) - rows.clientHeight;
}

function backToList() {
  const button = make("button", { type: "button", class: "link all" }, "← All answers");
  button.addEventListener("click", () => {
    document.body.classList.remove("reading");
    drawRows();
    rows.focus();
  });
  return button;
}

// Marks what was searched for in the answer that is open.
function findWords() {
  const ranges = [];
  for (const answer of page.answers) {
    const { text: held, units } = foldedWithPlaces(answer.text.string);
    for (const word of list.query) {
      for (let at = held.indexOf(word); at >= 0 && ranges.length < 200; at = held.indexOf(word, at + word.length)) {
        const [first, last] = [answer.text.point(units[at]), answer.text.point(units[at + word.length - 1])];
        ranges.push(rangeOf(answer, first, answer.text.letter(last)[1]));
      }
    }
  }
  paint("found", ranges.filter(Boolean));
}
