// Draws a table from data. Every text is set with textContent: names come from recorded programs.
export default function ({ data, parentElement, setTriggerValue }) {
  const frame = parentElement.querySelector(".frame");
  frame.style.maxHeight = data.height ? `${data.height}px` : "";
  const table = document.createElement("table");
  table.setAttribute("aria-label", data.label);
  table.append(head(data.columns), body(data, setTriggerValue));
  const top = frame.scrollTop;
  frame.replaceChildren(table);
  frame.scrollTop = top;
}

function head(columns) {
  const row = document.createElement("tr");
  for (const column of columns) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = column.label;
    if (column.help) cell.title = column.help;
    if (column.number) cell.className = "n";
    row.append(cell);
  }
  const section = document.createElement("thead");
  section.append(row);
  return section;
}

function body(data, setTriggerValue) {
  const section = document.createElement("tbody");
  data.rows.forEach((row, index) => {
    const line = document.createElement("tr");
    row.cells.forEach((cell, at) => line.append(drawn(cell, data, at, at === 0 ? row.link : "")));
    if (row.link) {
      line.className = row.selected ? "open selected" : "open";
      if (row.selected) line.setAttribute("aria-current", "true");
      line.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
        if (String(document.getSelection())) return; // the text is being selected, not opened
        event.preventDefault();
        setTriggerValue("open", index);
      });
    }
    section.append(line);
  });
  return section;
}

function drawn(cell, data, at, link) {
  const column = data.columns[at];
  const box = document.createElement("td");
  box.className = [column.number ? "n" : "", at === 0 ? "name" : "", cell.bad ? "bad" : ""].join(" ");
  box.title = cell.hint || (at === 0 ? cell.t : "");
  if (column.bar && cell.share !== undefined) {
    box.append(bar(cell, data.hues));
    return box; // a bar has no second line
  }
  if (cell.hue) {
    const dot = document.createElement("i");
    dot.className = "dot";
    dot.style.background = data.hues[cell.hue];
    box.append(dot);
  }
  const text = document.createElement(link ? "a" : "span");
  if (link) text.href = link;
  text.textContent = cell.t;
  box.append(text);
  if (cell.note) {
    const note = document.createElement("small");
    note.textContent = cell.note;
    if (cell.note.length > 16) note.className = "long";
    box.append(note);
  }
  return box;
}

function bar(cell, hues) {
  const box = document.createElement("div");
  const track = document.createElement("span");
  const fill = document.createElement("span");
  const text = document.createElement("span");
  box.className = "bar";
  fill.style.width = `${cell.share * 100}%`;
  fill.style.background = hues[cell.hue || "text"];
  text.textContent = cell.t;
  track.append(fill);
  box.append(track, text);
  return box;
}
