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


// A button that saves the canvas as a picture on the page's background.
function offerPicture(frame, canvas, name) {
  const bar = frame.querySelector(".bar");
  const button = add(bar || frame, "button");
  button.type = "button";
  button.textContent = "PNG";
  button.title = "Save as a picture";
  button.setAttribute("aria-label", `Save ${name} as a picture`);
  if (!bar) button.style.cssText =
    "position:absolute;right:0;bottom:100%;border:0;background:none;padding:0.1rem 0.45rem;cursor:pointer;" +
    "color:light-dark(#5b6672,#98a3b0);font:0.8rem var(--st-font);border-radius:4px";
  button.onclick = () => {
    const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
    const g = copy.getContext("2d");
    g.fillStyle = resolved(frame, { back: "var(--st-background-color)" }).back;
    g.fillRect(0, 0, copy.width, copy.height);
    g.drawImage(canvas, 0, 0);
    saved(copy.toDataURL("image/png"), `latprobe-${name}.png`);
  };
}

function saved(address, file) {
  Object.assign(document.createElement("a"), { href: address, download: file }).click();
}
