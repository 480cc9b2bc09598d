"""Which requests a person looks for, and in which order, from what is in memory of all."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latprobe.analysis.call_table import CallTable
from latprobe.analysis.root_table import Mask, RootTable, longest, newest
from latprobe.analysis.scope import Scope, Test
from latprobe.analysis.spans import Ints
from latprobe.analysis.traces import Order
from latprobe.store.query import Query

HEX = frozenset("0123456789abcdef")


def search(roots: RootTable, rows: Ints, text: str) -> Ints:
    """The rows of requests that the text is about, whatever its case.

    NAME=VALUE is an attribute of one of their spans. Anything else is a part of the request's name,
    of its service or of a stage's name, or the beginning of its trace id.
    """
    wanted = text.strip()
    if not wanted:
        return rows
    name, sign, value = wanted.partition("=")
    if sign and name.strip():
        tests = Scope(tag=(name.strip(), value.strip())).request_tests()
        found = np.ones(len(roots), np.bool_)
        for test in tests:
            found &= roots.members(test)
        return rows[found[rows]]
    return rows[_about(roots, wanted)[rows]]


def _about(roots: RootTable, wanted: str) -> Mask:
    named = pc.match_substring(roots.name, wanted, ignore_case=True)
    found = np.array(named.to_numpy(), np.bool_)
    served = [
        run for run, service in roots.services.items() if wanted.casefold() in service.casefold()
    ]
    found |= np.isin(roots.run_id, np.array(served, np.int64))
    digits = wanted.lower().replace("-", "")
    if set(digits) <= HEX:
        ids = pc.replace_substring(roots.trace_id, "-", "")
        found |= np.array(pc.starts_with(ids, digits).to_numpy(), np.bool_)
    stage: Test = ("contains(lower(m.name), lower(?))", [wanted])
    return found | roots.members(stage)


def within(roots: RootTable, rows: Ints, low_ms: float | None, high_ms: float | None) -> Ints:
    """The rows of requests that took from `low_ms` to `high_ms`, both included."""
    took_ms = roots.duration_ns[rows] / 1e6
    inside = np.ones(len(rows), np.bool_)
    if low_ms is not None:
        inside &= took_ms >= low_ms
    if high_ms is not None:
        inside &= took_ms <= high_ms
    return rows[inside]


def in_order(
    roots: RootTable, calls: CallTable, failures: pa.Table, rows: Ints, order: Order
) -> Ints:
    """The rows as `list_traces` orders them; "errors" leaves only requests with failed spans.

    `failures` is what `fetch_failures` gives.
    """
    if order == "slowest":
        return longest(roots, rows, len(rows))
    if order == "recent":
        return newest(roots, rows, len(rows))
    if order == "errors":
        weight = _per_request(roots, failures["draw"], failures["errors"])
        rows = rows[weight[rows] > 0]
    else:
        tokens = pc.add(
            calls.rows["input_tokens"].fill_null(0), calls.rows["output_tokens"].fill_null(0)
        )
        weight = _per_request(roots, calls.rows["draw"], tokens)
    return rows[np.lexsort([rows, -roots.start_ns[rows], -weight[rows]])]


def fetch_failures(query: Query) -> pa.Table:
    """How many spans failed, a row a request that has one: `draw` of the `RootTable`, `errors`."""
    return query(
        "SELECT hash(s.trace_id) AS draw, count(*) AS errors FROM spans s"
        " WHERE s.status = 'error' GROUP BY 1"
    )


def _per_request(roots: RootTable, draw: pa.ChunkedArray, value: pa.ChunkedArray) -> Ints:
    """The sum of the values of each request."""
    order = np.argsort(roots.draw)
    draws = np.asarray(draw.to_numpy())
    at = np.searchsorted(roots.draw, draws, sorter=order)
    at[at == len(order)] = 0
    rows = order[at] if len(order) else at
    known = roots.draw[rows] == draws if len(order) else np.zeros(0, np.bool_)
    sums = np.zeros(len(roots), np.int64)
    np.add.at(sums, rows[known], np.asarray(value.to_numpy())[known].astype(np.int64))
    return sums
