// How much the documents raised words of an answer: told of the word under the pointer, and of chosen words.

const tip = make("div", { class: "tip", "aria-hidden": "true" });

// The sum of the trace over [start, end), in nats; null where nothing was recorded.
function influence(answer, start, end) {
  const spans = answer.record.trace.filter((span) => span.start < end && span.end > start);
  return spans.length ? spans.reduce((sum, { value }) => sum + value, 0) : null;
}

function influenceInWords(nats) {
  const signed = `${nats < 0 ? "−" : "+"}${Math.abs(nats).toFixed(1)} nats`;
  if (Math.abs(nats) < 0.05) return "as probable with the documents as without";
  return `${times(Math.exp(Math.abs(nats)))} ${nats > 0 ? "more" : "less"} probable with the documents (${signed})`;
}

function times(factor) {
  if (factor >= 1e6) return "over a million times";
  return `${factor < 9.95 ? factor.toFixed(1) : Number(factor.toPrecision(2)).toLocaleString("en")} times`;
}

// Of chosen words only: over a whole sentence the factors multiply to a number that says nothing.
function influenceLine(finding) {
  const nats = finding.sentence ? null : influence(finding.answer, finding.start, finding.end);
  return nats === null ? null : make("p", { class: "by influence" }, `These words were ${influenceInWords(nats)}.`);
}

// The word that a piece of an answer stands in; the piece itself if that is none.
function wordOf(answer, leaf) {
  return answer.text.words.find(([from, to]) => from < leaf.end && leaf.start < to && /\S/.test(answer.text.slice(leaf.start, leaf.end))) || [leaf.start, leaf.end];
}

main.addEventListener("pointerover", (event) => {
  const answer = event.pointerType === "mouse" && page.answers.find(({ prose }) => prose.contains(event.target));
  const leaf = answer && answer.leaves.find(({ element }) => element === event.target);
  const place = leaf ? wordOf(answer, leaf) : null;
  const nats = place ? influence(answer, ...place) : null;
  const range = nats === null ? null : rangeOf(answer, ...place);
  paint("pointed", range ? [range] : []);
  tip.remove();
  if (!range) return;
  const word = answer.text.slice(...place).trim();
  if (!word) return;
  fill(tip, make("b", { dir: "auto" }, shortened(word, 40)), make("span", null, influenceInWords(nats)));
  document.body.append(tip);
  const box = range.getBoundingClientRect();
  const left = Math.min(Math.max(8, (box.left + box.right - tip.offsetWidth) / 2), innerWidth - tip.offsetWidth - 8);
  const above = box.top - tip.offsetHeight - 6;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 4 ? above : box.bottom + 6}px`;
});

main.addEventListener("pointerleave", () => {
  tip.remove();
  paint("pointed", []);
});
document.addEventListener("scroll", () => tip.remove(), { capture: true, passive: true });
