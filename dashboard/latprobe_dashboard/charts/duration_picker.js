// Requests by how long they took; a drag chooses a range, a click on what is chosen lets it go.
const LEFT = 10, RIGHT = 10, TOP = 20, BOTTOM = 20;

export default function ({ data, parentElement, setTriggerValue }) {
  const view = viewIn(parentElement, (frame) => new Picker(frame));
  view.choose = (ends) => setTriggerValue("range", { ends });
  view.load(data);
}

class Picker {
  constructor(frame) {
    this.frame = frame;
    const bar = add(frame, "div", "bar");
    this.summary = add(bar, "span");
    add(bar, "span", "grow");
    this.shortcuts = add(bar, "span");
    this.canvas = add(frame, "canvas");
    this.canvas.style.cursor = "crosshair";
    this.canvas.setAttribute("role", "img");
    offerPicture(frame, this.canvas, "durations");
    this.tip = add(frame, "div", "tip");
    const canvas = this.canvas;
    canvas.addEventListener("pointerdown", (e) => { this.from = this.to = e.offsetX; canvas.setPointerCapture(e.pointerId); });
    canvas.addEventListener("pointermove", (e) => this.onMove(e));
    canvas.addEventListener("pointerup", (e) => this.onUp(e));
    canvas.addEventListener("pointerleave", () => (this.tip.style.display = "none"));
    onThemeChange(frame, () => { this.colors = null; this.paint(); });
    new ResizeObserver(() => this.paint()).observe(frame);
  }

  load(data) {
    this.data = data;
    this.summary.textContent = data.words;
    this.canvas.setAttribute("aria-label", data.words);
    const [low, high] = data.chosen || [];
    this.shortcuts.replaceChildren(...(data.shortcuts || []).map(({ name, range }) => {
      const button = document.createElement("button");
      const isChosen = range.every((end, i) => (end === null ? data.chosen[i] === null : Math.abs(end - data.chosen[i]) < end * 0.002 + 0.01));
      Object.assign(button, { type: "button", textContent: name, onclick: () => this.choose(range) });
      button.setAttribute("aria-pressed", String(isChosen));
      button.style.marginLeft = "0.4rem";
      return button;
    }));
    this.frame.style.display = data.counts.length ? "" : "none";
    this.paint();
  }

  x(ms) {
    const { low, high } = this.data;
    const part = Math.log(Math.max(ms, low) / low) / Math.log(high / low);
    return LEFT + Math.min(part, 1) * (this.width - LEFT - RIGHT);
  }

  ms(x) {
    const { low, high } = this.data;
    const part = Math.min(Math.max((x - LEFT) / (this.width - LEFT - RIGHT), 0), 1);
    return low * (high / low) ** part;
  }

  paint() {
    const d = this.data;
    this.width = this.frame.clientWidth - 2;
    if (!d || !d.counts.length || this.width <= 0) return;
    this.colors ??= resolved(this.frame, { ink: "var(--ink)", dim: "var(--dim)", line: "var(--line)", pick: "var(--pick)", bar: "light-dark(#2145ac, #608dfb)" });
    const { g } = sized(this.canvas, this.width, d.height);
    g.font = `12px ${getComputedStyle(this.frame).fontFamily}`;
    const [low, high] = this.range();
    const from = low === null ? LEFT : this.x(low), to = high === null ? this.width - RIGHT : this.x(high);
    const all = low === null && high === null, tall = d.height - TOP - BOTTOM;
    if (!all) { g.fillStyle = this.colors.pick; g.fillRect(from, TOP - 4, Math.max(to - from, 1), tall + 4); }
    const top = d.counts.reduce((a, b) => Math.max(a, b), 1), step = (this.width - LEFT - RIGHT) / d.counts.length;
    d.counts.forEach((count, at) => {
      const left = LEFT + at * step, high = count ? Math.max((count / top) * tall, 1.5) : 0;
      g.globalAlpha = left + step > from + 0.5 && left < to - 0.5 ? 1 : 0.3;
      g.fillStyle = this.colors.bar;
      g.fillRect(left + 0.5, TOP + tall - high, Math.max(step - 1, 1), high);
    });
    g.globalAlpha = 1;
    d.marks.forEach((mark) => this.mark(g, mark, tall));
    nameMarks(g, d.marks.map(({ name, ms }) => [name, this.x(ms)]), TOP - 11, this.width, this.colors.dim);
    this.ends(g, d, tall);
    this.canvas.dataset.bins = String(d.counts.length);
  }

  range() {
    if (this.from === undefined || Math.abs(this.to - this.from) < 4) return this.data.chosen;
    return [this.ms(Math.min(this.from, this.to)), this.ms(Math.max(this.from, this.to))];
  }

  mark(g, { ms }, tall) {
    const x = Math.round(this.x(ms)) + 0.5;
    g.strokeStyle = this.colors.ink;
    g.setLineDash([2, 3]);
    g.beginPath();
    g.moveTo(x, TOP - 4);
    g.lineTo(x, TOP + tall);
    g.stroke();
    g.setLineDash([]);
  }

  ends(g, d, tall) {
    g.fillStyle = this.colors.dim;
    const y = TOP + tall + 11, wide = this.width - LEFT - RIGHT, marks = Math.max(Math.floor(wide / 120), 1);
    for (let at = 0; at <= marks; at++) {
      g.textAlign = at === 0 ? "left" : at === marks ? "right" : "center";
      g.fillText(shown(this.ms(LEFT + (at / marks) * wide)), LEFT + (at / marks) * wide, y);
    }
  }

  onMove(e) {
    if (this.from !== undefined) { this.to = e.offsetX; this.paint(); }
    const [low, high] = this.from === undefined ? [this.ms(e.offsetX), null] : this.range();
    this.tip.textContent = this.from === undefined || low === null ? shown(this.ms(e.offsetX)) : `${shown(low)} to ${shown(high)}`;
    this.tip.style.display = "block";
    this.tip.style.left = `${Math.min(e.offsetX + 12, this.width - this.tip.offsetWidth - 8)}px`;
    this.tip.style.top = `${this.canvas.offsetTop + TOP}px`;
  }

  onUp() {
    if (this.from === undefined) return;
    const isDrag = Math.abs(this.to - this.from) >= 4, ends = isDrag ? this.range() : [null, null];
    this.from = this.to = undefined;
    if (isDrag || this.data.chosen.some((end) => end !== null)) this.choose(ends);
    this.paint();
  }
}
