"""Prints what a prediction over 1 million spans (50,000 requests of 20) costs on one core.

python tests/benchmarks/whatif.py [requests]
"""

from __future__ import annotations

import os
import sys
from functools import partial

import numpy as np
import pyarrow as pa

from latprobe.analysis.requests import fetch_requests
from latprobe.analysis.scope import EVERYTHING
from latprobe.analysis.whatif import CacheHit, Change, Parallel, Remove, Scale, predict
from latprobe.analysis.whatif.gains import gains
from tests.analysis.seeding import EPOCH_NS
from tests.benchmarks.analysis import filled_store, timed

MS = 1_000_000

# Name, parent's place, what it waits for (places), mean ms. A request of 20 spans with steps in
# turn, two branches, a fan-out of six, and calls within calls.
STEPS: tuple[tuple[str, int, tuple[int, ...], float], ...] = (
    ("request", -1, (), 0),
    ("parse", 0, (), 3),
    ("retrieve", 0, (1,), 0),
    ("embed", 2, (), 12),
    ("dense", 2, (3,), 25),
    ("sparse", 2, (3,), 15),
    ("fetch", 2, (4, 5), 20),
    ("fetch", 2, (4, 5), 20),
    ("fetch", 2, (4, 5), 20),
    ("fetch", 2, (4, 5), 20),
    ("fetch", 2, (4, 5), 20),
    ("fetch", 2, (4, 5), 20),
    ("rerank", 2, (6, 7, 8, 9, 10, 11), 18),
    ("prompt", 0, (2,), 2),
    ("llm", 0, (13,), 0),
    ("client", 14, (), 150),
    ("parse_json", 14, (15,), 1),
    ("check", 0, (14,), 8),
    ("log", 0, (14,), 4),
    ("render", 0, (17, 18), 5),
)


def request_spans(requests: int) -> pa.Table:
    """The steps of every request, with random times and a little own work between them."""
    random = np.random.default_rng(7)
    start = np.zeros((len(STEPS), requests))
    end = np.zeros((len(STEPS), requests))
    _run(0, start, end, random)
    place = np.tile(np.arange(len(STEPS)), requests)
    trace = np.repeat(np.arange(requests), len(STEPS))
    origin = EPOCH_NS + trace * 500 * MS
    begin = origin + (start.T.ravel() * MS).astype(np.int64)
    ids = trace * len(STEPS) + place + 1
    parent = np.array([step[1] for step in STEPS])[place]
    return pa.table(
        {
            "trace": trace,
            "span_id": ids.astype(np.uint64),
            "parent_span_id": pa.array(
                (trace * len(STEPS) + parent + 1).astype(np.uint64), mask=place == 0
            ),
            "start_ns": begin,
            "duration_ns": origin + (end.T.ravel() * MS).astype(np.int64) - begin,
            "name": np.array([step[0] for step in STEPS])[place],
            "cpu_ns": pa.nulls(len(place), pa.int64()),
            "input_tokens": pa.nulls(len(place), pa.int64()),
        }
    )


def _run(
    place: int,
    start: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    end: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    random: np.random.Generator,
) -> None:
    """Fills in the times of a step's children, which come in order, and then its own end."""
    last = start[place].copy()
    for child, (_, parent, waits, mean) in enumerate(STEPS):
        if parent != place:
            continue
        begin = start[place] if not waits else np.max(end[list(waits)], axis=0)
        start[child] = begin + random.uniform(0.01, 0.1, len(begin))
        if mean:
            end[child] = start[child] + mean * random.lognormal(0, 0.4, len(begin))
        else:
            _run(child, start, end, random)
        last = np.maximum(last, end[child])
    end[place] = last + random.uniform(0.05, 0.2, len(last))


CASES: tuple[tuple[Change, ...], ...] = (
    (Scale("client", 0.5),),
    (Remove("rerank"), Scale("fetch", 2.0)),
    (Parallel("check", "render"),),
    (CacheHit("embed", 0.5),),
)


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    table = request_spans(requests)
    print(f"{table.num_rows} spans, {requests} requests, one core")
    store = timed("(filling the store)", partial(filled_store, table))
    found = timed("requests fetched", lambda: fetch_requests(store, EVERYTHING))
    timed("gains of all stages, for the report", lambda: gains(store, found))
    for changes in CASES:
        words = " and ".join(str(change) for change in changes)
        done = timed(words[:50], partial(predict, store, changes))
        print(f"  p50 {done.p50}\n  {done.refused or ''} {done.notes}")


if __name__ == "__main__":
    main()
