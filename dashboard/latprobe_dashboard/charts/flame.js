// An icicle on a canvas: boxes by path, the root on top. A click opens the path's longest span,
// a double click makes the box as wide as the page.
export default function ({ data, parentElement, setTriggerValue }) {
  const view = viewIn(parentElement, (frame) => new Flame(frame));
  view.pick = (at) => setTriggerValue("pick", at);
  view.load(data);
}

class Flame {
  constructor(frame) {
    this.frame = frame;
    const bar = add(frame, "div", "bar");
    this.summary = add(bar, "span");
    add(bar, "span", "grow");
    this.out = add(bar, "button");
    Object.assign(this.out, { type: "button", textContent: "Fit", title: "Show the whole request" });
    this.out.onclick = () => this.focusOn(0);
    this.canvas = add(frame, "canvas");
    offerPicture(frame, this.canvas, "flame");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.tip = add(frame, "div", "tip");
    this.live = add(frame, "div", "live");
    this.live.setAttribute("aria-live", "polite");
    this.focus = 0;
    this.top = 0;
    this.listen();
    onThemeChange(frame, () => { this.colors = null; this.draw(); });
    new ResizeObserver(() => this.draw()).observe(frame);
  }

  load(data) {
    const isOther = !this.data || this.data.summary !== data.summary;
    this.data = data;
    this.at = data.selected;
    if (isOther) { this.focus = 0; this.top = 0; }
    this.summary.textContent = data.summary;
    this.canvas.setAttribute("aria-label", `Flame view: ${data.summary}. Arrow keys choose a box, Enter opens its longest span.`);
    this.draw();
  }

  draw() {
    if (this.pending || !this.data) return;
    this.pending = requestAnimationFrame(() => { this.pending = 0; this.paint(); });
  }

  box(at) {
    const d = this.data, span = Math.max(d.width[this.focus], 1e-9);
    const left = ((d.from[at] - d.from[this.focus]) / span) * this.width;
    return { left, wide: (d.width[at] / span) * this.width, y: d.depth[at] * d.row - this.top + 2 };
  }

  paint() {
    const d = this.data;
    this.width = this.frame.clientWidth - 2;
    if (this.width <= 0) return;
    this.colors ??= this.palette();
    const { g } = sized(this.canvas, this.width, d.height);
    g.font = `12px ${getComputedStyle(this.frame).fontFamily}`;
    this.drawn = [];
    d.names.forEach((_, at) => this.paintBox(g, at));
    this.canvas.dataset.nodes = String(d.names.length);
  }

  palette() {
    const css = Object.fromEntries(["ink", "dim", "line", "panel"].map((n) => [n, `var(--${n})`]));
    this.data.hues.forEach((hue, at) => (css[at] = hue));
    css.back = "light-dark(#ffffff, #11151b)";
    return resolved(this.frame, { ...css, error: this.data.error });
  }

  paintBox(g, at) {
    const d = this.data, { left, wide, y } = this.box(at);
    if (left + wide <= 0 || left >= this.width || wide < 0.4 || y + d.row < 0 || y > d.height) return;
    const from = Math.max(left, 0), seen = Math.max(Math.min(left + wide, this.width) - from - 1, 0.6);
    this.drawn.push({ at, from, to: from + seen, y });
    g.globalAlpha = d.rest[at] ? 0.35 : d.depth[at] % 2 ? 0.82 : 1;
    g.fillStyle = this.colors[d.lanes[at]];
    g.fillRect(from, y, seen, d.row - 2);
    g.globalAlpha = 1;
    if (d.failed[at]) { g.fillStyle = this.colors.error; g.fillRect(from, y + d.row - 4, seen, 2); }
    if (at === this.at) { g.strokeStyle = this.colors.ink; g.lineWidth = 2; g.strokeRect(from + 1, y + 1, Math.max(seen - 2, 1), d.row - 4); }
    if (seen < 34) return;
    g.save();
    g.beginPath();
    g.rect(from, y, seen - 4, d.row);
    g.clip();
    g.fillStyle = d.rest[at] ? this.colors.ink : inkOn(this.colors[d.lanes[at]]);
    g.textAlign = "left";
    g.fillText(`${d.names[at]}  ${seen > 150 ? shown(d.width[at]) : ""}`, from + 6, y + (d.row - 2) / 2);
    g.restore();
  }

  hit(e) {
    const found = (this.drawn || []).findLast((b) => e.offsetX >= b.from && e.offsetX <= b.to && e.offsetY >= b.y && e.offsetY < b.y + this.data.row - 2);
    return found ? found.at : -1;
  }

  focusOn(at) { this.focus = at; this.draw(); }

  choose(at) {
    this.at = at;
    this.live.textContent = `${this.data.names[at]}, ${this.data.words[at]}`;
    const { y } = this.box(at);
    if (y < 0) this.top += y - 2;
    if (y + this.data.row > this.data.height) this.top += y + this.data.row - this.data.height;
    this.draw();
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("pointermove", (e) => this.hover(e));
    canvas.addEventListener("pointerleave", () => (this.tip.style.display = "none"));
    canvas.addEventListener("click", (e) => { const at = this.hit(e); if (at >= 0) { this.choose(at); this.pick(at); } });
    canvas.addEventListener("dblclick", (e) => { const at = this.hit(e); this.focusOn(at >= 0 && at !== this.focus ? at : 0); });
    canvas.addEventListener("wheel", (e) => this.onWheel(e), { passive: false });
    canvas.addEventListener("keydown", (e) => this.onKey(e));
  }

  onWheel(e) {
    const deepest = this.data.depth.reduce((a, b) => Math.max(a, b), 0);
    const most = Math.max((deepest + 1) * this.data.row + 4 - this.data.height, 0);
    const top = Math.min(Math.max(this.top + e.deltaY, 0), most);
    if (top !== this.top) { e.preventDefault(); this.top = top; this.draw(); } // else the page scrolls
  }

  onKey(e) {
    const d = this.data, at = Math.max(this.at, 0), beside = d.parent.flatMap((p, i) => (p === d.parent[at] ? [i] : []));
    const place = beside.indexOf(at);
    const moves = {
      ArrowDown: d.parent.indexOf(at), ArrowUp: d.parent[at], Home: 0,
      ArrowRight: beside[place + 1] ?? at, ArrowLeft: beside[place - 1] ?? at,
    };
    if (e.key in moves) this.choose(moves[e.key] >= 0 ? moves[e.key] : at);
    else if (e.key === "Enter" || e.key === " ") this.pick(at);
    else if (e.key === "+" || e.key === "z") this.focusOn(at);
    else if (e.key === "0" || e.key === "f" || e.key === "Escape") this.focusOn(0);
    else return;
    e.preventDefault();
  }

  hover(e) {
    const at = this.hit(e), tip = this.tip;
    if (at < 0) { tip.style.display = "none"; return; }
    tellAt(tip, [this.data.names[at], this.data.words[at]], e, this);
  }
}
