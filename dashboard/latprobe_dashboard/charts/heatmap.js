// Cells of time by duration, darker where more spans are. Times are the browser's.
const LEFT = 62, RIGHT = 10, TOP = 10, BOTTOM = 36, WIDEST = 64, HIGHEST = 32;

export default function ({ data, parentElement, setTriggerValue }) {
  const view = viewIn(parentElement, (frame) => new Heatmap(frame));
  view.pick = (cell) => setTriggerValue("pick", cell);
  view.show(data);
}

class Heatmap {
  constructor(frame) {
    this.frame = frame;
    this.canvas = add(frame, "canvas");
    offerPicture(frame, this.canvas, "heatmap");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.style.outlineOffset = "2px";
    this.tip = add(frame, "div", "tip");
    this.at = -1;
    this.canvas.addEventListener("pointermove", (event) => this.move(this.cell(event.offsetX, event.offsetY)));
    this.canvas.addEventListener("pointerleave", () => this.move(-1));
    this.canvas.addEventListener("click", (event) => this.choose(this.cell(event.offsetX, event.offsetY)));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("blur", () => this.move(-1));
    onThemeChange(frame, () => { this.colors = null; this.paint(); });
    new ResizeObserver(() => this.paint()).observe(frame);
  }

  show(data) {
    const isOther = !this.data || this.data.first_ms !== data.first_ms || this.data.counts.length !== data.counts.length;
    this.data = data;
    if (isOther) { this.at = -1; this.tip.style.display = "none"; }
    this.paint();
  }

  get rows() { return this.data.edges.length - 1; }

  paint() {
    const d = this.data;
    this.width = this.frame.clientWidth;
    if (!d || !this.width) return;
    this.colors ??= resolved(this.frame, { line: "var(--line)", ink: "var(--ink)", dim: "var(--dim)", hot: "var(--p95)" });
    // Few cells do not fill the chart: one that does looks like much.
    this.wide = Math.min((this.width - LEFT - RIGHT) / Math.max(d.columns, 1), WIDEST);
    this.high = Math.min((d.height - TOP - BOTTOM) / Math.max(this.rows, 1), HIGHEST);
    this.floor = TOP + this.rows * this.high;
    const { g } = sized(this.canvas, this.width, this.floor + BOTTOM);
    g.font = `12px ${getComputedStyle(this.frame).fontFamily}`;
    this.canvas.setAttribute("aria-label", d.words);
    this.cells(g);
    this.durations(g);
    this.times(g);
    if (this.at >= 0) this.mark(g);
    this.canvas.dataset.cells = String(d.counts.length);
  }

  x(column) { return LEFT + column * this.wide; }
  y(row) { return this.floor - (row + 1) * this.high; }

  // By the square root, so that a single slow span is still seen beside hundreds.
  cells(g) {
    const d = this.data, columns = d.columns;
    const top = d.counts.reduce((most, count) => Math.max(most, count), 1);
    g.strokeStyle = this.colors.line;
    g.strokeRect(LEFT - 0.5, TOP - 0.5, this.width - LEFT - RIGHT + 1, this.floor - TOP + 1);
    g.fillStyle = this.colors.hot;
    d.counts.forEach((count, at) => {
      if (!count) return;
      const column = at % columns, row = Math.floor(at / columns);
      g.globalAlpha = 0.12 + 0.88 * Math.sqrt(count / top);
      const x = Math.round(this.x(column)), y = Math.round(this.y(row));
      g.fillRect(x, y, Math.max(Math.round(this.x(column + 1)) - x - (this.wide > 6 ? 1 : 0), 1), Math.max(Math.round(this.y(row - 1)) - y - (this.high > 6 ? 1 : 0), 1));
    });
    g.globalAlpha = 1;
  }

  durations(g) {
    const every = Math.max(Math.ceil(17 / this.high), 1);
    g.textAlign = "right";
    g.fillStyle = this.colors.dim;
    for (let row = 0; row <= this.rows; row += every) g.fillText(this.data.edges[row], LEFT - 7, Math.max(this.y(row - 1), TOP + 4));
  }

  times(g) {
    const d = this.data;
    const axis = { left: LEFT, right: this.width, wide: this.wide * d.columns, y: this.floor - 1 };
    paintTimes(g, { ...d, ...axis, count: d.columns, x: (at) => this.x(at), dim: this.colors.dim });
  }

  mark(g) {
    const column = this.at % this.data.columns, row = Math.floor(this.at / this.data.columns);
    g.strokeStyle = this.colors.ink;
    g.lineWidth = 1.5;
    g.strokeRect(this.x(column), this.y(row), this.wide, this.high);
    g.lineWidth = 1;
  }

  cell(x, y) {
    const d = this.data, column = Math.floor((x - LEFT) / this.wide), row = Math.floor((this.floor - y) / this.high);
    return column < 0 || column >= d.columns || row < 0 || row >= this.rows ? -1 : row * d.columns + column;
  }

  move(at) {
    this.at = at;
    const d = this.data, count = at < 0 ? 0 : d.counts[at];
    this.canvas.style.cursor = count ? "pointer" : "default";
    this.tip.style.display = "none";
    if (at >= 0) {
      const column = at % d.columns, row = Math.floor(at / d.columns);
      const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", hour12: false });
      const lines = [time.format(d.first_ms + column * d.step_ms), `${d.edges[row]} to ${d.edges[row + 1]}`, `${count.toLocaleString()} spans${count ? " · click for examples" : ""}`];
      tell(this.tip, lines, { after: this.x(column + 1) + 10, before: this.x(column) - 10, width: this.width });
    }
    this.paint();
  }

  choose(at) { if (at >= 0 && this.data.counts[at]) this.pick(at); }

  key(event) {
    const d = this.data, steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: d.columns, ArrowDown: -d.columns };
    if (event.key === "Enter") { event.preventDefault(); this.choose(this.at); return; }
    if (!(event.key in steps)) return;
    event.preventDefault();
    // From nowhere to the last cell with spans, which is where the slowest are.
    const next = this.at < 0 ? d.counts.reduce((last, count, at) => (count ? at : last), 0) : this.at + steps[event.key];
    const isSameRow = this.at < 0 || Math.abs(steps[event.key]) > 1 || Math.floor(next / d.columns) === Math.floor(this.at / d.columns);
    if (next >= 0 && next < d.counts.length && isSameRow) this.move(next);
  }
}
