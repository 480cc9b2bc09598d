// What a person does with it: zoom, pan, read a moment, open a request. Joined behind the drawing.
const views = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let view = views.get(parentElement);
  if (!view) views.set(parentElement, (view = new Timeline(parentElement.querySelector(".frame"))));
  view.pick = (index) => setTriggerValue("pick", index);
  view.goTo = (ms) => setTriggerValue("moment", ms);
  view.load(data);
}

class Timeline extends Drawing {
  constructor(frame) {
    super();
    this.frame = frame;
    this.cursor = null;
    this.hovered = -1;
    this.strap = add(frame, "div", "bar");
    this.canvas = add(frame, "canvas");
    this.canvas.tabIndex = 0;
    this.tip = add(frame, "div", "tip");
    this.listen();
    new ResizeObserver(() => this.draw()).observe(frame);
    onThemeChange(frame, () => { this.colors = null; this.draw(); });
    addEventListener("latprobe-view", (event) => this.follow(event.detail));
  }

  load(data) {
    const isSame = this.data && this.data.origin_ms === data.origin_ms && this.data.total === data.total;
    this.data = data;
    for (const panel of data.panels) panel.max = niceTop(panel.value);
    if (!isSame) { this.from = 0; this.span = Math.max(data.total, 1e-6); this.top = 0; }
    this.buildBar();
    const words = data.follows ? "GPU and host counters during this request" : `${data.spans.start.length} spans with the GPU's counters`;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `${words}. Arrow keys pan, plus and minus zoom.`);
    this.draw();
  }

  buildBar() {
    this.strap.style.display = this.data.follows ? "none" : "";
    if (this.data.follows || this.strap.childElementCount) { if (this.words) this.words.textContent = this.said(); return; }
    this.words = add(this.strap, "span");
    this.words.textContent = this.said();
    add(this.strap, "span", "grow");
    button(this.strap, "‹ Earlier", () => this.goTo(-this.data.total * 0.5));
    button(this.strap, "Later ›", () => this.goTo(this.data.total * 1.5));
    button(this.strap, "−", () => this.zoom(1.5, 0.5), "Zoom out");
    button(this.strap, "+", () => this.zoom(1 / 1.5, 0.5), "Zoom in");
    button(this.strap, "Fit", () => this.fit(), "Show the whole moment");
    offerPicture(this.frame, this.canvas, "gpu-timeline");
  }

  said() { return this.data.words ?? ""; }

  // The Trace page's waterfall says what it shows; its counters show the same.
  follow(view) {
    if (!this.data?.follows || view.key !== this.data.follows) return;
    this.from = view.from;
    this.span = view.span;
    this.draw();
  }

  fit() { this.from = 0; this.span = Math.max(this.data.total, 1e-6); this.draw(); }

  zoom(factor, at) {
    const total = Math.max(this.data.total, 1e-6);
    const span = Math.min(Math.max(this.span * factor, total / 1e5), total);
    this.from += (this.span - span) * at;
    this.span = span;
    this.pan(0);
  }

  pan(ms) {
    this.from = Math.min(Math.max(this.from + ms, 0), Math.max(this.data.total - this.span, 0));
    this.draw();
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("wheel", (e) => this.onWheel(e), { passive: false });
    canvas.addEventListener("pointerdown", (e) => this.onDown(e));
    canvas.addEventListener("pointermove", (e) => this.onMove(e));
    canvas.addEventListener("pointerup", (e) => this.onUp(e));
    canvas.addEventListener("pointerleave", () => this.leave());
    canvas.addEventListener("dblclick", () => !this.data.follows && this.fit());
    canvas.addEventListener("keydown", (e) => this.onKey(e));
  }

  leave() {
    this.cursor = null;
    this.hovered = -1;
    this.tip.style.display = "none";
    this.draw();
  }

  onWheel(e) {
    if (this.data.follows) return;
    if (e.ctrlKey || e.metaKey) {
      e.preventDefault();
      this.zoom(Math.exp(e.deltaY * 0.002), Math.min(Math.max((e.offsetX - this.left) / this.plotWidth, 0), 1));
    } else if (Math.abs(e.deltaX) > Math.abs(e.deltaY) || e.shiftKey) {
      e.preventDefault();
      this.pan(((e.deltaX || e.deltaY) / this.plotWidth) * this.span);
    } else if (e.offsetY > this.stagesTop && e.offsetY < this.workTop) {
      const top = Math.min(Math.max(this.top + Math.sign(e.deltaY), 0), this.rows - this.shownRows);
      if (top !== this.top) { e.preventDefault(); this.top = top; this.draw(); }
    }
  }

  onDown(e) {
    if (e.button || this.data.follows) return;
    this.drag = { x: e.offsetX, y: e.offsetY, from: this.from, moved: false };
    this.canvas.setPointerCapture(e.pointerId);
  }

  onMove(e) {
    const drag = this.drag;
    if (!drag) return this.hover(e);
    if (!drag.moved && Math.abs(e.offsetX - drag.x) < 5) return;
    drag.moved = true;
    if (this.inStrip(drag.y)) return;
    this.tip.style.display = "none";
    this.canvas.style.cursor = "grabbing";
    this.from = drag.from;
    this.pan((-(e.offsetX - drag.x) / this.plotWidth) * this.span);
  }

  onUp(e) {
    const drag = this.drag;
    this.drag = null;
    this.canvas.style.cursor = "";
    if (!drag) return;
    if (this.inStrip(drag.y)) return this.goTo(this.stripMs(e.offsetX));
    if (drag.moved) return;
    const index = this.spanAt(e.offsetX, e.offsetY);
    if (index >= 0) this.pick(index);
  }

  inStrip(y) { return Boolean(this.data.strip) && y < STRIP; }

  stripMs(x) {
    const s = this.data.strip;
    return s.from + Math.min(Math.max((x - this.left) / this.plotWidth, 0), 1) * s.span;
  }

  spanAt(x, y) {
    if (x < this.left || y < this.stagesTop || y >= this.stagesTop + this.shownRows * ROW) return -1;
    const row = Math.floor((y - this.stagesTop) / ROW) + this.top, s = this.data.spans, slack = (2 / this.plotWidth) * this.span, ms = this.ms(x);
    for (let i = s.start.length - 1; i >= 0; i--)
      if (s.row[i] === row && ms >= s.start[i] - slack && ms <= s.start[i] + s.took[i] + slack) return i;
    return -1;
  }

  hover(e) {
    const inPlot = e.offsetX >= this.left && e.offsetX <= this.left + this.plotWidth;
    this.cursor = inPlot && e.offsetY > this.stagesTop ? e.offsetX : null;
    this.hovered = this.spanAt(e.offsetX, e.offsetY);
    this.canvas.style.cursor = this.hovered >= 0 || this.inStrip(e.offsetY) ? "pointer" : "";
    const said = this.wordsAt(e);
    this.tip.style.display = said ? "block" : "none";
    if (said) this.place(said, e);
    this.draw();
  }

  wordsAt(e) {
    const d = this.data, ms = this.ms(e.offsetX);
    if (this.inStrip(e.offsetY)) return ["Click to look at this moment", ""];
    if (this.hovered >= 0) {
      const i = this.hovered, s = d.spans;
      return [d.names[s.name[i]], `${shown(s.took[i])}, from +${shown(s.start[i])} · click: open this request`];
    }
    if (this.cursor !== null && this.hasWork && e.offsetY >= this.workTop && e.offsetY < this.workTop + WORK) {
      const within = (each) => ms >= each.start && ms <= each.start + each.took;
      const work = d.work.find(within), gap = d.gaps.find(within);
      if (work) return [work.name, `${work.words} · ${shown(work.took)}`];
      if (gap) return ["The GPU had no work", `for ${shown(gap.took)}: ${gap.words}`];
    }
    const panel = d.panels[Math.floor((e.offsetY - this.panelsTop) / (PANEL + SPACE))];
    if (!panel || e.offsetY < this.panelsTop) return null;
    if (this.cursor === null) return [panel.label, panel.hint];
    const value = at(panel, ms);
    return [`${panel.label} ${value === null ? "not read here" : `${figure(value)} ${panel.unit}`}`, panel.hint];
  }

  place([head, text], e) {
    const name = document.createElement("b"), more = document.createElement("span");
    name.textContent = head;
    more.textContent = text;
    this.tip.replaceChildren(name, more);
    const top = this.canvas.offsetTop + e.offsetY + 16;
    this.tip.style.left = `${Math.max(Math.min(e.offsetX + 14, this.width - this.tip.offsetWidth - 8), 4)}px`;
    this.tip.style.top = `${top + this.tip.offsetHeight > this.frame.clientHeight ? top - this.tip.offsetHeight - 26 : top}px`;
  }

  onKey(e) {
    if (this.data.follows) return;
    if (e.key === "ArrowLeft" || e.key === "ArrowRight") this.pan((e.key === "ArrowLeft" ? -0.1 : 0.1) * this.span);
    else if (e.key === "+" || e.key === "=") this.zoom(1 / 1.5, 0.5);
    else if (e.key === "-") this.zoom(1.5, 0.5);
    else if (e.key === "0" || e.key === "f") this.fit();
    else return;
    e.preventDefault();
  }
}

function niceTop(values) {
  const top = values.reduce((most, value) => Math.max(most, value), 0);
  if (!top) return 1;
  const step = niceStep(top / 4);
  return step * Math.ceil((top * 1.001) / step);
}

function button(parent, text, act, label) {
  const element = add(parent, "button");
  element.type = "button";
  element.textContent = text;
  if (label) { element.title = label; element.setAttribute("aria-label", label); }
  element.addEventListener("click", act);
  return element;
}
