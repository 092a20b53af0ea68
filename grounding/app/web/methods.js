// How to decode: by one method, and beside it by another one if the reader likes. Which there are, their parameters and
// the ranges of these are what the methods declare.

let methods = [];
const typed = new Map(); // what was typed, by picker, method and parameter

const pickers = [makePicker("Decode by", null), makePicker("and beside it", "nothing else")];

function makePicker(label, nothing) {
  const method = make("select", { "aria-label": label });
  const fields = make("span", { class: "fields" });
  const rest = make("div", { class: "rest" });
  const more = make("details", { class: "more", hidden: true }, make("summary", null, "more"), rest);
  const about = make("small", { class: "about" });
  const element = make(
    "div",
    { class: "picker", role: "group", "aria-label": label },
    make("label", { class: "method" }, make("span", null, label), method),
    fields,
    more,
    about,
  );
  const picker = { label, nothing, method, fields, rest, more, about, element, shown: [] };
  method.addEventListener("change", () => drawFields(picker));
  return picker;
}

function takeMethods(known) {
  methods = known;
  for (const picker of pickers) {
    const { method, nothing } = picker;
    const options = methods.map(({ name, title }) => make("option", { value: name }, title));
    fill(method, nothing ? make("option", { value: "" }, nothing) : null, ...options);
    drawFields(picker);
  }
}

// The first parameter, which is mostly the weight of the contrast, stands beside the method, the others behind "more".
function drawFields(picker) {
  const chosen = methods.find(({ name }) => name === picker.method.value);
  picker.shown = chosen ? chosen.parameters.map((parameter) => makeField(picker, chosen, parameter)) : [];
  const [first, ...others] = picker.shown.map(({ element }) => element);
  fill(picker.fields, first || null);
  fill(picker.rest, ...others);
  picker.more.hidden = !others.length;
  picker.more.open = false;
  fill(picker.about, chosen ? document.createTextNode(chosen.about) : null);
}

function makeField(picker, method, parameter) {
  const key = `${pickers.indexOf(picker)}/${method.name}/${parameter.name}`;
  const input = MAKE_INPUT[parameter.kind](parameter);
  if (typed.has(key)) setInput(input, typed.get(key));
  input.addEventListener("input", () => typed.set(key, input.type === "checkbox" ? input.checked : input.value));
  const element = make("label", { class: `field of-${parameter.kind}`, title: parameter.help }, make("span", null, parameter.label), input);
  return { parameter, input, element };
}

const setInput = (input, value) => (input.type === "checkbox" ? (input.checked = value) : (input.value = value));
const shownDefault = ({ default: value }) => (value === null ? "" : String(value));

const MAKE_INPUT = {
  number: (parameter) =>
    make("input", {
      type: "number", value: shownDefault(parameter), placeholder: parameter.optional ? "none" : shownDefault(parameter),
      min: parameter.least, max: parameter.most, step: stepOf(parameter), inputmode: "decimal",
    }),
  choice: ({ choices, default: value }) =>
    make("select", null, ...choices.map((choice) => make("option", { value: choice, selected: choice === value }, choice.replaceAll("_", " ")))),
  flag: ({ default: value }) => make("input", { type: "checkbox", checked: value }),
  text: (parameter) => make("input", { type: "text", value: shownDefault(parameter), placeholder: shownDefault(parameter), autocomplete: "off" }),
};

// What an arrow key adds: a tenth of what is usual; other values are taken as well.
function stepOf({ whole, default: value }) {
  if (whole) return 1;
  return value ? 10 ** (Math.floor(Math.log10(Math.abs(value))) - (Math.abs(value) >= 1 ? 1 : 0)) : 0.1;
}

// A field that is empty has the method's default, or none where none is a value.
function valueOf({ parameter, input }) {
  if (input.type === "checkbox") return input.checked;
  if (input.validity.badInput) throw new Error(`${parameter.label} has to be a number.`);
  if (!input.value.trim()) return parameter.optional ? null : undefined;
  return parameter.kind === "number" ? Number(input.value) : input.value;
}

function chosenDecodings() {
  return pickers
    .filter(({ method }) => method.value)
    .map(({ method, shown }) => ({
      method: method.value,
      parameters: Object.fromEntries(shown.map((field) => [field.parameter.name, valueOf(field)]).filter(([, value]) => value !== undefined)),
    }));
}
