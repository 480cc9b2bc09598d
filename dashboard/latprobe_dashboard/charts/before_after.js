// For each percentile: what was recorded as a grey bar, the prediction in colour with its interval.
const LEFT = 40, RIGHT = 128, TOP = 8, BOTTOM = 26;

export default function ({ data, parentElement }) {
  const view = viewIn(parentElement, (frame) => new BeforeAfter(frame));
  view.data = data;
  view.paint();
}

class BeforeAfter {
  constructor(frame) {
    this.frame = frame;
    this.canvas = add(frame, "canvas");
    offerPicture(frame, this.canvas, "what-if");
    this.canvas.setAttribute("role", "img");
    onThemeChange(frame, () => { this.colors = null; this.paint(); });
    new ResizeObserver(() => this.paint()).observe(frame);
  }

  paint() {
    const d = this.data;
    this.width = this.frame.clientWidth;
    if (!d || !this.width) return;
    this.colors ??= resolved(this.frame, {
      line: "var(--line)", ink: "var(--ink)", dim: "var(--dim)", after: "var(--p95)", bad: "var(--bad)",
      before: "light-dark(#c3cacf, #4a5563)",
    });
    const { g } = sized(this.canvas, this.width, d.height);
    this.font = getComputedStyle(this.frame).fontFamily;
    g.font = `12px ${this.font}`;
    this.canvas.setAttribute("aria-label", d.words);
    const top = d.rows.reduce((most, row) => Math.max(most, row.before, row.after, row.high ?? 0), 0);
    this.axis(g, top || 1);
    const each = (d.height - TOP - BOTTOM) / Math.max(d.rows.length, 1);
    d.rows.forEach((row, at) => this.row(g, row, TOP + at * each, each));
    this.canvas.dataset.rows = String(d.rows.length);
  }

  x(ms) { return LEFT + (ms / this.max) * (this.width - LEFT - RIGHT); }

  axis(g, top) {
    const step = niceTimeStep(top / Math.max((this.width - LEFT - RIGHT) / 90, 1));
    const bottom = this.data.height - BOTTOM;
    this.max = top;
    g.textAlign = "center";
    for (let ms = 0; ms <= top * 1.001; ms += step) {
      const x = Math.round(this.x(ms)) + 0.5;
      g.strokeStyle = this.colors.line;
      g.beginPath();
      g.moveTo(x, TOP);
      g.lineTo(x, bottom);
      g.stroke();
      g.fillStyle = this.colors.dim;
      g.fillText(shown(ms), x, bottom + 14);
    }
  }

  row(g, row, top, high) {
    const thick = Math.min(high * 0.3, 16), first = top + (high - 2 * thick - 3) / 2;
    const isWorse = row.low !== null && row.low > row.before;
    const color = isWorse ? this.colors.bad : this.colors.after;
    g.fillStyle = this.colors.before;
    g.fillRect(this.x(0), first, Math.max(this.x(row.before) - this.x(0), 1), thick);
    g.fillStyle = color;
    g.globalAlpha = 0.7; // the interval has to be seen on it
    g.fillRect(this.x(0), first + thick + 3, Math.max(this.x(row.after) - this.x(0), 1), thick);
    g.globalAlpha = 1;
    if (row.low !== null && row.high !== null) this.whisker(g, row, first + thick * 1.5 + 3, thick);
    g.textAlign = "right";
    g.fillStyle = this.colors.ink;
    g.font = `600 12px ${this.font}`;
    g.fillText(row.name, LEFT - 9, top + high / 2);
    g.textAlign = "left";
    g.font = `12px ${this.font}`;
    const right = this.width - RIGHT + 10;
    g.fillStyle = this.colors.dim;
    g.fillText(`${shown(row.before)} recorded`, right, first + thick / 2);
    g.fillStyle = this.colors.ink;
    g.font = `600 12px ${this.font}`;
    g.fillText(shown(row.after), right, first + thick * 1.5 + 3);
    g.font = `12px ${this.font}`;
  }

  whisker(g, row, y, thick) {
    const [a, b] = [this.x(Math.max(row.low, 0)), this.x(row.high)], half = thick / 2 - 1;
    g.strokeStyle = this.colors.ink;
    g.lineWidth = 1.5;
    g.beginPath();
    for (const x of [a, b]) { g.moveTo(x, y - half); g.lineTo(x, y + half); }
    g.moveTo(a, y);
    g.lineTo(b, y);
    g.stroke();
    g.lineWidth = 1;
  }
}
