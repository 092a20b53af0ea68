// The documents that questions are answered from: dropped on the page, chosen, or there from the beginning.

const ACCEPTED = ".txt,.text,.md,.markdown,.html,.htm,.xhtml,.pdf";
const library = { documents: [], busy: 0 };

const files = make("input", { type: "file", id: "files", class: "unseen", multiple: true, accept: ACCEPTED });
const chooser = make("label", { for: "files", class: "button" }, "Add files");
const shelfCount = make("span", { class: "tallied" });
const shelfList = make("ul", { class: "documents" });
const problems = make("ul", { class: "problems", role: "alert" });
const drawer = make(
  "details",
  { class: "library", open: true },
  make("summary", null, make("h2", null, "Documents"), shelfCount),
  make("div", { class: "drop" }, make("p", null, "Drop files anywhere on this page: text, Markdown, HTML, PDF."), files, chooser),
  problems,
  shelfList,
);

function drawDocuments(documents) {
  library.documents = documents;
  write(fillText(shelfCount), library.busy ? "reading …" : documents.length ? count(documents.length, "document", "documents") : "none yet");
  fill(
    shelfList,
    ...documents.map(({ id, title, length }) => {
      const remove = make("button", { type: "button", class: "close", "aria-label": `Remove ${title || id}`, title: "Remove" }, "×");
      remove.addEventListener("click", () => removeDocument(id));
      const named = make("span", { class: "named" }, make("bdi", null, title || id), title ? make("small", { dir: "auto" }, id) : null);
      return make("li", null, named, make("small", null, count(length, "character", "characters")), remove);
    }),
  );
}

const fillText = (element) => (element.replaceChildren(), element);

async function addFiles(chosen) {
  library.busy += 1;
  problems.replaceChildren();
  drawDocuments(library.documents);
  for (const file of chosen) {
    try {
      drawDocuments((await send(`documents?name=${encodeURIComponent(file.name)}`, file, "application/octet-stream")).documents);
    } catch (error) {
      problems.append(make("li", { dir: "auto" }, error.message));
    }
  }
  library.busy -= 1;
  drawDocuments(library.documents);
  say(`${count(library.documents.length, "document", "documents")} to ask.`);
}

async function removeDocument(id) {
  const place = library.documents.findIndex((each) => each.id === id);
  try {
    drawDocuments((await call("remove", { id })).documents);
    const buttons = shelfList.querySelectorAll("button");
    (buttons[Math.min(place, buttons.length - 1)] || files).focus();
  } catch (error) {
    fill(problems, make("li", null, error.message));
  }
}

// A body that is not JSON.
async function send(path, body, kind) {
  let response;
  try {
    response = await fetch(path, { method: "POST", headers: { "X-Counterfoil-Token": data.live.token, "Content-Type": kind }, body });
  } catch {
    throw new Error("The server does not answer. Is counterfoil still running?");
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error || `The server answered ${response.status}.`);
  return answer;
}

files.addEventListener("change", () => {
  addFiles([...files.files]);
  files.value = "";
});

// Files may be dropped anywhere; `depth` counts the elements that the pointer has entered with them.
let depth = 0;
const holdsFiles = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
const dropping = (on) => document.body.classList.toggle("dropping", on);
document.addEventListener("dragenter", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  depth += 1;
  dropping(true);
});
document.addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
document.addEventListener("dragleave", (event) => {
  if (!holdsFiles(event)) return;
  depth -= 1;
  if (depth <= 0) dropping((depth = 0) > 0);
});
document.addEventListener("drop", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  dropping((depth = 0) > 0);
  drawer.open = true;
  addFiles([...event.dataTransfer.files]);
});
