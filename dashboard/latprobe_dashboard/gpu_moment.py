"""A few requests around a moment, as lanes: what a person can look at at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from latprobe.analysis.gpu.occupancy import innermost
from latprobe.analysis.scope import Scope
from latprobe.analysis.spans import Spans
from latprobe.analysis.tree import build_tree
from latprobe.store.query import Query

REQUESTS = 4
MAX_SPANS = 3_000
# More than this much idle time for each second of work, and a neighbour is too far away to show.
MAX_STRETCH = 3.0
EDGE_SHARE = 0.03


@dataclass(frozen=True, slots=True)
class Span:
    """One span; `row` is its place within its lane."""

    trace_id: str
    span_id: str
    name: str
    modality: str | None
    start_ns: int
    duration_ns: int
    lane: int
    row: int
    is_failed: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A time in which a span was the innermost one: on the GPU if an event pair said when."""

    name: str
    start_ns: int
    end_ns: int
    is_timed: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """Requests from `first_ns` to `last_ns`. `lanes` are the threads' names and rows."""

    first_ns: int
    last_ns: int
    requests: int
    lanes: tuple[tuple[str, int], ...]
    spans: tuple[Span, ...]
    held: tuple[Held, ...]


def read_moment(
    query: Query, scope: Scope, *, at_ns: int, runs: Sequence[int] = ()
) -> Moment | None:
    """The requests nearest to the moment, of these runs if any are named; None when there is
    none."""
    where, parameters = scope.where()
    if runs:
        where += f" AND s.run_id IN ({', '.join(str(int(run)) for run in runs)})"
    near = query(
        f"""
        SELECT s.trace_id AS trace_id, s.start_ns AS start_ns, s.duration_ns AS duration_ns
        FROM spans s WHERE s.parent_span_id IS NULL AND {where}
        ORDER BY greatest(s.start_ns - ?, ? - s.start_ns - s.duration_ns, 0),
                 abs(s.start_ns + s.duration_ns / 2 - ?)
        LIMIT {REQUESTS}""",
        [*parameters, at_ns, at_ns, at_ns],
    ).to_pylist()
    if not near:
        return None
    chosen = _close_together(
        [(row["start_ns"], row["start_ns"] + row["duration_ns"]) for row in near]
    )
    traces = [str(near[at]["trace_id"]) for at in chosen]
    first = min(near[at]["start_ns"] for at in chosen)
    last = max(near[at]["start_ns"] + near[at]["duration_ns"] for at in chosen)
    edge = max(int((last - first) * EDGE_SHARE), 1_000_000)
    table = query(
        f"""
        SELECT s.trace_id AS trace, s.span_id, s.parent_span_id, s.start_ns, s.duration_ns, s.name,
               replace(s.trace_id::VARCHAR, '-', '') AS trace_id, s.modality, s.thread, s.pid,
               s.status, g.gpu_start_ns, g.gpu_ns
        FROM spans s LEFT JOIN gpu_spans g ON g.trace_id = s.trace_id AND g.span_id = s.span_id
        WHERE s.trace_id::VARCHAR IN ({", ".join("?" for _ in traces)})
          AND s.start_ns BETWEEN ? AND ?
        ORDER BY s.start_ns, s.duration_ns DESC LIMIT {MAX_SPANS}""",
        [*traces, first - edge, last + edge],
    )
    return _moment(table, first - edge, last + edge, len(chosen))


def _close_together(times: list[tuple[int, int]]) -> list[int]:
    """The first ones that leave not too much empty time between them."""
    chosen = [0]
    for at in range(1, len(times)):
        tried = [times[each] for each in (*chosen, at)]
        whole = max(end for _, end in tried) - min(start for start, _ in tried)
        work = sum(end - start for start, end in tried)
        if whole > MAX_STRETCH * max(work, 1):
            break
        chosen.append(at)
    return chosen


def _moment(table: pa.Table, first: int, last: int, requests: int) -> Moment:
    rows = table.to_pylist()
    lanes, placed = _placed(rows)
    return Moment(
        first_ns=first,
        last_ns=last,
        requests=requests,
        lanes=lanes,
        spans=tuple(
            Span(
                row["trace_id"],
                f"{row['span_id']:016x}",
                row["name"],
                row["modality"],
                row["start_ns"],
                row["duration_ns"],
                lane,
                at,
                row["status"] == "error",
            )
            for row, (lane, at) in zip(rows, placed, strict=True)
        ),
        held=_held(table),
    )


def _placed(
    rows: list[dict[str, object]],
) -> tuple[tuple[tuple[str, int], ...], list[tuple[int, int]]]:
    """Lanes, one a thread, and each span's lane and row: below its parent, never over another."""
    lanes: dict[tuple[object, object], int] = {}
    free: list[list[int]] = []  # by lane and row: when it is free again
    place_of: dict[tuple[object, object], tuple[int, int]] = {}
    placed: list[tuple[int, int]] = []
    for row in rows:
        key = (row["pid"], row["thread"])
        lane = lanes.setdefault(key, len(lanes))
        if lane == len(free):
            free.append([])
        start = int(str(row["start_ns"]))
        parent = place_of.get((row["trace_id"], row["parent_span_id"]))
        at = parent[1] + 1 if parent is not None and parent[0] == lane else 0
        while at < len(free[lane]) and free[lane][at] > start:
            at += 1
        free[lane] += [0] * (at + 1 - len(free[lane]))
        free[lane][at] = start + int(str(row["duration_ns"]))
        place_of[(row["trace_id"], row["span_id"])] = (lane, at)
        placed.append((lane, at))
    several = len({pid for pid, _ in lanes}) > 1
    names = [_lane_name(pid, thread, several) for pid, thread in lanes]
    return tuple(zip(names, [len(each) for each in free], strict=True)), placed


def _lane_name(pid: object, thread: object, is_one_of_several: bool) -> str:
    name = str(thread) if thread else "requests"
    return f"{name} ({pid})" if is_one_of_several and pid is not None else name


def _held(table: pa.Table) -> tuple[Held, ...]:
    if not table.num_rows:
        return ()
    spans = Spans.from_table(table)
    begin = table["gpu_start_ns"].take(pa.array(spans.row)).to_pylist()
    took = table["gpu_ns"].take(pa.array(spans.row)).to_pylist()
    timed = np.array([a is not None and b is not None for a, b in zip(begin, took, strict=True)])
    start = np.where(timed, [value or 0 for value in begin], spans.start_ns).astype(np.int64)
    length = np.where(timed, [value or 0 for value in took], spans.end_ns - spans.start_ns)
    end = start + length.astype(np.int64)
    found = innermost(start, end, build_tree(spans).parent, np.arange(len(spans)))
    order = np.argsort(found.start_ns, kind="stable")
    return tuple(
        Held(
            spans.names[spans.name[found.stage[at]]],
            int(found.start_ns[at]),
            int(found.end_ns[at]),
            bool(timed[found.stage[at]]),
        )
        for at in order.tolist()
    )
