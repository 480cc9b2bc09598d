"""Prints how often change points are silent on noise and told where there is one.

python tests/benchmarks/change_points.py [data sets]
"""

from __future__ import annotations

import sys
import time

import numpy as np

from latprobe.analysis.change_points import find_changes
from tests.analysis.cohorts.random_requests import request_store

CASES = (
    # requests, memory of the latency, factor from the middle on
    (400, 0.0, 1.0),
    (2000, 0.0, 1.0),
    (400, 0.9, 1.0),
    (2000, 0.9, 1.0),
    (2000, 0.98, 1.0),
    (400, 0.0, 1.3),
    (2000, 0.0, 1.15),
    (2000, 0.9, 1.3),
)


def main() -> None:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for count, memory, factor in CASES:
        told = []
        before = time.process_time()
        for seed in range(trials):
            store = request_store(np.random.default_rng(seed), count, memory=memory)
            starts = store("SELECT start_ns FROM spans WHERE name = 'request' ORDER BY start_ns")
            at = starts["start_ns"][count // 2].as_py()
            store.connection.execute(
                f"UPDATE spans SET duration_ns = duration_ns * {factor} WHERE start_ns >= {at}"
            )
            told.append(len(find_changes(store).changes))
            store.connection.close()
        number = np.array(told)
        print(
            f"{count:5} requests, memory {memory}, factor {factor}: none told in "
            f"{np.mean(number == 0):.1%}, one in {np.mean(number == 1):.1%}, more in "
            f"{np.mean(number > 1):.1%} of {trials}; "
            f"{(time.process_time() - before) / trials:.2f} s of CPU each, with filling"
        )


if __name__ == "__main__":
    main()
