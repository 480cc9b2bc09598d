"""Prints how often slow against fast is silent on noise, finds what is planted, and what it costs.

python tests/benchmarks/cohorts.py [data sets]
"""

from __future__ import annotations

import sys
import time

import numpy as np

from latprobe.analysis.cohorts import slow_against_fast
from tests.analysis.cohorts.random_requests import request_store

CASES = (
    # requests, memory of the latency, factor
    (400, 0.0, 1.0),
    (2000, 0.0, 1.0),
    (400, 0.7, 1.0),
    (400, 0.9, 1.0),
    (2000, 0.9, 1.0),
    (400, 0.0, 1.3),
    (2000, 0.0, 1.3),
    (400, 0.9, 1.3),
)


def main() -> None:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for count, memory, factor in CASES:
        silent = found = 0
        before = time.process_time()
        for seed in range(trials):
            store = request_store(np.random.default_rng(seed), count, factor=factor, memory=memory)
            names = {each.attribute for each in slow_against_fast(store).findings}
            store.connection.close()
            silent += not names
            found += "request: shard" in names
        cost = (time.process_time() - before) / trials
        share = (
            f"found in {found / trials:.1%}" if factor > 1 else f"silent in {silent / trials:.1%}"
        )
        print(
            f"{count:5} requests, memory {memory}, factor {factor}: {share} of {trials}; "
            f"{cost:.2f} s of CPU each, with filling"
        )
    store = request_store(np.random.default_rng(0), 50_000, factor=1.3, more_attributes=26)
    store.connection.execute("SET threads = 1")
    before, cpu = time.perf_counter(), time.process_time()
    result = slow_against_fast(store)
    print(
        f"50,000 requests, {len(result.tried)} attributes: {time.perf_counter() - before:.2f} s, "
        f"{time.process_time() - cpu:.2f} s of CPU; {len(result.findings)} findings"
    )


if __name__ == "__main__":
    main()
