"""Whether ten people can use one dashboard at the same time.

Run it from the repository root: `python -m tests.benchmarks.dashboard_browsers [--browsers 10]`.
Each has a browser context of its own and clicks through pages and filters for `--seconds`. Prints
p50, p95 and the longest of all interactions (from the click until the whole page shows the new
state), the errors seen by the browsers, and what the server used of the machine meanwhile. The
browsers run on the same machine, which is most of its load: read it together with that.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from playwright.sync_api import Error, Page, sync_playwright

from latprobe.clock import monotonic_ns, wall_ns
from tests.dashboard.browsing import CHROMIUM, FLAGS, Served
from tests.dashboard.seeding import HOUR_NS, seed

TARGET_P95_MS = 2_000
LINKS = (
    ("Overview", "Where is the time going?"),
    ("Stage", "When is this stage slow?"),
    ("Trace", "What happened in this request?"),
    ("Traces", "Which requests were slow?"),
    ("Health", "Can I trust this data?"),
)
WINDOWS = ("15m", "1h", "24h", "7d", "all")
SIZE = {"width": 1440, "height": 900}


@dataclass
class Seen:
    """What all browsers measured: ms by kind of interaction, and what went wrong."""

    times: list[tuple[str, float]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--browsers", type=int, default=10)
    arguments.add_argument("--requests", type=int, default=49_200)
    arguments.add_argument("--seconds", type=float, default=60.0)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "store"
        seed(home, requests=asked.requests, end_ns=wall_ns(), length_ns=24 * HOUR_NS)
        served = Served(home)
        try:
            _measure(served, asked.browsers, asked.seconds)
        finally:
            served.stop()


def _measure(served: Served, browsers: int, seconds: float) -> None:
    url, seen = served.url(), Seen()
    print(f"{browsers} browsers, load {os.getloadavg()[0]:.1f} on this machine", flush=True)
    server = psutil.Process(served.process.pid)
    before, started = _cpu_s(server), monotonic_ns()
    visitors = [
        threading.Thread(target=_visit, args=(url, seconds, seed_number, seen))
        for seed_number in range(browsers)
    ]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    took_s = (monotonic_ns() - started) / 1e9
    for kind in ("opened", "link", "window"):
        _print(kind, [ms for name, ms in seen.times if name == kind])
    _print("all", [ms for _, ms in seen.times])
    print(f"server {(_cpu_s(server) - before) / took_s * 100:.0f} % of a core")
    print(f"load {os.getloadavg()[0]:.1f} at the end, {len(seen.faults)} errors")
    for fault in sorted(set(seen.faults))[:20]:
        print("  ", fault)


def _visit(url: str, seconds: float, seed_number: int, seen: Seen) -> None:
    """One person, in a thread with a browser of its own: Playwright's objects stay in theirs."""
    choose = random.Random(seed_number)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=list(FLAGS)
        )
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]  # a plain dict
        page.on("pageerror", lambda error: seen.faults.append(f"pageerror: {error}"))
        try:
            _timed(seen, "opened", lambda: _open(page, url))
            until = monotonic_ns() + int(seconds * 1e9)
            while monotonic_ns() < until:
                _interact(page, choose, seen)
                if page.locator("[data-testid=stException]").count():
                    seen.faults.append("an exception on " + page.url.removeprefix(url))
                page.wait_for_timeout(choose.uniform(200, 1_500))
        except Error as error:
            seen.faults.append(str(error).splitlines()[0])
        browser.close()


def _open(page: Page, url: str) -> None:
    page.goto(url, wait_until="commit")
    page.wait_for_selector(".lp-footer", state="attached", timeout=60_000)


def _interact(page: Page, choose: random.Random, seen: Seen) -> None:
    windows = page.get_by_role("radio", name="24h", exact=True)
    if windows.count() and choose.random() < 0.5:
        name = choose.choice(WINDOWS)
        radio = page.get_by_role("radio", name=name, exact=True)
        if radio.is_checked():
            return
        mark = "window=" + name if name != "all" else ""
        sign = f"[data-filters*='{mark}']" if mark else ":not([data-filters*='window='])"
        _timed(seen, "window", lambda: _click_until(page, radio.click, f".lp-footer{sign}"))
        return
    title, question = choose.choice(LINKS)
    link = page.get_by_test_id("stSidebarNav").get_by_role("link", name=title, exact=True)
    sign = f".lp-footer[data-page='{question}']"
    _timed(seen, "link", lambda: _click_until(page, link.click, sign))


def _click_until(page: Page, click: Callable[[], object], sign: str) -> None:
    click()
    page.wait_for_selector(sign, state="attached", timeout=60_000)


def _timed(seen: Seen, kind: str, act: Callable[[], object]) -> None:
    started = monotonic_ns()
    act()
    seen.times.append((kind, (monotonic_ns() - started) / 1e6))


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def _print(kind: str, times: list[float]) -> None:
    if not times:
        return
    p50, p95 = np.quantile(times, [0.5, 0.95]).tolist()
    verdict = "ok" if p95 <= TARGET_P95_MS else f"over {TARGET_P95_MS:,}"
    print(
        f"{kind:8} {len(times):5} p50 {p50:6,.0f}  p95 {p95:6,.0f}  max {max(times):6,.0f}", verdict
    )


if __name__ == "__main__":
    main()
