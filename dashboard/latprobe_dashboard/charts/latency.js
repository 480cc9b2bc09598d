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
    if (this.at >= 0) this.cross(g, d.height - BOTTOM);
    this.canvas.dataset.points = String(d.p95.length);
  }

  x(at) { return LEFT + ((at + 0.5) / Math.max(this.data.p95.length, 1)) * (this.width - LEFT - RIGHT); }

  shares() { return this.data.errors.map((errors, at) => (this.data.counts[at] ? (100 * errors) / this.data.counts[at] : null)); }

  axis(g, panel, top, wanted, words) {
    const step = niceStep(Math.max(top, 1e-9) / wanted);
    panel.max = Math.max(step * Math.ceil((top * 0.999) / step), step);
    g.textAlign = "right";
    g.lineWidth = 1;
    for (let value = 0; value <= panel.max * 1.001; value += step) {
      const y = Math.round(panel.top + panel.height * (1 - value / panel.max)) + 0.5;
      g.strokeStyle = this.colors.line;
      g.beginPath();
      g.moveTo(LEFT, y);
      g.lineTo(this.width - RIGHT, y);
      g.stroke();
      g.fillStyle = this.colors.dim;
      g.fillText(words(Number(value.toPrecision(6))), LEFT - 7, y);
    }
  }

  times(g, y) {
    const d = this.data, count = d.p95.length, total = d.step_ms * count;
    if (!count) return;
    const step = clockStep(total / Math.max((this.width - LEFT - RIGHT) / 92, 1));
    const words = step >= 86400e3 ? { month: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit", hour12: false };
    if (step < 60e3) words.second = "2-digit";
    const clock = new Intl.DateTimeFormat(undefined, words);
    const day = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
    // Round times of the viewer's clock, not of UTC: some zones are half an hour apart.
    const zone = new Date(d.first_ms).getTimezoneOffset() * 60e3;
    g.textAlign = "center";
    g.fillStyle = this.colors.dim;
    let isTold = false;
    for (let time = Math.ceil((d.first_ms - zone) / step) * step + zone; time < d.first_ms + total; time += step) {
      const x = this.x((time - d.first_ms) / d.step_ms - 0.5);
      if (x <= LEFT + 16 || x >= this.width - 16) continue;
      g.fillText(clock.format(time), x, y + 14);
      isTold = true;
    }
    g.textAlign = "left";
    // A time so short that no round one lies in it has its beginning said instead.
    g.fillText(day.format(d.first_ms) + (isTold ? "" : `, ${clock.format(d.first_ms)}`), LEFT, y + 30);
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

  cross(g, bottom) {
    g.strokeStyle = this.colors.dim;
    g.lineWidth = 1;
    g.beginPath();
    g.moveTo(Math.round(this.x(this.at)) + 0.5, TOP);
    g.lineTo(Math.round(this.x(this.at)) + 0.5, bottom);
    g.stroke();
  }

  hover(x) {
    const d = this.data, count = d.p95.length;
    const at = Math.floor(((x - LEFT) / (this.width - LEFT - RIGHT)) * count);
    this.at = x >= LEFT && at >= 0 && at < count ? at : -1;
    this.tip.style.display = this.at < 0 ? "none" : "block";
    if (this.at >= 0) {
      const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hour12: false });
      const n = d.counts[at], share = n ? ((100 * d.errors[at]) / n).toFixed(1) : "0";
      const lines = [time.format(d.first_ms + at * d.step_ms), n ? `p95 ${shown(d.p95[at])} · p50 ${shown(d.p50[at])}` : "nothing ran", `n = ${n.toLocaleString()} · ${share} % failed`];
      this.tip.replaceChildren(...lines.map((text) => Object.assign(document.createElement("div"), { textContent: text })));
      const left = this.x(at) + 12;
      this.tip.style.left = `${left + this.tip.offsetWidth > this.width ? left - this.tip.offsetWidth - 24 : left}px`;
    }
    this.paint();
  }
}

function peak(values) { return values.reduce((top, value) => Math.max(top, value ?? 0), 0); }

function unitOf(ms) { return ms >= 120e3 ? [60e3, "min"] : ms >= 900 ? [1e3, "s"] : ms >= 1 ? [1, "ms"] : [1e-3, "µs"]; }

function clockStep(ms) {
  const seconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
  const step = seconds.find((each) => each * 1e3 >= ms);
  return (step ?? 86400 * Math.ceil(ms / 86400e3)) * 1e3;
}
