"""What the agent takes of a core while a program records a few spans a second.

    python tests/benchmarks/agent_idle.py [--rates 5 50 500] [--seconds 15]

One process records that many spans a second; first nobody asks for them, then somebody asks once a
second, as the Live page does. CPU time of the agent's threads together, as a share of the time.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil

from latprobe.agent.address import read_address
from latprobe.clock import monotonic_ns
from latprobe.store.reader import open_reader

PACED = """
import sys, time
import latprobe.auto, latprobe
pause = 1 / float(sys.argv[1])
due = time.perf_counter()
while True:
    with latprobe.stage("tick"):
        pass
    due += pause
    time.sleep(max(due - time.perf_counter(), 0))
"""
SETTLE_S = 8.0


def pause_s(seconds: float) -> None:
    """Waits."""
    threading.Event().wait(seconds)


def agent_of(home: Path) -> psutil.Process:
    """The agent, as soon as there is one."""
    while (address := read_address(home)) is None:
        pause_s(0.1)
    return psutil.Process(address.pid)


def cpu_share(agent: psutil.Process, seconds: float, home: Path | None) -> float:
    """Percent of a core over that time. With a folder, its store is asked once a second."""
    before, start = sum(agent.cpu_times()[:2]), monotonic_ns()
    if home is None:
        pause_s(seconds)
    else:
        with open_reader(home) as reader:
            while (monotonic_ns() - start) / 1e9 < seconds:
                reader.data_version()
                pause_s(1.0)
    return 100 * (sum(agent.cpu_times()[:2]) - before) / ((monotonic_ns() - start) / 1e9)


def measure(spans_per_s: float, seconds: float) -> tuple[float, float]:
    """(while nobody asks, while somebody does)."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "store"
        environment = {**os.environ, "LATPROBE_HOME": str(home)}
        program = subprocess.Popen([sys.executable, "-c", PACED, str(spans_per_s)], env=environment)
        try:
            agent = agent_of(home)
            pause_s(SETTLE_S)  # its imports, and the first second's questions
            unasked = cpu_share(agent, seconds, None)
            asked = cpu_share(agent, seconds, home)
        finally:
            program.kill()
            program.wait()
        agent.send_signal(signal.SIGTERM)
        agent.wait(30)
        return unasked, asked


def main() -> None:
    """A line for each rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[5.0, 50.0, 500.0])
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    for rate in options.rates:
        unasked, asked = measure(rate, options.seconds)
        print(
            f"{rate:g} spans/s: the agent takes {unasked:.1f} % of a core while nobody asks, "
            f"{asked:.1f} % while somebody asks once a second"
        )


if __name__ == "__main__":
    main()
