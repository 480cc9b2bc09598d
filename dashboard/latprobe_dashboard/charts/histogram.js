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
    this.axis(g, d.counts.reduce((top, count) => Math.max(top, count), 0));
    this.bars(g);
    this.edges(g);
    d.marks.forEach((mark) => this.mark(g, mark));
    this.names(g, d.marks);
    this.canvas.dataset.bins = String(d.counts.length);
  }

  // Few bins leave room: one that fills the chart looks like much.
  get places() { return Math.max(this.data.counts.length, LEAST_PLACES); }

  x(at) { return LEFT + (at / this.places) * (this.width - LEFT - RIGHT); }

  axis(g, top) {
    const step = Math.max(niceStep(Math.max(top, 1) / 4), 1);
    this.max = step * Math.max(Math.ceil((top * 0.999) / step), 1);
    g.textAlign = "right";
    g.lineWidth = 1;
    for (let value = 0; value <= this.max * 1.001; value += step) {
      const y = Math.round(TOP + this.high * (1 - value / this.max)) + 0.5;
      g.strokeStyle = this.colors.line;
      g.beginPath();
      g.moveTo(LEFT, y);
      g.lineTo(this.width - RIGHT, y);
      g.stroke();
      g.fillStyle = this.colors.dim;
      g.fillText(counted(value), LEFT - 7, y);
    }
    g.textAlign = "left";
    g.fillText("spans", 0, TOP - 13);
  }

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
    const count = this.data.edges.length, every = Math.max(Math.ceil(count / Math.max((this.width - LEFT) / 76, 1)), 1);
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

  // Names that would stand in each other are one.
  names(g, marks) {
    g.fillStyle = this.colors.ink;
    g.textAlign = "center";
    const places = marks.map(({ at }) => this.x(at));
    const isClose = places.length > 1 && places.at(-1) - places[0] < 30;
    const told = isClose ? [[marks.map(({ name }) => name).join(" · "), places[0]]] : marks.map(({ name }, i) => [name, places[i]]);
    for (const [name, x] of told) g.fillText(name, Math.min(x, this.width - g.measureText(name).width / 2 - 2), TOP - 13);
  }

  hover(x) {
    const d = this.data, count = d.counts.length;
    const at = Math.floor(((x - LEFT) / (this.width - LEFT - RIGHT)) * this.places);
    this.at = x >= LEFT && at >= 0 && at < count ? at : -1;
    this.tip.style.display = this.at < 0 ? "none" : "block";
    if (this.at >= 0) {
      const lines = [d.ranges[at], `${d.counts[at].toLocaleString()} spans`];
      this.tip.replaceChildren(...lines.map((text) => Object.assign(document.createElement("div"), { textContent: text })));
      const left = this.x(at + 1) + 8;
      this.tip.style.left = `${left + this.tip.offsetWidth > this.width ? this.x(at) - this.tip.offsetWidth - 8 : left}px`;
    }
    this.paint();
  }
}

function counted(value) {
  const [size, unit] = value >= 1e6 ? [1e6, " M"] : value >= 1e4 ? [1e3, " k"] : [1, ""];
  return `${Number((value / size).toPrecision(3)).toLocaleString()}${unit}`;
}
