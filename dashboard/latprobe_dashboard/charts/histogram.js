// Bars of equal width over logarithmic bins; dotted marks with their names on top.
const LEFT = 50, RIGHT = 8, TOP = 22, BOTTOM = 26, LEAST_PLACES = 8;

export default shows((frame) => new Histogram(frame));

class Histogram extends Chart {
  constructor(frame) {
    super(frame, "histogram");
    this.tip.style.top = `${TOP + 8}px`; // below the names of the marks
  }

  paint() {
    const d = this.data, g = this.begin(d?.words, ["line", "ink", "dim", "p95"]);
    if (!g) return;
    this.high = d.height - TOP - BOTTOM;
    const panel = { top: TOP, height: this.high };
    this.axis(g, panel, d.counts.reduce((top, count) => Math.max(top, count), 0), 4, counted, 1);
    this.max = panel.max;
    g.textAlign = "left";
    g.fillText("spans", 0, TOP - 13);
    this.bars(g);
    this.edges(g);
    d.marks.forEach((mark) => this.mark(g, mark));
    nameMarks(g, d.marks.map(({ name, at }) => [name, this.x(at)]), TOP - 13, this.width, this.colors.ink);
    this.canvas.dataset.bins = String(d.counts.length);
  }

  // Few bins leave room: one that fills the chart looks like much.
  get places() { return Math.max(this.data.counts.length, LEAST_PLACES); }

  x(at) { return LEFT + (at / this.places) * (this.width - LEFT - RIGHT); }

  bars(g) {
    this.data.counts.forEach((count, at) => {
      const left = this.x(at), high = (count / this.max) * this.high;
      g.globalAlpha = this.at < 0 || this.at === at ? 1 : 0.55;
      g.fillStyle = this.colors.p95;
      g.fillRect(left + 1, TOP + this.high - high, Math.max(this.x(at + 1) - left - 2, 1), count ? Math.max(high, 1) : 0);
    });
    g.globalAlpha = 1;
  }

  edges(g) {
    const count = this.data.edges.length, every = Math.max(Math.ceil(this.places / Math.max((this.width - LEFT) / 76, 1)), 1);
    g.fillStyle = this.colors.dim;
    g.textAlign = "left";
    for (let at = 0; at < count; at += every) {
      const wide = g.measureText(this.data.edges[at]).width;
      g.fillText(this.data.edges[at], Math.min(Math.max(this.x(at) - wide / 2, 0), this.width - wide), TOP + this.high + 14);
    }
  }

  mark(g, { at }) {
    const x = Math.round(this.x(at)) + 0.5;
    g.strokeStyle = this.colors.ink;
    g.lineWidth = 1.5;
    g.setLineDash([2, 3]);
    g.beginPath();
    g.moveTo(x, TOP - 4);
    g.lineTo(x, TOP + this.high);
    g.stroke();
    g.setLineDash([]);
  }

  hover(x) {
    const d = this.data, at = this.placeAt(x, this.places, d.counts.length);
    this.at = at;
    this.tip.style.display = "none";
    if (at >= 0) {
      const lines = [d.ranges[at], `${d.counts[at].toLocaleString()} spans`];
      tell(this.tip, lines, { after: this.x(at + 1) + 8, before: this.x(at) - 8, width: this.width });
    }
    this.paint();
  }
}

function counted(value) {
  const [size, unit] = value >= 1e6 ? [1e6, " M"] : value >= 1e4 ? [1e3, " k"] : [1, ""];
  return `${Number((value / size).toPrecision(3)).toLocaleString()}${unit}`;
}
