// How a request is drawn: only the rows and the stretch of time that are in view.
const ROW = 22, AXIS = 26, MAP = 26, INDENT = 12, FONT = 12;
const CRITICAL = 1, FAILED = 2;

class Canvas extends Zoomed {
  palette() { return super.palette(["line", "zebra", "panel", "ink", "dim", "pick", "path"]); }

  get nameWidth() { return Math.min(270, this.width * 0.36); }
  get left() { return this.nameWidth + 8; }
  get maxTop() { return Math.max(this.rows.length * ROW - (this.height - AXIS - this.mapHeight), 0); }
  get mapHeight() { return this.rows.length * ROW > this.data.height ? MAP : 0; }

  paint() {
    this.width = this.frame.clientWidth;
    if (!this.width) return;
    this.height = this.data.height;
    const { g, isNew } = sized(this.canvas, this.width, this.height);
    if (isNew) this.map = null;
    const c = this.palette();
    this.top = Math.min(Math.max(this.top, 0), this.maxTop);
    g.font = `${FONT}px ${getComputedStyle(this.frame).fontFamily}`;
    this.paintRows(g, c);
    this.paintAxis(g, c);
    this.paintMap(g, c);
    this.canvas.dataset.rows = String(this.rows.length);
    // The counters under it show the same stretch of time.
    dispatchEvent(new CustomEvent("latprobe-view", { detail: { key: "waterfall", from: this.from, span: this.span } }));
  }

  paintRows(g, c) {
    const y0 = AXIS + this.mapHeight;
    const first = Math.floor(this.top / ROW);
    const last = Math.min(this.rows.length, Math.ceil((this.top + this.height - y0) / ROW));
    for (let at = first; at < last; at++) {
      const y = y0 + at * ROW - this.top;
      const i = this.rows[at];
      if (i === this.selected) { g.fillStyle = c.pick; g.fillRect(0, y, this.width, ROW); }
      else if (at % 2) { g.fillStyle = c.zebra; g.fillRect(0, y, this.width, ROW); }
    }
    this.paintGrid(g, c, y0);
    for (let at = first; at < last; at++) this.paintSpan(g, c, this.rows[at], y0 + at * ROW - this.top);
  }

  paintSpan(g, c, i, y) {
    const d = this.data, isFailed = d.flags[i] & FAILED, isCritical = d.flags[i] & CRITICAL;
    const middle = y + ROW / 2;
    const time = shown(d.duration[i]);
    g.textAlign = "right";
    g.fillStyle = c.dim;
    g.fillText(time, this.nameWidth - 2, middle);
    const indent = 10 + Math.min(d.depth[i], 12) * INDENT;
    g.textAlign = "left";
    g.fillStyle = isFailed ? c.error : c.ink;
    g.fillText(fitted(g, d.names[d.name[i]], this.nameWidth - indent - g.measureText(time).width - 14), indent, middle);
    g.save();
    g.beginPath();
    g.rect(this.left - 1, y, this.plotWidth + 2, ROW);
    g.clip();
    const left = this.x(d.start[i]), wide = Math.max((d.duration[i] / this.span) * this.plotWidth, 2);
    g.fillStyle = c.lanes[d.lane[i]];
    g.beginPath();
    g.roundRect(left, y + 4, wide, ROW - 10, wide > 6 ? 2 : 0);
    g.fill();
    if (isFailed) { g.strokeStyle = c.error; g.lineWidth = 2; g.stroke(); }
    if (isCritical) { g.fillStyle = c.path; g.fillRect(left, y + ROW - 5, wide, 2); }
    g.restore();
  }

  paintGrid(g, c, y0) {
    g.strokeStyle = c.line;
    g.lineWidth = 1;
    g.beginPath();
    for (const tick of this.ticks()) {
      const x = Math.round(this.x(tick)) + 0.5;
      g.moveTo(x, y0);
      g.lineTo(x, this.height);
    }
    g.moveTo(this.nameWidth + 4.5, y0);
    g.lineTo(this.nameWidth + 4.5, this.height);
    g.stroke();
  }

  paintAxis(g, c) {
    g.fillStyle = c.panel;
    g.fillRect(0, 0, this.width, AXIS);
    g.fillStyle = c.dim;
    g.textAlign = "left";
    g.fillText("Span", 10, AXIS / 2);
    g.textAlign = "right";
    g.fillText("duration", this.nameWidth - 2, AXIS / 2);
    this.paintTicks(g, AXIS / 2);
  }

  // The whole request in a strip; the frame in it is what is in view.
  paintMap(g, c) {
    const h = this.mapHeight;
    if (!h) return;
    g.fillStyle = c.panel;
    g.fillRect(0, AXIS, this.width, h);
    if (!this.map) this.map = this.renderMap(c, h);
    g.drawImage(this.map, this.left, AXIS, this.plotWidth, h);
    const left = this.left + (this.from / this.data.total) * this.plotWidth;
    const tall = h * Math.min((this.height - AXIS - h) / (this.rows.length * ROW), 1);
    const y = AXIS + (this.top / (this.rows.length * ROW)) * h;
    g.strokeStyle = c.ink;
    g.lineWidth = 1;
    g.strokeRect(left + 0.5, y + 0.5, Math.max((this.span / this.data.total) * this.plotWidth - 1, 3), Math.max(tall, 3));
  }

  renderMap(c, h) {
    const map = document.createElement("canvas");
    const ratio = devicePixelRatio || 1;
    map.width = this.plotWidth * ratio;
    map.height = h * ratio;
    const m = map.getContext("2d"), d = this.data;
    this.rows.forEach((i, at) => {
      m.fillStyle = c.lanes[d.lane[i]];
      const y = (at / this.rows.length) * map.height;
      m.fillRect((d.start[i] / d.total) * map.width, y, Math.max((d.duration[i] / d.total) * map.width, 1), Math.max(map.height / this.rows.length, 1));
    });
    return map;
  }
}
