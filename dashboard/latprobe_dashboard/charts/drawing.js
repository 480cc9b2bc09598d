// What our canvases share: words for durations, colours that follow the theme, small DOM helpers.
function shown(ms) {
  if (!ms) return "0 ms";
  const steps = [[3600e3, 3600e3, "h"], [60e3, 60e3, "min"], [999.5, 1e3, "s"], [0.9995, 1, "ms"], [1e-3, 1e-3, "µs"]];
  for (const [from, size, unit] of steps) {
    if (Math.abs(ms) >= from) {
      const value = ms / size;
      return `${value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2)} ${unit}`;
    }
  }
  return `${(ms * 1e6).toFixed(0)} ns`;
}

// The browser's own resolution of light-dark() and var(): the canvas needs plain colours.
function resolved(frame, css) {
  const probe = add(frame, "span");
  const colors = Object.fromEntries(
    Object.entries(css).map(([name, value]) => ((probe.style.color = value), [name, getComputedStyle(probe).color])),
  );
  probe.remove();
  return colors;
}

// The theme can change without a rerun of the script: a transition of the ink says so.
function onThemeChange(frame, act) {
  frame.style.transition = "color 1ms";
  frame.addEventListener("transitionend", (event) => event.propertyName === "color" && event.target === frame && act());
}

function sized(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  canvas.style.height = `${height}px`;
  const isNew = canvas.width !== w || canvas.height !== h;
  if (isNew) [canvas.width, canvas.height] = [w, h];
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  g.textBaseline = "middle";
  return { g, isNew };
}

// The smallest of 1, 2, 5 x 10^n that is not under the rough step.
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * 0.999);
}

// The same of a time in ms: from half a minute on what clocks are divided in, not tens of seconds.
function niceTimeStep(rough) {
  if (rough <= 20e3) return niceStep(rough);
  const seconds = [30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
  const step = seconds.find((each) => each * 1e3 >= rough * 0.999);
  return step ? step * 1e3 : 86400e3 * niceStep(rough / 86400e3);
}

// What Streamlit calls with new data finds the view of its place, made the first time.
const views = new WeakMap();

function viewIn(parent, make) {
  let view = views.get(parent);
  if (!view) views.set(parent, (view = make(parent.querySelector(".frame"))));
  return view;
}

// Shows a tip with these lines beside a place: after it, or before it where there is no room.
function tell(tip, lines, { after, before, width }) {
  tip.style.display = "block";
  tip.replaceChildren(...lines.map((text) => Object.assign(document.createElement("div"), { textContent: text })));
  tip.style.left = `${after + tip.offsetWidth > width ? before - tip.offsetWidth : after}px`;
}

// Shows a tip under the pointer, above it where that would leave the frame.
function tellAt(tip, [head, text], e, { canvas, frame, width }) {
  const name = document.createElement("b"), more = document.createElement("span");
  name.textContent = head;
  more.textContent = text;
  tip.replaceChildren(name, more);
  tip.style.display = "block";
  const top = canvas.offsetTop + e.offsetY + 16;
  tip.style.left = `${Math.max(Math.min(e.offsetX + 14, width - tip.offsetWidth - 8), 4)}px`;
  tip.style.top = `${top + tip.offsetHeight > frame.clientHeight ? top - tip.offsetHeight - 26 : top}px`;
}

// The names of marks, from left to right; those that would stand in each other are one.
function nameMarks(g, marks, y, width, color) {
  g.fillStyle = color;
  g.textAlign = "center";
  const isClose = marks.length > 1 && marks.at(-1)[1] - marks[0][1] < 30;
  const told = isClose ? [[marks.map(([name]) => name).join(" · "), marks[0][1]]] : marks;
  for (const [name, x] of told) {
    const half = g.measureText(name).width / 2 + 2;
    g.fillText(name, Math.min(Math.max(x, half), width - half), y);
  }
}

// Black or white, whichever reads better on the colour.
function inkOn(css) {
  const [r, g, b] = css.match(/[\d.]+/g).map(Number);
  return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#11151b" : "#ffffff";
}

function add(parent, tag, className) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  parent.append(element);
  return element;
}

// A button that saves the canvas as a picture on the page's background. `file` names it where that
// changes; `paint` is given the saving, for what is painted otherwise in a picture.
function offerPicture(frame, canvas, name, { file = () => name, paint = (save) => save() } = {}) {
  const bar = frame.querySelector(".bar") || add(frame, "span");
  if (!bar.className) bar.style.cssText = "position:absolute;right:0;bottom:100%;white-space:nowrap";
  const saver = htmlSaver(frame);
  if (saver) saveButton(bar, "HTML", "Save as a page to zoom in", `Save ${name} as HTML`).onclick = saver;
  saveButton(bar, "PNG", "Save as a picture", `Save ${name} as a picture`).onclick = () => paint(() => {
    const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
    const g = copy.getContext("2d");
    g.fillStyle = resolved(frame, { back: "var(--st-background-color)" }).back;
    g.fillRect(0, 0, copy.width, copy.height);
    g.drawImage(canvas, 0, 0);
    saved(copy.toDataURL("image/png"), `latprobe-${file()}.png`);
  });
}

function saveButton(bar, words, title, label) {
  const button = Object.assign(add(bar, "button"), { type: "button", textContent: words, title });
  button.setAttribute("aria-label", label);
  if (!bar.className) button.style.cssText =
    "border:0;background:none;padding:0.1rem 0.45rem;cursor:pointer;" +
    "color:light-dark(#5b6672,#98a3b0);font:0.8rem var(--st-font);border-radius:4px";
  return button;
}

function saved(address, file) {
  Object.assign(document.createElement("a"), { href: address, download: file }).click();
}
