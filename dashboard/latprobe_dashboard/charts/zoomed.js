// A canvas on a time axis that zooms and pans. The class that extends this one has the data with its
// `total` in ms, the frame, the canvas, `left`, where the plot begins, and the paint.
class Zoomed {
  get plotWidth() { return Math.max(this.width - this.left - 14, 40); }
  x(ms) { return this.left + ((ms - this.from) / this.span) * this.plotWidth; }
  ms(x) { return this.from + ((x - this.left) / this.plotWidth) * this.span; }

  palette(names) {
    if (this.colors) return this.colors;
    const css = Object.fromEntries(names.map((name) => [name, `var(--${name})`]));
    this.data.hues.forEach((hue, at) => (css[at] = hue));
    this.colors = resolved(this.frame, { ...css, error: this.data.error });
    this.colors.lanes = this.data.hues.map((_, at) => this.colors[at]);
    return this.colors;
  }

  draw() {
    if (this.pending || !this.data) return;
    this.pending = requestAnimationFrame(() => { this.pending = 0; this.paint(); });
  }

  ticks() {
    const step = niceTimeStep(this.span / Math.max(this.plotWidth / 95, 2));
    const ticks = [];
    for (let t = Math.ceil(this.from / step) * step; t <= this.from + this.span; t += step) ticks.push(t);
    return ticks;
  }

  // The names of the ticks that there is room for.
  paintTicks(g, y, sign = "") {
    for (const tick of this.ticks()) {
      const x = this.x(tick);
      if (x > this.width - 30 || x < this.left - 1) continue;
      g.textAlign = x < this.left + 20 ? "left" : "center";
      g.fillText(sign + tickWords(tick, this.data.total), x, y);
    }
  }

  whole() { this.from = 0; this.span = Math.max(this.data.total, 1e-6); }

  fit() { this.whole(); this.draw(); }

  zoom(factor, at) {
    const total = Math.max(this.data.total, 1e-6);
    const span = Math.min(Math.max(this.span * factor, total / 1e6), total);
    this.from += (this.span - span) * at;
    this.span = span;
    this.pan(0);
  }

  pan(ms) {
    this.from = Math.min(Math.max(this.from + ms, 0), Math.max(this.data.total - this.span, 0));
    this.draw();
  }

  // What the wheel does to the time; false where it is not meant.
  wheelsTime(e) {
    if (e.ctrlKey || e.metaKey) this.zoom(Math.exp(e.deltaY * 0.002), Math.min(Math.max((e.offsetX - this.left) / this.plotWidth, 0), 1));
    else if (Math.abs(e.deltaX) > Math.abs(e.deltaY) || e.shiftKey) this.pan(((e.deltaX || e.deltaY) / this.plotWidth) * this.span);
    else return false;
    e.preventDefault();
    return true;
  }

  // What a key does to the time; false where it is another key.
  keysTime(key) {
    if (key === "ArrowLeft" || key === "ArrowRight") this.pan((key === "ArrowLeft" ? -0.1 : 0.1) * this.span);
    else if (key === "+" || key === "=") this.zoom(1 / 1.5, 0.5);
    else if (key === "-") this.zoom(1.5, 0.5);
    else if (key === "0" || key === "f") this.fit();
    else return false;
    return true;
  }

  offerZoom(bar, whole) {
    button(bar, "−", () => this.zoom(1.5, 0.5), "Zoom out");
    button(bar, "+", () => this.zoom(1 / 1.5, 0.5), "Zoom in");
    button(bar, "Fit", () => this.fit(), whole);
  }

  listen(handlers) {
    this.canvas.addEventListener("wheel", (e) => this.onWheel(e), { passive: false });
    this.canvas.addEventListener("pointerdown", (e) => this.onDown(e));
    this.canvas.addEventListener("pointermove", (e) => this.onMove(e));
    this.canvas.addEventListener("pointerup", (e) => this.onUp(e));
    this.canvas.addEventListener("keydown", (e) => this.onKey(e));
    for (const [name, act] of Object.entries(handlers)) this.canvas.addEventListener(name, act);
  }
}

// A tick's words: no digits that say nothing, one unit for the whole axis.
function tickWords(ms, total) {
  const [size, unit] = total >= 120e3 ? [60e3, "min"] : total >= 2e3 ? [1e3, "s"] : total >= 2 ? [1, "ms"] : [1e-3, "µs"];
  return `${Number((ms / size).toPrecision(6))} ${unit}`;
}

// As much of the text as fits; nothing where that would say nothing.
function fitted(g, text, width) {
  if (width < 8) return "";
  if (g.measureText(text).width <= width) return text;
  let low = 0, high = text.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (g.measureText(text.slice(0, middle) + "…").width <= width) low = middle;
    else high = middle - 1;
  }
  return low < 2 ? "" : text.slice(0, low) + "…";
}

function button(parent, text, act, label) {
  const element = add(parent, "button");
  element.type = "button";
  element.textContent = text;
  if (label) { element.title = label; element.setAttribute("aria-label", label); }
  element.addEventListener("click", act);
  return element;
}
