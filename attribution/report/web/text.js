// Texts and elements. Offsets in the data count code points; JavaScript's strings count UTF-16 units.

const letters = typeof Intl.Segmenter === "function" ? new Intl.Segmenter(undefined, { granularity: "grapheme" }) : null;

class Text {
  constructor(string) {
    this.string = string;
    this.starts = null;
    if (!/[\ud800-\udfff]/.test(string)) return;
    const starts = [];
    for (let unit = 0; unit < string.length; unit += string.codePointAt(unit) > 0xffff ? 2 : 1) starts.push(unit);
    starts.push(string.length);
    this.starts = Uint32Array.from(starts);
  }

  get length() {
    return this.starts ? this.starts.length - 1 : this.string.length;
  }

  unit(point) {
    return this.starts ? this.starts[Math.min(point, this.length)] : point;
  }

  // The code point that a unit belongs to.
  point(unit) {
    if (!this.starts) return unit;
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle] <= unit) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  slice(start, end) {
    return this.string.slice(this.unit(start), this.unit(end));
  }

  // The letter, as a reader sees it, that a code point belongs to: a flag is one, and so is a family.
  letter(point) {
    if (!letters || point >= this.length) return [point, Math.min(point + 1, this.length)];
    const { index, segment } = letters.segment(this.string).containing(this.unit(point));
    return [this.point(index), this.point(index + segment.length)];
  }

  // Where words stand, in code points.
  get words() {
    if (!this.found) {
      const segmenter = typeof Intl.Segmenter === "function" ? new Intl.Segmenter(undefined, { granularity: "word" }) : null;
      const units = segmenter
        ? [...segmenter.segment(this.string)].filter((s) => s.isWordLike).map((s) => [s.index, s.index + s.segment.length])
        : [...this.string.matchAll(/[\p{L}\p{N}\p{M}]+/gu)].map((m) => [m.index, m.index + m[0].length]);
      this.found = units.map(([start, end]) => [this.point(start), this.point(end)]);
    }
    return this.found;
  }
}

// An element with attributes; children are elements or strings, and strings stay text whatever they hold.
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children) {
    if (typeof child === "string") write(element, child);
    else if (child) element.append(child);
  }
  return element;
}

// The children of an element anew; what is null is left out.
function fill(element, ...children) {
  element.replaceChildren(...children.filter(Boolean));
}

// Text as it is; a character that would turn round what follows it is shut in, and shown.
const OVERRIDES = { "\u202d": "LRO", "\u202e": "RLO" };
function write(element, string) {
  for (const part of string.split(/([\u202d\u202e])/)) {
    if (OVERRIDES[part]) element.append(make("bdi", { class: "control", "data-name": OVERRIDES[part] }));
    if (OVERRIDES[part]) element.lastChild.append(part);
    else if (part) element.append(part);
  }
}

const percent = (value) => (measured(value) ? `${Math.round(100 * value)} %` : "–");
const count = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
// The pages that a place of a document stands on, in words; nothing for a document without pages.
function pagesOf(document_, start, end) {
  const page = (place) => document_.pages.filter((begin) => begin <= place).length;
  const [first, last] = [page(start), page(Math.max(start, end - 1))];
  return !first ? "" : first === last ? `p. ${first}` : `pp. ${first}–${last}`;
}

const measured = (value) => value !== null && value !== undefined;

// The beginning of a string, cut between two letters.
function shortened(string, length) {
  if (string.length <= length) return string;
  const cut = letters ? letters.segment(string).containing(length).index : string.slice(0, length).search(/[\ud800-\udbff]?$/);
  return `${string.slice(0, cut).trimEnd()} …`;
}

// A string for comparing: without case, accents and ligatures; and the UTF-16 unit that each of its own comes from.
function foldedWithPlaces(string) {
  const parts = [];
  const units = [];
  let unit = 0;
  for (const letter of string) {
    const plain = /[^\x20-\x40\x5b-\x7e]/.test(letter)
      ? letter.normalize("NFKD").replace(/[\u0300-\u036f\u00ad\u200c\u200d]/g, "").normalize("NFC").toUpperCase().toLowerCase()
      : letter;
    parts.push(plain);
    for (let n = 0; n < plain.length; n += 1) units.push(unit);
    unit += letter.length;
  }
  return { text: parts.join(""), units };
}

const folded = (string) => foldedWithPlaces(string).text;

// Cuts [start, end) wherever a mark begins or ends, and at more places: pieces with the marks that cover each.
function pieces(start, end, marks, more = []) {
  const inside = marks.filter((mark) => mark.start < end && mark.end > start && mark.start < mark.end);
  const cuts = new Set([start, end, ...more.filter((place) => start < place && place < end)]);
  for (const mark of inside) cuts.add(Math.max(start, mark.start)).add(Math.min(end, mark.end));
  const places = [...cuts].sort((a, b) => a - b);
  return places.slice(0, -1).map((from, n) => {
    const to = places[n + 1];
    return { start: from, end: to, marks: inside.filter((mark) => mark.start <= from && to <= mark.end) };
  });
}
