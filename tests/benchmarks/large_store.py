"""What questions cost on a store of 10 million spans: wall, CPU and peak memory of each.

    python -m tests.benchmarks.large_store [--requests 492000] [--home FOLDER]

Without --home a store is made in a temporary folder (2 minutes, 4 GB of memory); a home that exists
is read. Each question runs in a process of its own that owns the store, so the memory is that of
the database (at most 4 GB, by its own limit) and of the analysis together.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from latprobe.analysis.cache import cache_report
from latprobe.analysis.change_points import find_changes
from latprobe.analysis.cohorts import slow_against_fast
from latprobe.analysis.latency_model import latency_models
from latprobe.analysis.load import load_report
from latprobe.analysis.report import build_report
from latprobe.analysis.request_paths import walk_requests
from latprobe.analysis.requests import fetch_requests
from latprobe.analysis.scope import EVERYTHING
from latprobe.analysis.token_totals import token_report
from latprobe.analysis.whatif import Scale, predict
from latprobe.clock import wall_ns
from latprobe.store.query import Query
from latprobe.store.reader import open_reader
from tests.dashboard.seeding import HOUR_NS, seed

QUESTIONS: dict[str, Callable[[Query], object]] = {
    "one row a request": lambda query: fetch_requests(query, EVERYTHING),
    "report": build_report,
    "tokens": lambda query: token_report(query, EVERYTHING),
    "whatif": lambda query: predict(query, (Scale("ocr", 0.5),)),
    "load": load_report,
    "slow": slow_against_fast,
    "latency": latency_models,
    "cache": cache_report,
    "changes": find_changes,
    "critical path of every request": lambda query: walk_requests(
        query, fetch_requests(query, EVERYTHING)
    ),
}


def ask(home: Path, question: str) -> None:
    """Prints what one question costs in this process."""
    with open_reader(home, start_agent=False) as store:
        store.query("SELECT 1")
        before, cpu = time.perf_counter(), time.process_time()
        QUESTIONS[question](store.query)
        wall_s, cpu_s = time.perf_counter() - before, time.process_time() - cpu
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{question:32} wall {wall_s:6.1f} s, CPU {cpu_s:6.1f} s, peak {peak_mib:5} MiB")


def ask_all(home: Path) -> None:
    """Each question in its own process."""
    with open_reader(home, start_agent=False) as store:
        rows = store.query("SELECT count(*) AS count FROM spans").to_pylist()
    print(f"{rows[0]['count']:,} spans")
    for question in QUESTIONS:
        name = "tests.benchmarks.large_store"
        subprocess.run(
            [sys.executable, "-m", name, "--home", str(home), "--ask", question], check=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=492_000)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--ask", choices=tuple(QUESTIONS))
    given = parser.parse_args()
    if given.ask is not None and given.home is not None:
        ask(given.home, given.ask)
    elif given.home is not None:
        ask_all(given.home)
    else:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "store"
            seed(home, requests=given.requests, end_ns=wall_ns(), length_ns=24 * HOUR_NS)
            ask_all(home)


if __name__ == "__main__":
    main()
