// Below a chart the times of the viewer's clock, as many as there is room for.
// `x` gives the place of a time in steps from the first one; `wide` is the plot's width.
function paintTimes(g, { first_ms, step_ms, count, x, left, right, wide, y, dim, least = 1e3 }) {
  const total = step_ms * count, step = clockStep(total / Math.max(wide / 92, 1), least);
  const words = step >= 86400e3 ? { month: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit", hour12: false };
  if (step < 60e3) words.second = "2-digit";
  const clock = new Intl.DateTimeFormat(undefined, words);
  const day = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
  // Round times of the viewer's clock, not of UTC: some zones are half an hour apart.
  const zone = new Date(first_ms).getTimezoneOffset() * 60e3;
  g.textAlign = "center";
  g.fillStyle = dim;
  let isTold = false;
  for (let time = Math.ceil((first_ms - zone) / step) * step + zone; time < first_ms + total; time += step) {
    const at = x((time - first_ms) / step_ms);
    if (at <= left + 16 || at >= right - 16) continue;
    g.fillText(clock.format(time), at, y + 14);
    isTold = true;
  }
  g.textAlign = "left";
  // A time so short that no round one lies in it has its beginning said instead.
  g.fillText(day.format(first_ms) + (isTold ? "" : `, ${clock.format(first_ms)}`), left, y + 30);
}

function clockStep(ms, least) {
  const seconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
  const step = seconds.find((each) => each * 1e3 >= Math.max(ms, least));
  return (step ?? 86400 * Math.ceil(ms / 86400e3)) * 1e3;
}
