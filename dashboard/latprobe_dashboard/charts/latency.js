// p50 and p95 over time, the share that failed below on the same time axis. Times are the browser's.
const LEFT = 56, RIGHT = 34, TOP = 14, BOTTOM = 38, GAP = 30, ERRORS = 0.2;

export default shows((frame) => new Latency(frame));

class Latency extends Chart {
  constructor(frame) {
    super(frame, "latency");
  }

  paint() {
    const d = this.data, g = this.begin(d?.words, ["line", "ink", "dim", "p95", "p50", "bad"]);
    if (!g) return;
    const room = d.height - TOP - BOTTOM - GAP;
    const upper = { top: TOP, height: room * (1 - ERRORS) };
    const lower = { top: TOP + upper.height + GAP, height: room * ERRORS };
    const [size, unit] = unitOf(peak(d.p95));
    this.axis(g, upper, peak(d.p95) / size, 4, (value) => `${value} ${unit}`);
    this.axis(g, lower, Math.max(peak(this.shares()), 1), 2, (value) => `${value} %`);
    this.times(g, lower.top + lower.height);
    this.bars(g, lower);
    const scale = (values) => values.map((value) => (value === null ? null : value / size));
    const ends = [this.line(g, upper, scale(d.p50), this.colors.p50, [2, 3], 1.5), this.line(g, upper, scale(d.p95), this.colors.p95, [], 2)];
    this.names(g, ends);
    g.fillStyle = this.colors.dim;
    g.textAlign = "left";
    g.fillText("failed", LEFT, lower.top - 12);
    if (this.at >= 0) this.cross(g, this.x(this.at));
    this.canvas.dataset.points = String(d.p95.length);
  }

  x(at) { return LEFT + ((at + 0.5) / Math.max(this.data.p95.length, 1)) * (this.width - LEFT - RIGHT); }

  shares() { return this.data.errors.map((errors, at) => (this.data.counts[at] ? (100 * errors) / this.data.counts[at] : null)); }

  times(g, y) {
    const d = this.data, count = d.p95.length;
    if (!count) return;
    const [left, right] = [LEFT, this.width];
    paintTimes(g, { ...d, count, x: (at) => this.x(at - 0.5), left, right, wide: right - LEFT - RIGHT, y, dim: this.colors.dim });
  }

  bars(g, panel) {
    g.fillStyle = this.colors.bad;
    const wide = Math.max((this.width - LEFT - RIGHT) / Math.max(this.data.p95.length, 1), 1);
    this.shares().forEach((share, at) => {
      if (!share) return;
      const high = (share / panel.max) * panel.height;
      g.fillRect(this.x(at) - wide / 2, panel.top + panel.height - high, Math.max(wide - 0.5, 1), high);
    });
  }

  // Broken where nothing ran; a lone point is a dot, hollow where the line is dotted.
  line(g, panel, values, color, dash, thickness) {
    const y = (value) => panel.top + panel.height * (1 - value / panel.max);
    g.strokeStyle = g.fillStyle = color;
    g.lineWidth = thickness;
    g.lineJoin = "round";
    g.setLineDash(dash);
    g.beginPath();
    const alone = [];
    let last = null;
    values.forEach((value, at) => {
      if (value === null) return;
      const hasBefore = at > 0 && values[at - 1] !== null, hasAfter = at + 1 < values.length && values[at + 1] !== null;
      if (hasBefore) g.lineTo(this.x(at), y(value));
      else g.moveTo(this.x(at), y(value));
      if (!hasBefore && !hasAfter) alone.push([this.x(at), y(value)]);
      last = { x: this.x(at), y: y(value) };
    });
    g.stroke();
    g.setLineDash([]);
    for (const [x, top] of alone) {
      if (dash.length) g.strokeRect(x - 2, top - 2, 4, 4);
      else g.fillRect(x - 2.5, top - 2.5, 5, 5);
    }
    return last;
  }

  // The lines' names at their ends instead of a legend, kept apart where the lines meet.
  names(g, [p50, p95]) {
    if (!p50 || !p95) return;
    const apart = Math.max(15 - (p50.y - p95.y), 0) / 2;
    g.fillStyle = this.colors.dim;
    g.textAlign = "left";
    g.fillText("p95", p95.x + 6, p95.y - apart);
    g.fillText("p50", p50.x + 6, p50.y + apart);
  }

  hover(x) {
    const d = this.data;
    this.at = this.placeAt(x, d.p95.length);
    this.tip.style.display = "none";
    if (this.at >= 0) {
      const at = this.at, n = d.counts[at], share = n ? ((100 * d.errors[at]) / n).toFixed(1) : "0";
      const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hour12: false });
      const lines = [time.format(d.first_ms + at * d.step_ms), n ? `p95 ${shown(d.p95[at])} · p50 ${shown(d.p50[at])}` : "nothing ran", `n = ${n.toLocaleString()} · ${share} % failed`];
      tell(this.tip, lines, { after: this.x(at) + 12, before: this.x(at) - 12, width: this.width });
    }
    this.paint();
  }
}

function peak(values) { return values.reduce((top, value) => Math.max(top, value ?? 0), 0); }

function unitOf(ms) { return ms >= 120e3 ? [60e3, "min"] : ms >= 900 ? [1e3, "s"] : ms >= 1 ? [1, "ms"] : [1e-3, "µs"]; }
