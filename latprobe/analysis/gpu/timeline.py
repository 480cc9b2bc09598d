"""Stage occupancy of many sets of windows: sums are taken once, each set then is two look-ups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latprobe.analysis.gpu.occupancy import Floats, Segments
from latprobe.analysis.spans import Ints


@dataclass(frozen=True, slots=True)
class Timeline:
    """At each of `times_ns`: by column how many spans are active from then on (`level`), and the
    active ns until then (`total`). The last column is whether any span is active."""

    times_ns: Ints
    level: Floats
    total: Floats

    def shares(self, start_ns: Ints, end_ns: Ints) -> Floats:
        """Each stage's active time in each window as a share of it, then the idle share."""
        found = self._until(end_ns)
        found -= self._until(start_ns)
        found /= np.maximum(end_ns - start_ns, 1)[:, None]
        found[:, -1] = 1.0 - found[:, -1]
        return np.asarray(found, np.float64)

    def _until(self, moment_ns: Ints) -> Floats:
        if not len(self.times_ns):
            return np.zeros((len(moment_ns), self.total.shape[1]))
        at = np.searchsorted(self.times_ns, moment_ns, side="right") - 1
        inside = np.maximum(at, 0)
        since = np.where(at < 0, 0, moment_ns - self.times_ns[inside])
        found = self.level[inside] * since[:, None].astype(np.float64)
        found += self.total[inside]
        return np.asarray(found, np.float64)


def timeline(segments: Segments, stages: int, first_ns: int, last_ns: int) -> Timeline:
    """Of the segments that reach into this time; those of stage -1 only count as not idle."""
    near = (segments.end_ns > first_ns) & (segments.start_ns < last_ns)
    stage = segments.stage[near]
    moments = np.concatenate((segments.start_ns[near], segments.end_ns[near]))
    times, at = np.unique(moments, return_inverse=True)
    level = np.zeros((len(times), stages + 1), np.int16)
    column, step = np.concatenate((stage, stage)), np.repeat([1, -1], len(stage)).astype(np.int16)
    named = column >= 0
    np.add.at(level, (at[named], column[named]), step[named])
    np.add.at(level, (at, np.full(len(at), stages)), step)
    level = np.cumsum(level, axis=0, dtype=np.int16)
    level[:, -1] = level[:, -1] > 0
    total = np.zeros(level.shape)
    if len(times):
        np.cumsum(level[:-1] * np.diff(times)[:, None], axis=0, out=total[1:], dtype=np.float64)
    return Timeline(times, level.astype(np.float64), total)
