// How a moment is drawn: the window in small, stages, the GPU's work with its gaps, the counters.
const STRIP = 40, AXIS = 24, ROW = 20, WORK = 26, PANEL = 46, SPACE = 10, FONT = 12;

class Drawing extends Zoomed {
  palette() {
    return super.palette(["line", "zebra", "panel", "ink", "dim", "pick", "gpu", "fill", "soft", "softfill", "hatch", "white"]);
  }

  // Under a waterfall the two plots must be one above the other, so the left edge is its own.
  get left() { return this.data.follows ? Math.min(270, this.width * 0.36) + 8 : Math.min(168, this.width * 0.28); }
  get hasAxis() { return !this.data.follows || Boolean(this.isPicture); }
  get rows() { return this.data.lanes.reduce((sum, lane) => sum + lane.rows, 0); }
  get shownRows() { return Math.min(this.rows, this.data.max_rows); }
  get stripTop() { return 0; }
  get axisTop() { return this.data.strip ? STRIP + 6 : 0; }
  get stagesTop() { return this.axisTop + (this.hasAxis ? AXIS : 4); }
  get workTop() { return this.stagesTop + this.shownRows * ROW + (this.rows ? 8 : 0); }
  get panelsTop() { return this.workTop + (this.hasWork ? WORK + SPACE : 0); }
  get hasWork() { return this.data.work.length + this.data.gaps.length > 0; }
  get tall() { return this.panelsTop + this.data.panels.length * (PANEL + SPACE) + 4; }

  paint() {
    this.width = this.frame.clientWidth;
    if (!this.width) return;
    const { g } = sized(this.canvas, this.width, this.tall);
    const c = this.palette();
    this.font = getComputedStyle(this.frame).fontFamily;
    g.font = `${FONT}px ${this.font}`;
    if (this.data.strip) this.paintStrip(g, c);
    if (this.hasAxis) this.paintAxis(g, c);
    this.paintGrid(g, c);
    this.clipped(g, this.stagesTop, this.shownRows * ROW, () => this.paintStages(g, c));
    this.paintLaneNames(g, c);
    if (this.hasWork) this.paintWork(g, c);
    this.data.panels.forEach((panel, at) => this.paintPanel(g, c, panel, this.panelsTop + at * (PANEL + SPACE)));
    if (this.cursor !== null) this.paintCursor(g, c);
    this.canvas.dataset.panels = String(this.data.panels.length);
    this.canvas.dataset.span = String(this.span);
  }

  clipped(g, top, height, paint) {
    g.save();
    g.beginPath();
    g.rect(this.left, top, this.plotWidth, height);
    g.clip();
    paint();
    g.restore();
  }

  paintStrip(g, c) {
    const s = this.data.strip, wide = this.plotWidth / s.values.length;
    g.fillStyle = c.panel;
    g.fillRect(0, 0, this.width, STRIP);
    this.label(g, c, s.label, "whole window", STRIP / 2);
    g.fillStyle = c.gpu;
    g.globalAlpha = 0.55;
    s.values.forEach((value, at) => {
      if (value === null) return;
      const high = Math.max((Math.min(value, 100) / 100) * (STRIP - 6), 1);
      g.fillRect(this.left + at * wide, STRIP - high, Math.max(wide, 1), high);
    });
    g.globalAlpha = 1;
    const at = this.left + ((this.from - s.from) / s.span) * this.plotWidth;
    const w = Math.max((this.span / s.span) * this.plotWidth, 4);
    g.strokeStyle = c.ink;
    g.lineWidth = 1.5;
    g.strokeRect(Math.round(at) - 0.5, 1.5, w + 1, STRIP - 3);
  }

