// A canvas with a tip that is painted again with new data, another size or the other theme. What is
// drawn is the paint and the hover of the class that extends this one.
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

const charts = new WeakMap();

// What Streamlit calls with new data: the chart of that place, made the first time.
function shows(make) {
  return ({ data, parentElement }) => {
    let chart = charts.get(parentElement);
    if (!chart) charts.set(parentElement, (chart = make(parentElement.querySelector(".frame"))));
    chart.data = data;
    chart.at = -1;
    chart.tip.style.display = "none";
    chart.paint();
  };
}
