// What our canvases share: words for durations, colours that follow the theme, small DOM helpers.
function shown(ms) {
  if (!ms) return "0 ms";
  const steps = [[3600e3, 3600e3, "h"], [60e3, 60e3, "min"], [999.5, 1e3, "s"], [0.9995, 1, "ms"], [1e-3, 1e-3, "µs"]];
  for (const [from, size, unit] of steps) {
    if (Math.abs(ms) >= from) {
      const value = ms / size;
      return `${value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2)} ${unit}`;
    }
  }
  return `${(ms * 1e6).toFixed(0)} ns`;
}

// The browser's own resolution of light-dark() and var(): the canvas needs plain colours.
function resolved(frame, css) {
  const probe = add(frame, "span");
  const colors = Object.fromEntries(
    Object.entries(css).map(([name, value]) => ((probe.style.color = value), [name, getComputedStyle(probe).color])),
  );
  probe.remove();
  return colors;
}

// The theme can change without a rerun of the script: a transition of the ink says so.
function onThemeChange(frame, act) {
  frame.style.transition = "color 1ms";
  frame.addEventListener("transitionend", (event) => event.propertyName === "color" && event.target === frame && act());
}

function sized(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  canvas.style.height = `${height}px`;
  const isNew = canvas.width !== w || canvas.height !== h;
  if (isNew) [canvas.width, canvas.height] = [w, h];
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  g.textBaseline = "middle";
  return { g, isNew };
}

// The smallest of 1, 2, 5 x 10^n that is not under the rough step.
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * 0.999);
}

function add(parent, tag, className) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  parent.append(element);
  return element;
}

