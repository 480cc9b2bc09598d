"""What an open page costs the server while a program records.

Run it from the repository root: `python -m tests.benchmarks.dashboard_live [--seconds 60]`.
A program makes 20 requests a second into a store of a million spans; a browser has Overview, then
Live open. Prints the CPU time of the dashboard's process and of the agent as shares of a core, with
the page open and without: the agent also takes the spans in.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil
from playwright.sync_api import sync_playwright

from latprobe.clock import monotonic_ns, wall_ns
from tests.dashboard.browsing import CHROMIUM, FLAGS, Served
from tests.dashboard.seeding import HOUR_NS, seed

TARGET_SHARE = 0.05

_PROGRAM = """
import sys, time
import latprobe
latprobe.init(service="live")
until = time.monotonic() + float(sys.argv[1])
while time.monotonic() < until:
    with latprobe.stage("answer_question"):
        for name in ("ocr", "embed", "llm.generate"):
            with latprobe.stage(name):
                time.sleep(0.005)
    time.sleep(0.03)
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=60.0)
    arguments.add_argument("--requests", type=int, default=49_200)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "store"
        seed(home, requests=asked.requests, end_ns=wall_ns(), length_ns=24 * HOUR_NS)
        served = Served(home, environment={"LATPROBE_AGENT": "on"})
        program = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(asked.seconds * 3 + 60)],
            env={**os.environ, "LATPROBE_HOME": str(home), "LATPROBE_AGENT": "on"},
        )
        try:
            _measure(served, home, asked.seconds)
        finally:
            program.terminate()
            program.wait(timeout=30)
            served.stop()


def _measure(served: Served, home: Path, seconds: float) -> None:
    url = served.url()
    agent = int(json.loads((home / "agent.json").read_text("utf-8"))["pid"])
    processes = {"dashboard": served.process.pid, "agent": agent}
    print(f"load {os.getloadavg()[0]:.1f} on this machine, {seconds:.0f} s each", flush=True)
    alone = _shares(processes, seconds)
    _print("no page open", alone, alone)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=list(FLAGS)
        )
        for path in ("/", "/live"):
            page = browser.new_page()
            page.goto(url + path)
            page.wait_for_selector(".lp-footer", state="attached", timeout=60_000)
            page.wait_for_timeout(30_000)  # what opening it sets off is another matter
            shown = _shares(processes, seconds)
            _print(f"{path} open", shown, alone)
            page.close()
        browser.close()


def _shares(processes: dict[str, int], seconds: float) -> dict[str, float]:
    """CPU time of each process over the next seconds, as a share of a core."""
    before = {name: _cpu_s(pid) for name, pid in processes.items()}
    started = monotonic_ns()
    threading.Event().wait(seconds)
    took_s = (monotonic_ns() - started) / 1e9
    return {name: (_cpu_s(pid) - before[name]) / took_s for name, pid in processes.items()}


def _cpu_s(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


def _print(what: str, shares: dict[str, float], alone: dict[str, float]) -> None:
    words = "  ".join(f"{name} {share:6.2%}" for name, share in shares.items())
    extra = sum(shares.values()) - sum(alone.values())
    verdict = "ok" if extra <= TARGET_SHARE else f"over {TARGET_SHARE:.0%}"
    print(f"{what:14} {words}  added {extra:6.2%}  {verdict}", flush=True)


if __name__ == "__main__":
    main()
