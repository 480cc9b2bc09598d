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
    if (this.at >= 0) this.cross(g, this.x(this.at + 0.5));
    this.canvas.dataset.points = String(d.values.length);
  }

  x(at) { return LEFT + (at / Math.max(this.data.values.length, 1)) * (this.width - LEFT - RIGHT); }

  unit(value) {
    if (this.data.unit === "$") return `$${value >= 100 ? value.toLocaleString() : Number(value.toPrecision(3))}`;
    const [size, sign] = value >= 1e6 ? [1e6, " M"] : value >= 1e3 ? [1e3, " k"] : [1, ""];
    return `${Number((value / size).toPrecision(3)).toLocaleString()}${sign}`;
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
    const d = this.data, count = d.values.length;
    if (!count) return;
    const [left, right] = [LEFT, this.width];
    paintTimes(g, { ...d, count, x: (at) => this.x(at), left, right, wide: right - LEFT - RIGHT, y, dim: this.colors.dim, least: 60e3 });
  }

  hover(x) {
    const d = this.data;
    this.at = this.placeAt(x, d.values.length);
    this.tip.style.display = "none";
    if (this.at >= 0) {
      const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", hour12: false });
      const place = this.x(this.at + 0.5);
      tell(this.tip, [time.format(d.first_ms + this.at * d.step_ms), ...d.words[this.at]], { after: place + 12, before: place - 12, width: this.width });
    }
    this.paint();
  }
}
