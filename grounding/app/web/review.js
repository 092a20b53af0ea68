// A person's verdict beside the judge's: kept or overruled, with a note; exported as labelled pairs.

const reviews = new Map(); // by `case/answer/statement`
let labels = {}; // the verdict that each label stands for

const exporter = make("button", { type: "button", class: "button", disabled: true }, "Export reviews");

const keyOf = ({ case: number, answer, statement }) => `${number}/${answer}/${statement}`;
const placeIn = (sentence) => ({ case: page.number, answer: sentence.answer.n, statement: sentence.answer.sentences.indexOf(sentence) });
const reviewOf = (sentence) => reviews.get(keyOf(placeIn(sentence)));

function takeReviews(state) {
  labels = state.labels;
  for (const review of state.reviews) reviews.set(keyOf(review), review);
  countReviews();
}

function countReviews() {
  exporter.disabled = !reviews.size;
  fillText(exporter).append(reviews.size ? `Export ${count(reviews.size, "review", "reviews")}` : "Export reviews");
}

const agrees = (sentence, label) => labels[label] === sentence.statement.status;

function reviewTag(sentence) {
  const review = page.number >= 0 ? reviewOf(sentence) : null;
  if (!review) return null;
  const kept = agrees(sentence, review.label);
  const said = kept ? "kept by you" : `overruled by you: ${verdictOf(labels[review.label]).label}`;
  return make("span", { class: `reviewed ${labels[review.label]}` }, make("b", null, said), review.note ? make("bdi", null, ` “${review.note}”`) : null);
}

function reviewControls(finding) {
  const { sentence } = finding;
  if (!sentence || page.number < 0) return null;
  const review = reviewOf(sentence);
  const choices = Object.entries(labels).map(([label, name], n) => {
    const { sign, label: words } = verdictOf(name);
    const own = agrees(sentence, label);
    const choice = make("input", { type: "radio", name: "review", value: label, checked: Boolean(review) && review.label === label });
    return make(
      "label",
      { class: `choice ${name}`, title: `Key ${n + 1} on the sentence` },
      choice,
      make("span", null, make("i", { "aria-hidden": "true" }, sign), own ? `keep: ${words}` : words),
    );
  });
  const note = make("input", { type: "text", class: "note", placeholder: "Why? (a note, if you like)", "aria-label": "Note", value: review ? review.note : "", maxlength: "2000", autocomplete: "off" });
  const back = make("button", { type: "button", class: "link", hidden: !review }, "Take it back");
  const problem = make("p", { class: "error", role: "alert" });
  const box = make("fieldset", { class: "review" }, make("legend", null, "Your verdict"), make("div", { class: "choicelist" }, ...choices), note, back, problem);
  const save = async (label) => {
    try {
      await saveReview(sentence, label, note.value.trim());
      problem.textContent = "";
      back.hidden = !label;
      for (const radio of box.querySelectorAll("input[type=radio]")) radio.checked = radio.value === label;
    } catch (error) {
      problem.textContent = error.message;
    }
  };
  box.addEventListener("change", (event) => {
    const chosen = box.querySelector("input[type=radio]:checked");
    if (event.target === note && !chosen) return;
    save(chosen.value);
  });
  back.addEventListener("click", () => {
    note.value = "";
    save(null);
    box.querySelector("input").focus();
  });
  return box;
}

async function saveReview(sentence, label, note) {
  const place = placeIn(sentence);
  await call("review", { ...place, label, note });
  if (label) reviews.set(keyOf(place), { ...place, label, note });
  else reviews.delete(keyOf(place));
  unsaved = reviews.size > 0;
  countReviews();
  if (sentence.row.isConnected) {
    sentence.row.querySelectorAll(".reviewed").forEach((tag) => tag.remove());
    const tag = reviewTag(sentence);
    if (tag) sentence.row.querySelector(".rests").append(tag);
  }
  say(label ? (agrees(sentence, label) ? "Kept." : `Overruled: ${verdictOf(labels[label]).label}.`) : "Taken back.");
}

// On a sentence the keys 1 to 3 give a verdict.
document.addEventListener("keydown", async (event) => {
  const sentence = event.target instanceof Element ? sentenceAt(event.target) : null;
  const label = Object.keys(labels)[Number(event.key) - 1];
  if (!sentence || !label || page.number < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const known = reviewOf(sentence);
  try {
    await saveReview(sentence, label, known ? known.note : "");
    show(sentenceFinding(sentence));
  } catch (error) {
    tellStep(error.message, true);
  }
});

exporter.addEventListener("click", async () => {
  try {
    const response = await fetch("export", { headers: { "X-Counterfoil-Token": data.live.token } });
    if (!response.ok) throw new Error((await response.json()).error);
    const address = URL.createObjectURL(await response.blob());
    make("a", { href: address, download: "reviews.jsonl" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
    unsaved = false;
  } catch (error) {
    tellStep(error.message, true);
  }
});

// Reviews live as long as the server: whoever leaves without a file is asked.
let unsaved = false;
addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});

page.controls.push(reviewControls);
page.remarks.push(reviewTag);
