"""Durations of a stage over time, counted in cells of a minute or more by a quarter octave."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from latprobe.analysis.rolled_stages import are_rolled_up
from latprobe.analysis.scope import Scope
from latprobe.store.query import Query
from latprobe.store.schema import BINS_PER_OCTAVE

MINUTE_NS = 60 * 10**9
# Rows an octave: each is 19 % higher than the one below.
ROWS = 4
COLUMNS = 90
# Longer windows are read from the rollups, in whole minutes.
RAW_WINDOW_NS = 30 * MINUTE_NS
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Heat:
    """`counts[row][column]` spans: columns of `step_ns` from `first_ns` on, rows from `low_bin` on.

    Row r holds durations from 2^((low_bin + r) / ROWS) ns on. Durations of 0 are in the lowest.
    """

    first_ns: int
    step_ns: int
    low_bin: int
    counts: tuple[tuple[int, ...], ...]

    @property
    def columns(self) -> int:
        return len(self.counts[0]) if self.counts else 0

    def edge_ms(self, row: int) -> float:
        """Where a row begins."""
        return float(2 ** ((self.low_bin + row) / ROWS) / 1e6)

    def place(self, row: int, column: int) -> Place:
        """Where a cell is, whatever the others are."""
        return Place(self.first_ns + column * self.step_ns, self.step_ns, self.low_bin + row)


@dataclass(frozen=True, slots=True)
class Place:
    """One cell: `step_ns` from `begin_ns` on, durations of a bin."""

    begin_ns: int
    step_ns: int
    bin: int

    def text(self) -> str:
        """As an address carries it."""
        return f"{self.begin_ns}-{self.step_ns}-{self.bin}"

    @classmethod
    def parse(cls, text: str) -> Place | None:
        """From an address; None for what means nothing."""
        found = re.fullmatch(r"(\d{1,19})-(\d{1,18})-(\d{1,3})", text)
        if found is None:
            return None
        begin, step, place = map(int, found.groups())
        is_time = begin + step < 1 << 63 and step > 0 and place < 63 * ROWS
        return cls(begin, step, place) if is_time else None

    @property
    def edges_ms(self) -> tuple[float, float]:
        """The durations that it holds."""
        low, high = (2 ** (edge / ROWS) / 1e6 for edge in (self.bin, self.bin + 1))
        return low, high


@dataclass(frozen=True, slots=True)
class CellSpan:
    """A span of one cell."""

    trace_id: str
    span_id: str
    start_ns: int
    duration_ms: float
    status: str


def read_heat(query: Query, scope: Scope) -> Heat | None:
    """The cells of `scope.stage`; None without spans."""
    where, parameters = scope.where()
    edges = query(
        f"SELECT min(s.start_ns) AS first, max(s.start_ns) AS last FROM spans s WHERE {where}",
        parameters,
    ).to_pylist()[0]
    if edges["first"] is None:
        return None
    first, last = edges["first"], edges["last"] + 1
    if last - first > RAW_WINDOW_NS and are_rolled_up(scope):
        first = first // MINUTE_NS * MINUTE_NS
        step = -(-(last - first) // (COLUMNS * MINUTE_NS)) * MINUTE_NS
        return _heat(_rolled(query, scope, first, step), first, step)
    step = max(-(-(last - first) // COLUMNS), 1)
    return _heat(_raw(query, scope, first, step), first, step)


def read_cell(query: Query, scope: Scope, place: Place) -> list[CellSpan]:
    """The longest spans of one cell, at most EXAMPLES."""
    end_ns = place.begin_ns + place.step_ns
    where, parameters = replace(scope, from_ns=place.begin_ns, to_ns=end_ns).where()
    low, high = (int(2 ** (edge / ROWS)) for edge in (place.bin, place.bin + 1))
    rows = query(
        f"""
        SELECT replace(s.trace_id::VARCHAR, '-', '') AS trace_id,
               format('{{:016x}}', s.span_id) AS span_id, s.start_ns,
               s.duration_ns / 1e6 AS duration_ms, s.status
        FROM spans s WHERE {where} AND s.duration_ns >= ? AND s.duration_ns <= ?
        ORDER BY s.duration_ns DESC, s.start_ns LIMIT {EXAMPLES}
        """,
        [*parameters, low if place.bin else -(1 << 62), high],
    ).to_pylist()
    return [CellSpan(**each) for each in rows]


def _raw(query: Query, scope: Scope, first: int, step: int) -> pa.Table:
    where, parameters = scope.where()
    return query(
        f"""
        SELECT ((s.start_ns::HUGEINT - ?) // ?)::BIGINT AS place,
               CASE WHEN s.duration_ns > 0 THEN floor({ROWS} * log2(s.duration_ns))::INTEGER
                    ELSE -1 END AS bin, count(*) AS count
        FROM spans s WHERE {where} GROUP BY 1, 2
        """,
        [first, step, *parameters],
    )


def _rolled(query: Query, scope: Scope, first: int, step: int) -> pa.Table:
    where, parameters = scope.where()
    return query(
        f"""
        SELECT ((s.minute_ns::HUGEINT - ?) // ?)::BIGINT AS place,
               CASE WHEN s.bin < 0 THEN -1 ELSE s.bin * {ROWS} // {BINS_PER_OCTAVE}
               END::INTEGER AS bin, sum(s.count)::BIGINT AS count
        FROM stage_minutes s WHERE {where.replace("s.start_ns", "s.minute_ns")} GROUP BY 1, 2
        """,
        [first, step, *parameters],
    )


def _heat(table: pa.Table, first: int, step: int) -> Heat | None:
    place, bins, count = (
        np.asarray(table[name].to_numpy()).astype(np.int64) for name in ("place", "bin", "count")
    )
    if not len(place):
        return None
    timed = bins[bins >= 0]
    low, high = (int(timed.min()), int(timed.max())) if len(timed) else (0, 0)
    cells = np.zeros((high - low + 1, int(place.max()) + 1), np.int64)
    np.add.at(cells, (np.maximum(bins, low) - low, np.maximum(place, 0)), count)
    return Heat(first, step, low, tuple(tuple(row) for row in cells.tolist()))
