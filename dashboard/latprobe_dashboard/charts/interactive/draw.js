// Draws the chart that the file holds, in the theme of whoever reads it.
const figure = JSON.parse(document.getElementById("figure").textContent);
const config = JSON.parse(document.getElementById("config").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const pair = /^light-dark\((.+), (.+)\)$/;

// Only what Plotly takes a colour from is replaced: a name that looks like a pair stays a name.
function themed(value, isColor) {
  if (typeof value === "string") return isColor ? value.replace(pair, dark.matches ? "$2" : "$1") : value;
  if (Array.isArray(value)) return value.map((each) => themed(each, isColor));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, themed(each, /colors?(cale)?$/.test(key))]));
}

function draw() {
  const shown = themed(figure, false);
  return Plotly.react("chart", shown.data, shown.layout, config);
}

dark.addEventListener("change", draw);
draw().then((chart) => { chart.dataset.drawn = String(figure.data.length); });
