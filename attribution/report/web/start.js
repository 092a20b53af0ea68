// Puts the page together and opens its first answer.

function openCase(number, reading) {
  page.number = number;
  page.case = data.cases[number];
  page.finding = null;
  drawAnswers(page.case);
  drawSources(page.case);
  show(null);
  main.scrollTop = aside.scrollTop = 0;
  if (!data.summary) return;
  drawRows();
  findWords();
  if (reading) document.body.classList.add("reading");
  try {
    history.replaceState(null, "", `${location.pathname}${location.search}#${number + 1}`);
  } catch {
    // In a frame without an address of its own nothing can be linked to.
  }
}

function asked() {
  const number = Number(location.hash.slice(1)) - 1;
  return data.summary && Number.isInteger(number) && data.cases[number] ? number : -1;
}

if (data.summary) document.body.append(drawRail());
document.body.append(main, aside, status);
document.body.classList.add("ready");
if (data.summary) {
  arrange();
  const linked = asked();
  if (linked >= 0 || list.shown.length) openCase(linked >= 0 ? linked : list.shown[0].number, linked >= 0);
  const place = list.shown.findIndex((item) => item.number === page.number);
  if (place > 0) intoSight(place);
  drawRows();
  addEventListener("hashchange", () => asked() >= 0 && openCase(asked(), true));
} else {
  openCase(0);
}
