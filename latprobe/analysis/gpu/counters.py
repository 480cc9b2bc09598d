"""A device's counters as windows: what a reading is the mean over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latprobe.analysis.gpu.occupancy import Floats
from latprobe.analysis.spans import Ints
from latprobe.store.query import Query

# Fitted to the stages, each with the most that it can read (None: no bound).
PERCENT = 100.0
FITTED: dict[str, float | None] = {
    "gpu.sm_active_pct": PERCENT,
    "gpu.tensor_active_pct": PERCENT,
    "gpu.dram_active_pct": PERCENT,
    "gpu.utilization_pct": PERCENT,
    "gpu.power_mw": None,
}
GPM_WINDOW = "gpu.gpm_window_ns"
THROTTLE = "gpu.throttle_reasons"
CLOCK = "gpu.sm_clock_mhz"
HARDWARE = ("gpu.sm_active_pct", "gpu.tensor_active_pct", "gpu.dram_active_pct")
# Shares of cycles, of a clock that may fall; DRAM has a clock of its own that does not.
CYCLES = ("gpu.sm_active_pct", "gpu.tensor_active_pct")
# An unchanged value is stored once a second; a longer pause is no window: nobody was reading.
LONGEST_PAUSE_NS = 1_500_000_000
LONGEST_PAUSE = 3.0
# Most values change at every update, so that this quantile of the pauses is the update's period.
PERIOD_QUANTILE = 0.25


@dataclass(frozen=True, slots=True)
class Windows:
    """Readings of one counter of one device, by time; the value is the mean over the window."""

    start_ns: Ints
    end_ns: Ints
    value: Floats

    def __len__(self) -> int:
        return len(self.value)

    def take(self, rows: Ints) -> Windows:
        """The same at these rows."""
        return Windows(self.start_ns[rows], self.end_ns[rows], self.value[rows])


def is_any_read(query: Query) -> bool:
    """Whether any GPU was ever read: without one nothing more is asked."""
    marks = ", ".join("?" for _ in FITTED)
    sql = f"SELECT 1 AS one FROM samples WHERE metric IN ({marks}) AND device IS NOT NULL LIMIT 1"
    return bool(query(sql, list(FITTED)).num_rows)


def device_windows(query: Query, first_ns: int, last_ns: int) -> dict[str, dict[str, Windows]]:
    """Device to metric to windows, of every GPU read in this time."""
    wanted = (*FITTED, GPM_WINDOW, THROTTLE, CLOCK)
    table = query(
        f"""SELECT device, metric, time_ns, value FROM samples
        WHERE metric IN ({", ".join("?" for _ in wanted)}) AND device IS NOT NULL AND pid IS NULL
          AND time_ns BETWEEN ? AND ?
        ORDER BY device, metric, time_ns""",
        [*wanted, first_ns, last_ns],
    )
    devices = np.asarray(table["device"].to_pylist(), object)
    metrics = np.asarray(table["metric"].to_pylist(), object)
    times = np.asarray(table["time_ns"].to_numpy()).astype(np.int64, copy=False)
    values = np.asarray(table["value"].to_numpy()).astype(np.float64, copy=False)
    found: dict[str, dict[str, Windows]] = {}
    if not len(times):
        return found
    new = (devices[1:] != devices[:-1]) | (metrics[1:] != metrics[:-1])
    for rows in np.split(np.arange(len(times)), np.flatnonzero(new) + 1):
        metric = str(metrics[rows[0]])
        made = _means if metric == GPM_WINDOW or metric in HARDWARE else _windows
        found.setdefault(str(devices[rows[0]]), {})[metric] = made(times[rows], values[rows])
    for counters in found.values():
        _use_gpm_lengths(counters)
    return found


def _means(times: Ints, values: Floats) -> Windows:
    """Readings each of a window of its own; until its length is known, since the one before."""
    keep = np.append(True, np.diff(times) > 0) & np.isfinite(values)
    times, values = times[keep], values[keep]
    return Windows(np.append(times[:1], times[:-1]), times, values)


def _windows(times: Ints, values: Floats) -> Windows:
    """A reading is the mean over one update. What is stored again only when it changed held its
    value until the last update before the next one; the first reading has no window."""
    keep = np.append(True, np.diff(times) > 0) & np.isfinite(values)
    times, values = times[keep], values[keep]
    if len(times) < 2:
        return Windows(times[:0], times[:0], values[:0])
    gaps = np.diff(times)
    longest = max(LONGEST_PAUSE * float(np.median(gaps)), LONGEST_PAUSE_NS)
    period = int(np.quantile(gaps, PERIOD_QUANTILE))
    near = np.flatnonzero(gaps <= longest)
    update = np.maximum(times[near], times[near + 1] - period)
    # Less than half an update is the jitter of when it was read.
    held = update - times[near] > period // 2
    update[~held] = times[near][~held]
    start = np.concatenate((update, times[near][held]))
    end = np.concatenate((times[near + 1], update[held]))
    value = np.concatenate((values[near + 1], values[near][held]))
    order = np.argsort(start, kind="stable")
    return Windows(start[order], end[order], value[order])


def _use_gpm_lengths(counters: dict[str, Windows]) -> None:
    """Hardware counters say how long their own window was."""
    lengths = counters.pop(GPM_WINDOW, None)
    for metric in HARDWARE:
        windows = counters.get(metric)
        if windows is None:
            continue
        if lengths is None:
            counters[metric] = _windows(windows.end_ns, windows.value)
            continue
        at = np.minimum(np.searchsorted(lengths.end_ns, windows.end_ns), len(lengths) - 1)
        same = np.flatnonzero(lengths.end_ns[at] == windows.end_ns)
        end = windows.end_ns[same]
        length = lengths.value[at[same]].astype(np.int64)
        counters[metric] = Windows(end - length, end, windows.value[same])
