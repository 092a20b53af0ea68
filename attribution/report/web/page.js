// What the page holds, and what is chosen.

const data = JSON.parse(document.getElementById("data").textContent);
const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
const highlights = typeof Highlight === "function" && CSS.highlights ? CSS.highlights : null;

const page = {
  case: null, // the case that is shown
  number: -1, // its place in the data
  answers: [], // what answer.js drew
  documents: [], // what sources.js drew
  finding: null, // what the readout says
  bar: false, // whether something else than the question stands at the top
  library: null, // what stands above the sources
  controls: [], // each makes an element of the readout for a finding, or null
  remarks: [], // each makes an element beside the verdict of a sentence, or null
};
const main = make("main", { class: "answers", "aria-label": "Answer" });
const sheet = make("div", { class: "sheet" });
const aside = make("aside", { class: "sources", "aria-label": "Sources" });
main.append(sheet);
const status = make("p", { class: "unseen", role: "status", "aria-live": "polite" });

function say(message) {
  status.textContent = "";
  // A reader hears a change only where there is one.
  requestAnimationFrame(() => (status.textContent = message));
}

function paint(name, ranges) {
  if (!highlights) return;
  if (ranges.length) highlights.set(name, new Highlight(...ranges));
  else highlights.delete(name);
}

// Scrolls the pane that an element is in, or the page where panes do not scroll by themselves.
function reveal(element, pane) {
  const behavior = calm ? "auto" : "smooth";
  if (pane.scrollHeight > pane.clientHeight + 1 && getComputedStyle(pane).overflowY === "auto") {
    const offset = element.getBoundingClientRect().top - pane.getBoundingClientRect().top;
    const cover = pane === aside ? readout.offsetHeight : 0;
    const room = Math.max(40, (pane.clientHeight - cover) / 3);
    pane.scrollTo({ top: pane.scrollTop + offset - cover - room, behavior });
  } else {
    element.scrollIntoView({ block: "center", behavior });
  }
}

const verdictOf = (name) => ({ sign: data.labels[name][0], label: data.labels[name][1] });

// How probable a verdict is, in words that say of what; a bare number is the verdict's own probability.
function likelihood({ status, probability, contradicted }) {
  if (status === "contradicted" && measured(contradicted)) return percent(contradicted);
  if (!measured(probability)) return "";
  return status === "supported" ? percent(probability) : `(support ${percent(probability)})`;
}

function verdict(of) {
  const { sign, label } = verdictOf(of.status);
  const said = likelihood(of);
  const support = measured(of.probability) ? `Probability of support: ${percent(of.probability)}` : null;
  return make(
    "span",
    { class: `verdict ${of.status}` },
    make("i", { "aria-hidden": "true" }, sign),
    label,
    said ? make("span", { class: "probability", title: support }, said) : null,
  );
}
