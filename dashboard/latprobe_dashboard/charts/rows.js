// Draws a table from data. Every text is set with textContent: names come from recorded programs.
const FIRST_ROWS = 60; // of a long table: the others come once these are on the screen
const watched = new WeakMap();
const orders = new WeakMap(); // how the viewer has sorted each table; a redraw keeps it

export default function ({ data, parentElement, setTriggerValue }) {
  const frame = parentElement.querySelector(".frame");
  const shell = parentElement.querySelector(".shell");
  const tell = () => toldMore(shell, frame, data.rows.length);
  const fit = () => {
    fitted(frame, data.height);
    tell();
  };
  frame.onscroll = tell;
  onWidthChange(parentElement, frame, fit);
  const draw = () => {
    const table = document.createElement("table");
    table.setAttribute("aria-label", data.label);
    const order = orders.get(parentElement);
    const top = frame.scrollTop, places = sorted(data.rows, order);
    const first = top ? places.length : FIRST_ROWS; // who has scrolled stays where they are
    table.append(head(data, order, sort), body(data, places, first, setTriggerValue));
    frame.replaceChildren(table);
    fit();
    frame.scrollTop = top;
    tell();
  };
  const sort = (at) => {
    orders.set(parentElement, next(orders.get(parentElement), at, data.columns[at].number));
    draw();
    frame.querySelectorAll("th button")[at].focus();
  };
  draw();
  const [page, save] = shell.querySelectorAll("button.save");
  const saver = htmlSaver(frame);
  page.hidden = !saver || !data.rows.length;
  page.title = "Save as a page to zoom in";
  page.setAttribute("aria-label", `Save ${data.label} as HTML`);
  page.onclick = saver;
  save.hidden = !data.saved || !data.rows.length;
  save.setAttribute("aria-label", `Save ${data.label} as CSV`);
  save.onclick = () => download(data, sorted(data.rows, orders.get(parentElement)));
}

// A limited table ends between two rows, never in one, and is whole where one row more does it.
function fitted(frame, limit) {
  frame.style.maxHeight = "";
  const lines = [...frame.querySelectorAll("tbody tr")].slice(0, FIRST_ROWS);
  const high = (element) => element.getBoundingClientRect().height;
  if (!limit || !lines.length || frame.scrollHeight <= limit + 1.6 * high(lines[0])) return;
  let bottom = high(frame.querySelector("thead"));
  for (const line of lines) {
    if (bottom + high(line) > limit) break;
    bottom += high(line);
  }
  frame.style.maxHeight = `${bottom + frame.offsetHeight - frame.clientHeight}px`;
}

// How many rows are below what is seen, said under the lower edge.
function toldMore(shell, frame, count) {
  const whole = frame.scrollHeight, above = frame.scrollTop + frame.clientHeight;
  const line = whole / (count + 1);
  const more = whole - above < 4 ? 0 : Math.max(Math.round((whole - above) / line), 1);
  shell.classList.toggle("more", more > 0);
  shell.dataset.more = more ? `${more.toLocaleString()} more below` : "";
}

// One observer a table: rows get higher where a narrower one breaks its headings.
function onWidthChange(parent, frame, act) {
  watched.get(parent)?.disconnect();
  let width = frame.clientWidth;
  const observer = new ResizeObserver(() => frame.clientWidth !== width && ((width = frame.clientWidth), act()));
  observer.observe(frame);
  watched.set(parent, observer);
}

// First the end that people look for: the greatest of numbers, the first of names. Third: as it came.
function next(order, at, isNumber) {
  const first = isNumber ? -1 : 1;
  if (!order || order.at !== at) return { at, way: first };
  return order.way === first ? { at, way: -first } : null;
}

