// Bars of cost (or tokens) over time, the share read from the cache below on the same time axis.
const LEFT = 56, RIGHT = 12, TOP = 22, BOTTOM = 38, GAP = 34, LOWER = 0.34;

export default shows((frame) => new TokenTime(frame));

class TokenTime extends Chart {
  constructor(frame) {
    super(frame, "tokens");
  }

  paint() {
    const d = this.data, g = this.begin(d?.label, ["line", "ink", "dim", "p95"]);
    if (!g) return;
    const room = d.height - TOP - BOTTOM - (d.has_cache ? GAP : 0);
    const upper = { top: TOP, height: room * (d.has_cache ? 1 - LOWER : 1) };
    const lower = { top: TOP + upper.height + GAP, height: room * LOWER };
    this.axis(g, upper, Math.max(...d.values.map((value) => value ?? 0), 0), 4, (value) => this.unit(value));
    this.bars(g, upper, d.values, 1);
    this.name(g, upper, d.unit === "$" ? "cost" : "tokens");
    if (d.has_cache) {
      this.axis(g, lower, 1, 2, (value) => `${Math.round(value * 100)} %`);
      this.bars(g, lower, d.cache, 0.55);
      this.name(g, lower, "input read from the cache");
    }
    this.times(g, d.has_cache ? lower.top + lower.height : upper.top + upper.height);
    if (this.at >= 0) this.cross(g, d.height - BOTTOM);
    this.canvas.dataset.points = String(d.values.length);
  }

  x(at) { return LEFT + (at / Math.max(this.data.values.length, 1)) * (this.width - LEFT - RIGHT); }

  unit(value) {
    if (this.data.unit === "$") return `$${value >= 100 ? value.toLocaleString() : Number(value.toPrecision(3))}`;
    const [size, sign] = value >= 1e6 ? [1e6, " M"] : value >= 1e3 ? [1e3, " k"] : [1, ""];
    return `${Number((value / size).toPrecision(3)).toLocaleString()}${sign}`;
  }

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

  name(g, panel, text) {
    g.fillStyle = this.colors.dim;
    g.textAlign = "left";
    g.fillText(text, LEFT, panel.top - 12);
  }

  // A lone stretch of time is not drawn as wide as the chart.
  bars(g, panel, values, alpha) {
    g.fillStyle = this.colors.p95;
    values.forEach((value, at) => {
      if (!value) return;
      const high = (value / panel.max) * panel.height, wide = this.x(at + 1) - this.x(at), shown = Math.min(Math.max(wide - 1, 1), 48);
      g.globalAlpha = this.at < 0 || this.at === at ? alpha : alpha * 0.6;
      g.fillRect(this.x(at) + (wide - shown) / 2, panel.top + panel.height - high, shown, high);
    });
    g.globalAlpha = 1;
  }

  times(g, y) {
    const d = this.data, count = d.values.length, total = d.step_ms * count;
    if (!count) return;
    const step = clockStep(total / Math.max((this.width - LEFT - RIGHT) / 92, 1));
    const words = step >= 86400e3 ? { month: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit", hour12: false };
    const clock = new Intl.DateTimeFormat(undefined, words);
    const day = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
    // Round times of the viewer's clock, not of UTC: some zones are half an hour apart.
    const zone = new Date(d.first_ms).getTimezoneOffset() * 60e3;
    g.textAlign = "center";
    g.fillStyle = this.colors.dim;
    for (let time = Math.ceil((d.first_ms - zone) / step) * step + zone; time < d.first_ms + total; time += step) {
      const x = this.x((time - d.first_ms) / d.step_ms);
      if (x > LEFT + 16 && x < this.width - 16) g.fillText(clock.format(time), x, y + 14);
    }
    g.textAlign = "left";
    g.fillText(day.format(d.first_ms), LEFT, y + 30);
  }

  cross(g, bottom) {
    g.strokeStyle = this.colors.dim;
    g.lineWidth = 1;
    g.beginPath();
    g.moveTo(Math.round(this.x(this.at + 0.5)) + 0.5, TOP);
    g.lineTo(Math.round(this.x(this.at + 0.5)) + 0.5, bottom);
    g.stroke();
  }

  hover(x) {
    const d = this.data, count = d.values.length;
    const at = Math.floor(((x - LEFT) / (this.width - LEFT - RIGHT)) * count);
    this.at = x >= LEFT && at >= 0 && at < count ? at : -1;
    this.tip.style.display = this.at < 0 ? "none" : "block";
    if (this.at >= 0) {
      const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", hour12: false });
      const lines = [time.format(d.first_ms + at * d.step_ms), ...d.words[at]];
      this.tip.replaceChildren(...lines.map((text) => Object.assign(document.createElement("div"), { textContent: text })));
      const left = this.x(at + 0.5) + 12;
      this.tip.style.left = `${left + this.tip.offsetWidth > this.width ? left - this.tip.offsetWidth - 24 : left}px`;
    }
    this.paint();
  }
}

function clockStep(ms) {
  const seconds = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
  const step = seconds.find((each) => each * 1e3 >= ms);
  return (step ?? 86400 * Math.ceil(ms / 86400e3)) * 1e3;
}
