// What a person does with it: zoom, pan, read a moment, open a request. Joined behind the drawing.
export default function ({ data, parentElement, setTriggerValue }) {
  const view = viewIn(parentElement, (frame) => new Timeline(frame));
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
    this.listen({ pointerleave: () => this.leave(), dblclick: () => !this.data.follows && this.fit() });
    new ResizeObserver(() => this.draw()).observe(frame);
    onThemeChange(frame, () => { this.colors = null; this.draw(); });
    addEventListener("latprobe-view", (event) => this.follow(event.detail));
  }

  load(data) {
    const isSame = this.data && this.data.origin_ms === data.origin_ms && this.data.total === data.total;
    this.data = data;
    for (const panel of data.panels) panel.max = niceTop(panel.value);
    if (!isSame) { this.whole(); this.top = 0; }
    this.buildBar();
    const words = data.follows ? "GPU and host counters during this request" : `${data.spans.start.length} spans with the GPU's counters`;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `${words}. Arrow keys pan, plus and minus zoom.`);
    this.draw();
  }

  buildBar() {
    if (!this.words) this.fillBar();
    this.words.textContent = this.data.words;
  }

  fillBar() {
    this.words = add(this.strap, "span");
    add(this.strap, "span", "grow");
    if (!this.data.follows) {
      button(this.strap, "‹ Earlier", () => this.goTo(-this.data.total * 0.5));
      button(this.strap, "Later ›", () => this.goTo(this.data.total * 1.5));
      this.offerZoom(this.strap, "Show the whole moment");
    }
    const name = this.data.follows ? "counters" : "gpu-timeline";
    offerPicture(this.frame, this.canvas, name, { file: () => this.data.file, paint: (save) => this.pictured(save) });
  }

  // Under a waterfall the time axis is the waterfall's; a picture has its own.
  pictured(save) {
    this.isPicture = true;
    this.paint();
    save();
    this.isPicture = false;
    this.paint();
  }

  // The Trace page's waterfall says what it shows; its counters show the same.
  follow(view) {
    if (!this.data?.follows || view.key !== this.data.follows) return;
    this.from = view.from;
    this.span = view.span;
    this.draw();
  }

  leave() {
    this.cursor = null;
    this.hovered = -1;
    this.tip.style.display = "none";
    this.draw();
  }

  onWheel(e) {
    if (this.data.follows || this.wheelsTime(e)) return;
    if (e.offsetY > this.stagesTop && e.offsetY < this.workTop) {
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
    if (said) tellAt(this.tip, said, e, this);
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

  onKey(e) {
    if (!this.data.follows && this.keysTime(e.key)) e.preventDefault();
  }
}

function niceTop(values) {
  const top = values.reduce((most, value) => Math.max(most, value), 0);
  if (!top) return 1;
  const step = niceStep(top / 4);
  return step * Math.ceil((top * 1.001) / step);
}
