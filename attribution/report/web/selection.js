// Words chosen by dragging, by touch, with a screen reader's own selection, or with the keys.

let pressed = false;
let settle = 0;

function takeSelection() {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return;
  const range = selection.getRangeAt(0);
  const answer = page.answers.find((each) => range.intersectsNode(each.prose));
  if (!answer) return;
  const start = placeOf(answer, range.startContainer, range.startOffset);
  const end = placeOf(answer, range.endContainer, range.endOffset);
  if (answer.text.slice(start, end).trim()) chooseWords(answer, start, end);
}

document.addEventListener("pointerdown", () => (pressed = true));
document.addEventListener("pointercancel", () => (pressed = false));
document.addEventListener("pointerup", () => {
  pressed = false;
  setTimeout(takeSelection, 0);
});
document.addEventListener("selectionchange", () => {
  clearTimeout(settle);
  if (!pressed) settle = setTimeout(takeSelection, 250);
});

const sentenceAt = (element) => {
  const target = element.closest(".sentence");
  return target && page.answers.flatMap((answer) => answer.sentences).find((sentence) => sentence.element === target);
};

main.addEventListener("click", (event) => {
  // The click that ends a drag is none.
  if (!getSelection().isCollapsed) return;
  const sentence = sentenceAt(event.target);
  if (sentence) focusOn(sentence);
});

function focusOn(sentence) {
  for (const answer of page.answers) {
    for (const each of answer.sentences) each.element.tabIndex = each === sentence ? 0 : -1;
  }
  sentence.element.focus({ preventScroll: true });
  chooseSentence(sentence);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && page.finding) {
    getSelection().removeAllRanges();
    show(null);
    return;
  }
  const sentence = event.target instanceof Element ? sentenceAt(event.target) : null;
  if (!sentence || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    chooseSentence(sentence);
  } else if (event.shiftKey && event.key.startsWith("Arrow")) {
    event.preventDefault();
    stepWords(sentence, event.key);
  } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    const all = page.answers.flatMap((answer) => answer.sentences);
    const next = all[all.indexOf(sentence) + (event.key === "ArrowRight" ? 1 : -1)];
    if (!next) return;
    event.preventDefault();
    focusOn(next);
    reveal(next.element, main);
  }
});

// Takes one word more or less at either end; from a whole sentence it begins with the first word.
function stepWords(sentence, key) {
  const { answer, statement } = sentence;
  const words = answer.text.words;
  const found = page.finding;
  if (!found || found.sentence || found.answer !== answer) {
    const first = words.find(([from]) => from >= statement.start);
    if (first) chooseWords(answer, ...first);
    return;
  }
  let first = words.findIndex(([, to]) => to > found.start);
  let last = words.findLastIndex(([from]) => from < found.end);
  if (key === "ArrowRight") last += 1;
  if (key === "ArrowLeft") last -= 1;
  if (key === "ArrowDown") first += 1;
  if (key === "ArrowUp") first -= 1;
  if (first >= 0 && last < words.length && first <= last) chooseWords(answer, words[first][0], words[last][1]);
}