function sorted(rows, order) {
  const places = rows.map((_, index) => index);
  if (!order || !rows.length || order.at >= rows[0].cells.length) return places;
  const key = (index) => {
    const cell = rows[index].cells[order.at];
    return cell.v === undefined ? (cell.share ?? cell.t) : cell.v;
  };
  return places.sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === null || y === null) return (x === null) - (y === null); // not measured: last either way
    const least = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), undefined, { numeric: true });
    return least * order.way || a - b;
  });
}

function head(data, order, sort) {
  const row = document.createElement("tr");
  data.columns.forEach((column, at) => {
    const cell = document.createElement("th");
    const button = document.createElement("button");
    cell.scope = "col";
    button.type = "button";
    button.textContent = column.label;
    if (order?.at === at) {
      cell.setAttribute("aria-sort", order.way > 0 ? "ascending" : "descending");
      button.textContent += order.way > 0 ? " ↑" : " ↓";
    }
    button.title = column.help ? `${column.help}. Click to sort` : "Click to sort";
    button.onclick = () => sort(at);
    if (column.number) cell.className = "n";
    cell.append(button);
    row.append(cell);
  });
  const section = document.createElement("thead");
  section.append(row);
  return section;
}

function download(data, places) {
  const lines = [data.columns.map((column) => column.field || column.label)];
  for (const index of places) {
    lines.push(data.rows[index].cells.map((cell) => (cell.v === undefined ? cell.t + (cell.note ? ` (${cell.note})` : "") : cell.v)));
  }
  const text = lines.map((line) => line.map(quoted).join(",")).join("\r\n") + "\r\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = `latprobe-${data.label.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
}

// A text that a spreadsheet would take for a formula is marked as text.
function quoted(value) {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function body(data, places, first, setTriggerValue) {
  const section = document.createElement("tbody");
  const append = (some) => section.append(...some.map((index) => line(data, index, setTriggerValue)));
  append(places.slice(0, first));
  if (places.length > first) {
    requestAnimationFrame(() => setTimeout(() => append(places.slice(first))));
  }
  return section;
}

function line(data, index, setTriggerValue) {
  const row = data.rows[index];
  const line = document.createElement("tr");
  row.cells.forEach((cell, at) => line.append(drawn(cell, data, at, at === 0 ? row.link : "")));
  if (!row.link) return line;
  line.className = row.selected ? "open selected" : "open";
  if (row.selected) line.setAttribute("aria-current", "true");
  line.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    if (String(document.getSelection())) return; // the text is being selected, not opened
    event.preventDefault();
    setTriggerValue("open", index);
  });
  return line;
}

function drawn(cell, data, at, link) {
  const column = data.columns[at];
  const box = document.createElement("td");
  box.className = [column.number ? "n" : "", at === 0 ? "name" : "", cell.bad ? "bad" : ""].join(" ");
  box.title = cell.hint || (at === 0 || cell.t.length > 30 ? cell.t : ""); // it may be cut
  if (column.bar && cell.reach) {
    box.append(reach(cell, data.hues));
    return box;
  }
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

// A bar from zero to the figure, the interval as a whisker over it.
function reach(cell, hues) {
  const { zero, at, low, high, faint } = cell.reach;
  const box = document.createElement("div"), track = document.createElement("span");
  const fill = document.createElement("span"), text = document.createElement("span");
  box.className = faint ? "bar reach faint" : "bar reach";
  const percent = (place) => `${place * 100}%`;
  fill.className = "fill";
  fill.style.left = percent(Math.min(zero, at));
  fill.style.width = percent(Math.abs(at - zero));
  fill.style.background = cell.bad ? "var(--bad)" : hues[cell.hue || "text"];
  track.append(fill);
  if (zero > 0) {
    const line = document.createElement("i");
    line.className = "zero";
    line.style.left = percent(zero);
    track.append(line);
  }
  if (low !== undefined && high !== undefined) {
    const whisker = document.createElement("i");
    whisker.className = "whisker";
    whisker.style.left = percent(low);
    whisker.style.width = percent(high - low);
    track.append(whisker);
  }
  text.textContent = cell.t;
  box.append(track, text);
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
