"""From the journal into DuckDB: how fast, how fresh, how large, and whether anything is dropped.

python tests/benchmarks/ingest.py [--spans 1000000] [--seconds 10]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil

from latprobe.clock import monotonic_ns, wall_ns
from latprobe.store.owner import StoreOwner
from latprobe.store.reader import open_reader

FLAT_OUT = """
import sys, threading
import latprobe.auto, latprobe
for _ in range(int(sys.argv[1]) // 8):
    with latprobe.stage("request"):
        for name in ("a", "b", "c", "d", "e", "f", "g"):
            with latprobe.stage(name):
                pass
assert threading.active_count() == 1
"""

# Four spans every millisecond or so, each with the moment it ended in its name's attribute.
PACED = """
import sys, time
import latprobe.auto, latprobe
end = time.perf_counter() + float(sys.argv[1])
due = time.perf_counter()
while time.perf_counter() < end:
    with latprobe.stage("tick"):
        pass
    due += 0.001
    pause = due - time.perf_counter()
    if pause > 0:
        time.sleep(pause)
"""


def python(code: str, home: Path, *arguments: str, agent: str = "off") -> subprocess.Popen[bytes]:
    """A recorder of its own."""
    environment = {**os.environ, "LATPROBE_HOME": str(home), "LATPROBE_AGENT": agent}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment)


def sustained(spans: int) -> None:
    """Ingests a backlog on one thread and weighs the file."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "store"
        start = monotonic_ns()
        python(FLAT_OUT, home, str(spans)).wait()
        produced_s = (monotonic_ns() - start) / 1e9
        process = psutil.Process()
        cpu = sum(process.cpu_times()[:2])
        start = monotonic_ns()
        with StoreOwner(home) as owner:
            owner.ingest_pending()
            took_s = (monotonic_ns() - start) / 1e9
            cpu_s = sum(process.cpu_times()[:2]) - cpu
            table = owner.query("SELECT count(*) AS n FROM spans")
            found = table.column("n")[0].as_py()
        size = sum(path.stat().st_size for path in home.glob("latprobe.duckdb*"))
    print(
        f"{spans:,} spans recorded in {produced_s:.1f} s; {found:,} visible, {spans - found} lost"
    )
    print(
        f"ingest {found / took_s:,.0f} spans/s of wall time, {found / cpu_s:,.0f} a CPU second "
        "(promised: at least 60,000 on one core)"
    )
    print(f"{size / found:.1f} bytes a lean span (promised: at most 60)")


def fresh(seconds: float) -> None:
    """Four processes record 4,000 spans/s; a reader asks how old the newest visible span is."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "store"
        recorders = [python(PACED, home, str(seconds), agent="on") for _ in range(4)]
        ages: list[float] = []
        pause = threading.Event()
        while not (home / "journal").exists():
            pause.wait(0.01)
        with open_reader(home) as reader:
            while any(recorder.poll() is None for recorder in recorders):
                table = reader.query("SELECT max(start_ns + duration_ns) AS newest FROM spans")
                newest = table.column("newest")[0].as_py()
                if newest is not None:
                    ages.append((wall_ns() - newest) / 1e6)
                pause.wait(0.02)
            reader.flush(10)
            count = reader.query("SELECT count(*) AS n FROM spans").column("n")[0].as_py()
    settled = ages[len(ages) // 5 : -25]
    p95 = statistics.quantiles(settled, n=20)[-1]
    print(
        f"{count / seconds:,.0f} spans/s from 4 processes: the newest visible span is "
        f"{statistics.median(settled):.0f} ms old at p50, {p95:.0f} ms at p95 "
        "(promised: under 1,000 at p95)"
    )


def main() -> None:
    """Both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    sustained(options.spans)
    fresh(options.seconds)


if __name__ == "__main__":
    main()
