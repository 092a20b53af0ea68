(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const pane = document.querySelector(".sources");
  const line = document.getElementById("chosen");
  const invitation = line.textContent.trim();
  const sentences = all(".sentence");
  const marksOf = (key) => all("mark").filter((mark) => mark.dataset.for.split(" ").includes(key));
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  function show(element) {
    for (let box = element.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    // One pane scrolls by itself where there is room for two; else the page does.
    if (pane.scrollHeight > pane.clientHeight + 1 && getComputedStyle(pane).overflowY === "auto") {
      const offset = element.getBoundingClientRect().top - pane.getBoundingClientRect().top;
      pane.scrollTo({ top: pane.scrollTop + offset - pane.clientHeight / 3, behavior: calm ? "auto" : "smooth" });
    } else {
      element.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
    }
  }

  function say(key) {
    line.replaceChildren();
    const text = document.createElement("p");
    line.append(text);
    if (!key) {
      text.textContent = invitation;
      return;
    }
    const row = document.getElementById(`verdict-${key}`);
    const number = document.createElement("strong");
    number.textContent = `Sentence ${row.querySelector(".which").textContent}: `;
    const verdict = row.querySelector(".verdict").cloneNode(true);
    verdict.removeAttribute("id");
    const rests = document.createElement("span");
    rests.textContent = ` · ${row.querySelector(".rests").textContent.trim()}`;
    const back = document.createElement("a");
    back.href = `#sentence-${key}`;
    back.textContent = "Back to the answer";
    text.className = row.className.replace("chosen", "");
    text.append(back, number, verdict, rests);
  }

  function choose(key, target) {
    all(".chosen:not(#chosen), .lit").forEach((element) => element.classList.remove("chosen", "lit"));
    sentences.forEach((sentence) => sentence.removeAttribute("aria-current"));
    say(key);
    if (!key) return;
    const sentence = document.getElementById(`sentence-${key}`);
    sentence.classList.add("chosen");
    sentence.setAttribute("aria-current", "true");
    document.getElementById(`verdict-${key}`).classList.add("chosen");
    const marks = marksOf(key);
    marks.forEach((mark) => mark.classList.add("lit"));
    const goal = target && document.getElementById(target);
    const first = goal && goal.classList.contains("anchor") ? goal.nextElementSibling : goal || marks[0];
    if (first && pane.contains(first)) show(first);
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-key]");
    const back = event.target.closest("a[data-back], #chosen a");
    const mark = event.target.closest("mark");
    if (link) {
      event.preventDefault();
      choose(link.dataset.key, link.hash.slice(1));
    } else if (back) {
      event.preventDefault();
      const sentence = document.getElementById(back.hash.slice(1));
      choose(sentence.dataset.key);
      sentence.scrollIntoView({ block: "center" });
      sentence.focus({ preventScroll: true });
    } else if (mark && !String(window.getSelection())) {
      choose(mark.dataset.for.split(" ")[0]);
    }
  });

  document.addEventListener("keydown", (event) => {
    const here = sentences.indexOf(document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") choose(null);
    if (here < 0 || !step) return;
    const next = sentences[here + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
    choose(next.dataset.key, next.hash.slice(1));
  });

  document.addEventListener("mouseover", (event) => {
    const mark = event.target.closest("mark");
    const keys = mark ? mark.dataset.for.split(" ") : [];
    sentences.forEach((sentence) => sentence.classList.toggle("rests", keys.includes(sentence.dataset.key)));
  });
})();
