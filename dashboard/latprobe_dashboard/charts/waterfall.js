// What a person does with the waterfall: scroll, zoom, choose, open. Joined behind waterfall_canvas.js.
export default function ({ data, parentElement, setTriggerValue }) {
  const view = viewIn(parentElement, (frame) => new View(frame));
  view.pick = (index) => setTriggerValue("pick", index);
  view.load(unpack(data));
}

function unpack(bytes) {
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const [length, n] = new Uint32Array(buffer, 0, 2);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  let at = 8 + length;
  const take = (Kind) => {
    const column = new Kind(buffer, at, n);
    at += n * Kind.BYTES_PER_ELEMENT;
    return column;
  };
  return {
    ...head, n, bytes: bytes.byteLength,
    start: take(Float64Array), duration: take(Float64Array), name: take(Uint32Array),
    depth: take(Uint32Array), lane: take(Uint8Array), flags: take(Uint8Array),
  };
}

class View extends Canvas {
  constructor(frame) {
    super();
    this.frame = frame;
    this.buildBar();
    this.canvas = add(frame, "canvas");
    offerPicture(frame, this.canvas, "waterfall");
    this.canvas.tabIndex = 0;
    this.tip = add(frame, "div", "tip");
    this.live = add(frame, "div", "live");
    this.live.setAttribute("aria-live", "polite");
    this.onlyCritical = false;
    this.listen({ pointerleave: () => (this.tip.style.display = "none"), dblclick: () => this.fit() });
    new ResizeObserver(() => this.draw()).observe(frame);
    onThemeChange(frame, () => { this.colors = null; this.map = null; this.draw(); });
  }

  buildBar() {
    const bar = add(this.frame, "div", "bar");
    this.summary = add(bar, "span");
    add(bar, "span", "grow");
    this.toggle = button(bar, "Critical path only", () => this.setOnlyCritical(!this.onlyCritical));
    this.toggle.setAttribute("aria-pressed", "false");
    this.offerZoom(bar, "Show the whole request");
  }

  load(data) {
    const isSame = this.data && this.data.bytes === data.bytes && this.data.total === data.total &&
      this.data.n === data.n && this.data.start.every((v, i) => v === data.start[i]);
    this.data = data;
    this.selected = data.selected;
    this.summary.textContent = data.summary;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `Waterfall: ${data.summary}. Arrow keys choose a span, Enter opens it.`);
    if (!isSame) {
      this.whole();
      this.top = 0;
      this.rowsInView();
    }
    this.map = null;
    this.draw();
  }

  rowsInView() {
    const { n, flags } = this.data;
    this.rows = [];
    for (let i = 0; i < n; i++) if (!this.onlyCritical || flags[i] & CRITICAL) this.rows.push(i);
  }

  setOnlyCritical(value) {
    this.onlyCritical = value;
    this.toggle.setAttribute("aria-pressed", String(value));
    this.rowsInView();
    this.top = 0;
    this.map = null;
    this.draw();
  }

  rowAt(y) {
    const at = Math.floor((y - AXIS - this.mapHeight + this.top) / ROW);
    return y >= AXIS + this.mapHeight && at >= 0 && at < this.rows.length ? at : -1;
  }

  select(i) {
    this.selected = i;
    this.live.textContent = `${this.data.names[this.data.name[i]]}, ${shown(this.data.duration[i])}`;
    this.draw();
  }

  onWheel(e) {
    if (this.wheelsTime(e)) return;
    const top = Math.min(Math.max(this.top + e.deltaY, 0), this.maxTop);
    if (top !== this.top) { e.preventDefault(); this.top = top; this.draw(); } // else the page scrolls
  }

  onDown(e) {
    if (e.button) return;
    this.drag = { x: e.offsetX, y: e.offsetY, from: this.from, top: this.top, moved: false };
    this.canvas.setPointerCapture(e.pointerId);
  }

  onMove(e) {
    const drag = this.drag;
    if (!drag) return this.hover(e);
    const dx = e.offsetX - drag.x, dy = e.offsetY - drag.y;
    if (!drag.moved && Math.abs(dx) + Math.abs(dy) < 5) return;
    drag.moved = true;
    this.tip.style.display = "none";
    this.canvas.style.cursor = "grabbing";
    this.from = drag.from;
    this.top = drag.top - dy;
    this.pan((-dx / this.plotWidth) * this.span);
  }

  onUp(e) {
    const drag = this.drag;
    this.drag = null;
    this.canvas.style.cursor = "default";
    if (!drag || drag.moved) return;
    const at = this.rowAt(e.offsetY);
    if (at >= 0) { this.select(this.rows[at]); this.pick(this.rows[at]); }
  }

  hover(e) {
    const at = this.rowAt(e.offsetY), tip = this.tip;
    if (at < 0) { tip.style.display = "none"; return; }
    const i = this.rows[at], d = this.data;
    const marks = [d.flags[i] & CRITICAL ? "on the critical path" : "", d.flags[i] & FAILED ? "failed" : ""].filter(Boolean);
    const words = `${shown(d.duration[i])}, from ${shown(d.start[i])}${marks.length ? " · " + marks.join(" · ") : ""}`;
    tellAt(tip, [d.names[d.name[i]], words], e, this);
  }

  onKey(e) {
    const page = Math.max(Math.floor((this.height - AXIS - this.mapHeight) / ROW) - 1, 1);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 };
    if (e.key in moves) {
      const at = Math.max(this.rows.indexOf(this.selected), 0) + moves[e.key];
      const next = Math.min(Math.max(at, 0), this.rows.length - 1);
      this.select(this.rows[next]);
      this.top = Math.min(Math.max(this.top, (next + 1) * ROW - (this.height - AXIS - this.mapHeight)), next * ROW);
    } else if (e.key === "Enter" || e.key === " ") this.pick(this.selected);
    else if (e.key === "c") this.setOnlyCritical(!this.onlyCritical);
    else if (!this.keysTime(e.key)) return;
    e.preventDefault();
  }
}
