"""What an open page costs the server, on a store that rests and while a program records.

Run it from the repository root: `python -m tests.benchmarks.dashboard_live [--seconds 60]`.
A browser has Overview, then Live open on a store of a million spans; then the same while a program
makes 20 requests a second into it. Prints the CPU time of the dashboard's process and of the agent
as shares of a core, with the page open and without: the agent also takes the spans in. Last, how
many times the open page was drawn anew, and how often its cards showed other figures.
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


# A page says at its end how long it took; Live's fragment changes its first sentence.
_COUNT_REDRAWS = """() => {
    const words = (...signs) => signs.map((each) => document.querySelector(each)?.innerText).join();
    window.redraws = {page: 0, cards: 0};
    const look = {page: () => words(".lp-footer", ".lp-answer"), cards: () => words(".lp-cards")};
    const before = {page: look.page(), cards: look.cards()};
    setInterval(() => {
        for (const part of ["page", "cards"]) {
            const now = look[part]();
            if (now !== before[part]) { before[part] = now; window.redraws[part] += 1; }
        }
    }, 100);
}"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=60.0)
    arguments.add_argument("--requests", type=int, default=49_200)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "store"
        seed(home, requests=asked.requests, end_ns=wall_ns(), length_ns=24 * HOUR_NS)
        served = Served(home, environment={"LATPROBE_AGENT": "on"})
        try:
            print(f"load {os.getloadavg()[0]:.1f} on this machine, {asked.seconds:.0f} s each")
            _measure(served, home, "resting", asked.seconds)
            program = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(asked.seconds * 3 + 120)],
                env={**os.environ, "LATPROBE_HOME": str(home), "LATPROBE_AGENT": "on"},
            )
            try:
                _measure(served, home, "written", asked.seconds)
            finally:
                program.terminate()
                program.wait(timeout=30)
        finally:
            served.stop()


def _measure(served: Served, home: Path, store: str, seconds: float) -> None:
    url = served.url()
    agent = int(json.loads((home / "agent.json").read_text("utf-8"))["pid"])
    processes = {"dashboard": served.process.pid, "agent": agent}
    alone = _shares(processes, seconds)
    _print(f"{store}, no page open", alone, alone)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=list(FLAGS)
        )
        for path in ("/", "/live"):
            page = browser.new_page()
            page.goto(url + path)
            page.wait_for_selector(".lp-footer", state="attached", timeout=60_000)
            page.wait_for_timeout(30_000)  # what opening it sets off is another matter
            page.evaluate(_COUNT_REDRAWS)
            shown = _shares(processes, seconds)
            _print(f"{store}, {path} open", shown, alone, page.evaluate("window.redraws"))
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


def _print(
    what: str,
    shares: dict[str, float],
    alone: dict[str, float],
    redraws: dict[str, int] | None = None,
) -> None:
    words = "  ".join(f"{name} {share:6.2%}" for name, share in shares.items())
    extra = sum(shares.values()) - sum(alone.values())
    verdict = "ok" if extra <= TARGET_SHARE else f"over {TARGET_SHARE:.0%}"
    drawn = ""
    if redraws is not None:
        drawn = f"  drawn anew {redraws['page']} times, cards {redraws['cards']}"
    print(f"{what:22} {words}  added {extra:6.2%}  {verdict}{drawn}", flush=True)


if __name__ == "__main__":
    main()
