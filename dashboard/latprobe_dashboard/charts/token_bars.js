// Stacked bars as a table. Every text is set with textContent: names come from recorded programs.
export default function ({ data, parentElement, setTriggerValue }) {
  const frame = parentElement.querySelector(".frame");
  frame.style.maxHeight = data.height ? `${data.height}px` : "";
  const table = document.createElement("table");
  table.setAttribute("aria-label", data.label);
  const columns = document.createElement("colgroup");
  for (const name of ["name", "bar", "figure", "note"]) part(columns, "col", name);
  const tip = document.createElement("div");
  tip.className = "tip";
  const section = document.createElement("tbody");
  data.rows.forEach((row, index) => section.append(line(row, index, tip, setTriggerValue)));
  table.append(columns, section);
  const top = frame.scrollTop;
  frame.replaceChildren(table, tip);
  frame.scrollTop = top;
  table.dataset.bars = String(data.rows.length);
}

function line(row, index, tip, setTriggerValue) {
  const made = document.createElement("tr");
  made.className = [row.head ? "head" : "", row.link ? "open" : "", row.selected ? "selected" : ""].join(" ").trim();
  if (row.selected) made.setAttribute("aria-current", "true");
  const name = part(made, "td", "name");
  const text = part(name, row.link ? "a" : "span");
  if (row.link) text.href = row.link;
  text.textContent = name.title = row.name;
  const stack = part(part(made, "td", "bar"), "div", "stack");
  stack.setAttribute("role", "img");
  stack.setAttribute("aria-label", row.segments.map((segment) => segment.words.filter(Boolean).join(" ")).join(", "));
  let answers = false;
  for (const segment of row.segments) {
    const box = part(stack, "i", segment.out ? "answer" : "");
    answers ||= segment.out;
    box.style.width = `calc(${segment.width}% - ${segment.out ? 2 : 1}px)`;
    box.style.background = segment.hatched
      ? `repeating-linear-gradient(135deg, ${segment.css} 0 4px, transparent 4px 7px)`
      : segment.css;
    box.addEventListener("pointermove", (event) => show(tip, segment, event));
    box.addEventListener("pointerleave", () => (tip.style.display = "none"));
  }
  part(made, "td", "n").textContent = row.tokens;
  part(made, "td", "note").textContent = row.note;
  if (row.link) {
    made.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      if (String(document.getSelection())) return; // the text is being selected, not opened
      event.preventDefault();
      setTriggerValue("open", index);
    });
  }
  return made;
}

function show(tip, segment, event) {
  const [name, figure, sure] = segment.words;
  tip.replaceChildren();
  part(tip, "b").textContent = name;
  part(tip, "div").textContent = figure;
  if (sure) part(tip, "div").textContent = sure;
  tip.style.display = "block";
  const left = event.clientX + 14;
  tip.style.left = `${left + tip.offsetWidth > innerWidth ? event.clientX - tip.offsetWidth - 10 : left}px`;
  tip.style.top = `${Math.max(event.clientY - tip.offsetHeight - 10, 4)}px`;
}

function part(parent, tag, className) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  parent.append(element);
  return element;
}
