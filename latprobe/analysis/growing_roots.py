"""The roots of all requests, brought up to date: only traces that got spans are looked at again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latprobe.analysis.root_table import (
    Mask,
    RootTable,
    RunFacts,
    fetch_crossing,
    ints,
    is_among,
    root_columns,
    run_facts,
)
from latprobe.analysis.roots import IS_INNER, ROOT_ORDER
from latprobe.analysis.spans import Ints
from latprobe.analysis.store_growth import touched_since
from latprobe.store.query import Query

# A column of texts in more pieces than this is put into one: each look goes through all of them.
MAX_PIECES = 64
_COLUMNS = ("trace_id", "name", "start_ns", "duration_ns", "is_error", "run_id", "draw")


def traces_with(query: Query, where: str) -> pa.Table:
    """One row a trace that has spans `s` with this condition, which keeps whole traces: the columns
    of its root by `roots_sql`'s rule, or of its earliest span where `is_unfinished`; `crosses`
    says that its spans are of several runs, `heard_ns` is the end of the latest."""
    places = [f"place{number}" for number in range(len(ROOT_ORDER))]
    ordered = ", ".join(f"{key} AS {place}" for key, place in zip(ROOT_ORDER, places, strict=True))
    spans = query(
        f"""
        SELECT s.trace_id::VARCHAR AS trace_id, s.name, s.start_ns,
               greatest(s.duration_ns, 0) AS duration_ns, s.status = 'error' AS is_error,
               s.run_id::BIGINT AS run_id, hash(s.trace_id) AS draw,
               {IS_INNER} AS is_unfinished, {ordered}
        FROM spans s WHERE {where}
        """
    )
    draw = np.asarray(spans["draw"].to_numpy())
    run, end = ints(spans["run_id"]), ints(spans["start_ns"]) + ints(spans["duration_ns"])
    order = np.lexsort([*(np.asarray(spans[place].to_numpy()) for place in reversed(places)), draw])
    begins = np.flatnonzero(np.diff(draw[order], prepend=~draw[order[:1]]) != 0)
    if not len(order):
        return spans.append_column("crosses", spans["is_error"]).append_column(
            "heard_ns", spans["start_ns"]
        )
    lowest = np.minimum.reduceat(run[order], begins)
    crosses = lowest < np.maximum.reduceat(run[order], begins)
    heard_ns = np.maximum.reduceat(end[order], begins)
    first = spans.take(pa.array(order[begins]))
    return first.append_column("crosses", [crosses]).append_column("heard_ns", [heard_ns])


def grown_roots(
    query: Query, old: RootTable, touched: pa.Table, *, since: int, has_new_runs: bool
) -> RootTable:
    """The table with the traces that got spans after batch `since`, `touched`, as they are now."""
    roots = touched.filter(pc.invert(touched["is_unfinished"])).select(_COLUMNS)
    layout = _layout(old, touched["draw"], roots)
    crosses = pc.any(touched["crosses"]).as_py()
    where, run, last_ns = _crossing(query, layout, since) if crosses else _NOWHERE
    kept = layout.place[old.crossing]
    stays = kept >= 0
    runs = (
        run_facts(query) if has_new_runs else RunFacts(services=old.services, versions=old.versions)
    )
    columns = root_columns(layout.tail)
    return RootTable(
        trace_id=_texts(old.trace_id, layout.cut, columns["trace_id"]),
        name=_texts(old.name, layout.cut, columns["name"]),
        start_ns=np.append(old.start_ns[: layout.cut], columns["start_ns"]),
        duration_ns=np.append(old.duration_ns[: layout.cut], columns["duration_ns"]),
        is_error=np.append(old.is_error[: layout.cut], columns["is_error"]),
        run_id=np.append(old.run_id[: layout.cut], columns["run_id"]),
        draw=np.append(old.draw[: layout.cut], columns["draw"]),
        **runs,
        crossing=np.append(kept[stays], where),
        crossing_run=np.append(old.crossing_run[stays], run),
        crossing_ns=np.append(old.crossing_ns[stays], last_ns),
        query=query,
        carried={test: _moved(layout, mask) for test, mask in dict(old.found).items()},
        since=since,
    )


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where rows go: those before `cut` stay, `tail` follows them. `place` has the new row of each
    old one, -1 for one that is gone or came anew; `order` is how `tail` was put together from the
    old rows `stayed` and the new roots."""

    cut: int
    tail: pa.Table
    place: Ints
    stayed: Ints
    order: Ints


def _layout(old: RootTable, touched: pa.ChunkedArray, roots: pa.Table) -> _Layout:
    gone = is_among(old.draw, touched)
    cut = int(np.argmax(gone)) if gone.any() else len(old)
    if roots.num_rows:
        first_ns = pc.min(roots["start_ns"]).as_py()
        cut = min(cut, int(np.searchsorted(old.start_ns, first_ns)))
    stayed = np.flatnonzero(~gone[cut:]) + cut
    joined = pa.concat_tables([_rows(old, stayed), roots])
    keys = [("start_ns", "ascending"), ("trace_id", "ascending")]
    order = np.asarray(pc.sort_indices(joined, sort_keys=keys).to_numpy()).astype(np.int64)
    place = np.full(len(old), -1, np.int64)
    place[:cut] = np.arange(cut)
    after = np.empty(len(order), np.int64)
    after[order] = np.arange(len(order))
    place[stayed] = cut + after[: len(stayed)]
    return _Layout(cut, joined.take(pa.array(order)), place, stayed, order)


def _rows(old: RootTable, rows: Ints) -> pa.Table:
    at = pa.array(rows)
    return pa.table(
        {
            "trace_id": old.trace_id.take(at),
            "name": old.name.take(at),
            "start_ns": old.start_ns[rows],
            "duration_ns": old.duration_ns[rows],
            "is_error": old.is_error[rows],
            "run_id": old.run_id[rows],
            "draw": old.draw[rows],
        }
    )


def _texts(old: pa.ChunkedArray, cut: int, tail: pa.ChunkedArray) -> pa.ChunkedArray:
    pieces = [*old.slice(0, cut).chunks, *tail.chunks]
    joined = pa.chunked_array(pieces, old.type)
    if joined.num_chunks <= MAX_PIECES:
        return joined
    return pa.chunked_array([pa.concat_arrays(joined.chunks)])


def _moved(layout: _Layout, mask: Mask) -> Mask:
    """The mask over the new rows: not set where a trace got spans, which may pass by now."""
    came = np.zeros(len(layout.order) - len(layout.stayed), np.bool_)
    tail = np.append(mask[layout.stayed], came)[layout.order]
    return np.append(mask[: layout.cut], tail)


_NOTHING = np.empty(0, np.int64)
_NOWHERE = (_NOTHING, _NOTHING, _NOTHING)


def _crossing(query: Query, layout: _Layout, since: int) -> tuple[Ints, Ints, Ints]:
    """Row, run and last start of what `RootTable.crossing` has of the traces with new spans."""
    found = fetch_crossing(query, touched_since(since))
    at = pc.index_in(found["trace_id"], layout.tail["trace_id"]).fill_null(-1).to_numpy()
    known = at >= 0
    return (
        at[known].astype(np.int64) + layout.cut,
        ints(found["run_id"])[known],
        ints(found["last_ns"])[known],
    )
