// A canvas with a tip that is painted again with new data, another size or the other theme. What is
// drawn is the paint and the hover of the class that extends this one, within its file's LEFT, RIGHT,
// TOP and BOTTOM.
class Chart {
  constructor(frame, name) {
    this.frame = frame;
    this.canvas = add(frame, "canvas");
    offerPicture(frame, this.canvas, name);
    this.canvas.setAttribute("role", "img");
    this.tip = add(frame, "div", "tip");
    this.canvas.addEventListener("pointermove", (event) => this.hover(event.offsetX));
    this.canvas.addEventListener("pointerleave", () => this.hover(-1));
    onThemeChange(frame, () => { this.colors = null; this.paint(); });
    // It speaks up at once, too: what was painted for that width is not painted twice.
    new ResizeObserver(() => frame.clientWidth !== this.width && this.paint()).observe(frame);
  }

  // The values beside a panel, with their lines; `panel.max` is then what its height stands for.
  axis(g, panel, top, wanted, words, least = 0) {
    const step = Math.max(niceStep(Math.max(top, 1e-9) / wanted), least);
    panel.max = Math.max(step * Math.ceil((top * 0.999) / step), step);
    g.textAlign = "right";
    g.lineWidth = 1;
    for (let value = 0; value <= panel.max * 1.001; value += step) {
      const y = Math.round(panel.top + panel.height * (1 - value / panel.max)) + 0.5;
      g.strokeStyle = this.colors.line;
      g.beginPath();
      g.moveTo(LEFT, y);
      g.lineTo(this.width - RIGHT, y);
      g.stroke();
      g.fillStyle = this.colors.dim;
      g.fillText(words(Number(value.toPrecision(6))), LEFT - 7, y);
    }
  }

  // The place under the pointer, of so many beside each other; -1 for none.
  placeAt(x, places, count = places) {
    const at = Math.floor(((x - LEFT) / (this.width - LEFT - RIGHT)) * places);
    return x >= LEFT && at >= 0 && at < count ? at : -1;
  }

  cross(g, x) {
    g.strokeStyle = this.colors.dim;
    g.lineWidth = 1;
    g.beginPath();
    g.moveTo(Math.round(x) + 0.5, TOP);
    g.lineTo(Math.round(x) + 0.5, this.data.height - BOTTOM);
    g.stroke();
  }

  // The canvas, sized and described, with the named colours looked up; null where nothing can be seen.
  begin(words, colors) {
    this.width = this.frame.clientWidth;
    if (!this.data || !this.width) return null;
    this.colors ??= resolved(this.frame, Object.fromEntries(colors.map((name) => [name, `var(--${name})`])));
    const { g } = sized(this.canvas, this.width, this.data.height);
    g.font = `12px ${getComputedStyle(this.frame).fontFamily}`;
    this.canvas.setAttribute("aria-label", words);
    return g;
  }
}

function shows(make) {
  return ({ data, parentElement }) => {
    const chart = viewIn(parentElement, make);
    chart.data = data;
    chart.at = -1;
    chart.tip.style.display = "none";
    chart.paint();
  };
}
