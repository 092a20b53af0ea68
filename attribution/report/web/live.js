// What is not in the page is asked of the server that the page comes from, if it comes from one.

let pending = null;

function liveControls(finding) {
  if (!data.live || page.number < 0 || finding.sentence) return null;
  const method = make("select", { "aria-label": "Locating method" });
  for (const name of data.live.methods) method.append(make("option", { value: name, selected: name === data.live.method }, name));
  method.addEventListener("change", () => {
    data.live.method = method.value;
    ask({ ...finding, error: null });
  });
  const again = make("button", { type: "button", class: "link" }, finding.error ? "Try again" : "Ask the model");
  again.addEventListener("click", () => ask({ ...finding, error: null }));
  return make(
    "div",
    { class: `asking${finding.pending ? " pending" : ""}` },
    make("label", null, "Method ", method),
    finding.pending ? make("span", { class: "progress" }, finding.progress || "Asking the model …") : finding.by ? null : again,
    finding.pending ? make("progress", { "aria-label": "Waiting for the model" }) : null,
    finding.error ? make("p", { class: "error", role: "alert" }, finding.error) : null,
  );
}

async function ask(finding) {
  if (pending) pending.abort();
  const request = new AbortController();
  pending = request;
  const current = () => pending === request && page.finding && page.finding.answer === finding.answer;
  const waiting = { ...finding, pending: true };
  show(waiting);
  const clock = setInterval(async () => {
    try {
      const { text } = await call("progress", null, request.signal);
      if (current() && page.finding.pending) {
        page.finding.progress = text;
        const line = readout.querySelector(".progress");
        if (line && text) line.textContent = text;
      }
    } catch {
      // The question itself tells what is wrong.
    }
  }, 400);
  const question = { case: page.number, answer: finding.answer.n, start: finding.start, end: finding.end, method: data.live.method };
  try {
    const found = await call("locate", question, request.signal);
    if (current()) show(located({ ...finding, notes: [] }, { ...found, fresh: true }));
  } catch (error) {
    if (error.name !== "AbortError" && current()) show({ ...finding, pending: false, error: error.message });
  } finally {
    clearInterval(clock);
  }
}

async function call(path, body, signal) {
  let response;
  try {
    response = await fetch(path, {
      method: body ? "POST" : "GET",
      headers: { "X-Counterfoil-Token": data.live.token, ...(body ? { "Content-Type": "application/json" } : {}) },
      body: body ? JSON.stringify(body) : undefined,
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is counterfoil still running?");
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error || `The server answered ${response.status}.`);
  return answer;
}