  paintAxis(g, c) {
    const y = this.axisTop + AXIS / 2;
    g.fillStyle = c.dim;
    g.textAlign = "left";
    const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: this.span < 2e4 ? 1 : undefined, hour12: false });
    g.fillText(clock.format(this.data.origin_ms + this.from), 10, y);
    this.paintTicks(g, y, "+");
  }

  paintGrid(g, c) {
    g.strokeStyle = c.line;
    g.lineWidth = 1;
    g.globalAlpha = 0.7;
    g.beginPath();
    for (const tick of this.ticks()) {
      const x = Math.round(this.x(tick)) + 0.5;
      g.moveTo(x, this.stagesTop);
      g.lineTo(x, this.tall);
    }
    g.stroke();
    g.globalAlpha = 1;
  }

  paintStages(g, c) {
    const s = this.data.spans, end = this.from + this.span;
    for (let i = 0; i < s.start.length; i++) {
      const y = this.stagesTop + (s.row[i] - this.top) * ROW;
      if (s.start[i] > end || s.start[i] + s.took[i] < this.from || y < this.stagesTop - ROW || s.row[i] - this.top >= this.data.max_rows) continue;
      this.paintBar(g, c, s.start[i], s.took[i], y + 2, ROW - 4, c.lanes[s.hue[i]], this.data.names[s.name[i]], i === this.hovered);
      if (s.failed[i]) { g.strokeStyle = c.error; g.lineWidth = 2; g.stroke(); }
    }
  }

  // A bar keeps its name in view while part of it is.
  paintBar(g, c, start, took, y, high, color, name, isHovered) {
    const x = this.x(start), wide = Math.max((took / this.span) * this.plotWidth - 0.5, 1.5);
    g.fillStyle = color;
    g.globalAlpha = isHovered ? 0.8 : 1;
    g.beginPath();
    g.roundRect(x, y, wide, high, wide > 6 ? 3 : 0);
    g.fill();
    g.globalAlpha = 1;
    const from = Math.max(x, this.left) + 5, room = Math.min(x + wide, this.left + this.plotWidth) - from - 3;
    if (room < 16) return;
    g.fillStyle = inkOn(color);
    g.font = `11px ${this.font}`;
    g.textAlign = "left";
    g.fillText(fitted(g, name, room), from, y + high / 2 + 0.5);
    g.font = `${FONT}px ${this.font}`;
  }

  paintLaneNames(g, c) {
    let row = -this.top;
    for (const lane of this.data.lanes) {
      const y = this.stagesTop + Math.max(row, 0) * ROW;
      if (row + lane.rows > 0 && row < this.data.max_rows) this.label(g, c, lane.label, "", y + ROW / 2, c.ink);
      row += lane.rows;
    }
  }

  paintWork(g, c) {
    const y = this.workTop, d = this.data;
    this.label(g, c, "On the GPU", d.work_label, y + WORK / 2);
    this.clipped(g, y, WORK, () => {
      for (const each of d.gaps) this.hatched(g, c, each, y);
      for (const each of d.work) {
        const x = this.x(each.start), wide = Math.max((each.took / this.span) * this.plotWidth - 0.5, 1.5);
        if (x > this.width || x + wide < this.left) continue;
        const color = c.lanes[each.hue];
        g.fillStyle = c.softfill;
        g.fillRect(x, y, wide, WORK);
        g.fillStyle = color;
        const high = each.share === null ? 3 : Math.max(WORK * Math.min(each.share, 1), 2);
        g.fillRect(x, y + WORK - high, wide, high);
        if (wide < 34) continue;
        g.textAlign = "left";
        g.fillStyle = each.share !== null && each.share > 0.7 ? inkOn(color) : c.ink;
        g.font = `11px ${this.font}`;
        g.fillText(each.share === null ? "?" : `${(each.share * 100).toFixed(0)} %`, Math.max(x, this.left) + 5, y + WORK / 2);
        g.font = `${FONT}px ${this.font}`;
      }
    });
  }

  hatched(g, c, gap, y) {
    const x = this.x(gap.start), wide = Math.max((gap.took / this.span) * this.plotWidth, 1);
    if (x > this.width || x + wide < this.left) return;
    g.save();
    g.beginPath();
    g.rect(x, y, wide, WORK);
    g.clip();
    g.strokeStyle = c.hatch;
    g.lineWidth = 1;
    g.beginPath();
    const from = Math.max(x, this.left) - WORK, to = Math.min(x + wide, this.width);
    for (let at = from - (from % 7); at < to; at += 7) { g.moveTo(at, y + WORK); g.lineTo(at + WORK, y); }
    g.stroke();
    const words = shown(gap.took), room = g.measureText(words).width + 8;
    if (wide > room + 4) {
      const middle = (Math.max(x, this.left) + Math.min(x + wide, this.left + this.plotWidth)) / 2;
      g.fillStyle = c.white;
      g.fillRect(middle - room / 2, y + 5, room, WORK - 10);
      g.fillStyle = c.ink;
      g.textAlign = "center";
      g.fillText(words, middle, y + WORK / 2 + 0.5);
    }
    g.restore();
  }

  paintPanel(g, c, panel, top) {
    const max = panel.top ?? panel.max, floor = top + PANEL;
    const value = this.cursor === null ? null : at(panel, this.ms(this.cursor));
    const mean = value === null ? meanOf(panel, this.from, this.from + this.span) : value;
    this.label(g, c, panel.label, mean === null ? "nothing read" : `${figure(mean)} ${panel.unit}${value === null ? " mean" : ""}`, top + PANEL / 2);
    g.strokeStyle = c.line;
    g.lineWidth = 1;
    g.beginPath();
    g.moveTo(this.left, Math.round(floor) + 0.5);
    g.lineTo(this.left + this.plotWidth, Math.round(floor) + 0.5);
    g.stroke();
    this.clipped(g, top, PANEL, () => this.paintSteps(g, c, panel, top, max));
    g.fillStyle = c.dim;
    g.textAlign = "right";
    g.font = `10px ${this.font}`;
    g.fillText(`${figure(max)}`, this.left - 5, top + 5);
    g.font = `${FONT}px ${this.font}`;
  }

  // A reading is the mean of the time before it: a step as wide as that time.
  paintSteps(g, c, panel, top, max) {
    const floor = top + PANEL, y = (value) => floor - (Math.min(value, max) / (max || 1)) * (PANEL - 2);
    const end = this.from + this.span;
    g.fillStyle = panel.is_bound ? c.softfill : c.fill;
    g.strokeStyle = panel.is_bound ? c.soft : c.gpu;
    g.lineWidth = 1.5;
    g.beginPath();
    let last = null;
    for (let i = 0; i < panel.end.length; i++) {
      const from = panel.end[i] - panel.long[i];
      if (panel.end[i] < this.from || from > end) continue;
      const x0 = this.x(from), x1 = this.x(panel.end[i]), high = y(panel.value[i]);
      g.fillRect(x0, high, x1 - x0, floor - high);
      if (last === null || x0 - last > 1.5) g.moveTo(x0, high);
      else g.lineTo(x0, high);
      g.lineTo(x1, high);
      last = x1;
    }
    g.stroke();
  }

  label(g, c, name, figures, y, color) {
    g.textAlign = "left";
    g.fillStyle = color ?? c.ink;
    const room = this.left - 40;
    if (!figures) { g.fillText(fitted(g, name, this.left - 18), 10, y); return; }
    g.fillText(fitted(g, name, room), 10, y - 8);
    g.fillStyle = c.dim;
    g.fillText(fitted(g, figures, room), 10, y + 8);
  }

  paintCursor(g, c) {
    g.strokeStyle = c.dim;
    g.lineWidth = 1;
    g.beginPath();
    g.moveTo(Math.round(this.cursor) + 0.5, this.stagesTop);
    g.lineTo(Math.round(this.cursor) + 0.5, this.tall);
    g.stroke();
  }
}

// The reading whose window holds the moment; null in a pause.
function at(panel, ms) {
  for (let i = 0; i < panel.end.length; i++)
    if (panel.end[i] >= ms) return ms >= panel.end[i] - panel.long[i] ? panel.value[i] : null;
  return null;
}

function meanOf(panel, from, to) {
  let sum = 0, time = 0;
  for (let i = 0; i < panel.end.length; i++) {
    const long = Math.min(panel.end[i], to) - Math.max(panel.end[i] - panel.long[i], from);
    if (long > 0) { sum += long * panel.value[i]; time += long; }
  }
  return time ? sum / time : null;
}

function figure(value) {
  const size = Math.abs(value);
  return size >= 99.95 || value === 0 ? value.toFixed(0) : size >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}
