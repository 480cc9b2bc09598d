"""Whether ten people can use one dashboard at the same time.

Run it from the repository root: `python -m tests.benchmarks.dashboard_browsers [--browsers 10]`.
Each has a browser context of its own (cache, cookies, WebSocket, renderer) in one Chromium. They
come one after another, and then all click through pages and filters for `--seconds`, each looking
at what came for `--pause` seconds on average (exponential, half a second at least). Prints p50, p95
and the longest of all interactions (from the click until the whole page shows the new state), what
of them the server took by the page's footer, the errors seen by the browsers, and what server and
browsers used of the machine. The browsers run on the same machine, where ten people have ten: with
`--pause 0.5` they are all of its load, and the times say little about the server.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from playwright.async_api import Browser, Error, Page, async_playwright

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
    """What all browsers measured: ms by kind of interaction, those of the server, and faults."""

    times: list[tuple[str, float]] = field(default_factory=list)
    server: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--browsers", type=int, default=10)
    arguments.add_argument("--requests", type=int, default=49_200)
    arguments.add_argument("--seconds", type=float, default=120.0)
    arguments.add_argument("--pause", type=float, default=10.0)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "store"
        seed(home, requests=asked.requests, end_ns=wall_ns(), length_ns=24 * HOUR_NS)
        served = Served(home)
        try:
            asyncio.run(_measure(served, asked.browsers, asked.seconds, asked.pause))
        finally:
            served.stop()


async def _measure(served: Served, browsers: int, seconds: float, pause_s: float) -> None:
    url, seen = served.url(), Seen()
    print(f"{browsers} browsers, load {os.getloadavg()[0]:.1f} on this machine", flush=True)
    server = psutil.Process(served.process.pid)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=list(FLAGS)
        )
        pages = [await _come(browser, url, seen) for _ in range(browsers)]
        before, started = _cpu_s(server), monotonic_ns()
        until_ns = started + int(seconds * 1e9)
        await asyncio.gather(
            *(_use(page, url, until_ns, pause_s, n, seen) for n, page in enumerate(pages))
        )
        used_s, took_s = _cpu_s(server) - before, (monotonic_ns() - started) / 1e9
        await browser.close()
    for kind in ("opened", "link", "window"):
        _print(kind, [ms for name, ms in seen.times if name == kind])
    _print("all but opened", [ms for name, ms in seen.times if name != "opened"])
    _print("server", seen.server)
    print(f"server {used_s / took_s * 100:.0f} % of a core")
    print(f"load {os.getloadavg()[0]:.1f} at the end, {len(seen.faults)} errors")
    for fault in sorted(set(seen.faults))[:20]:
        print("  ", fault)


async def _come(browser: Browser, url: str, seen: Seen) -> Page:
    """A person's first page."""
    context = await browser.new_context(viewport=SIZE)  # type: ignore[arg-type]  # a plain dict
    page = await context.new_page()
    page.on("pageerror", lambda error: seen.faults.append(f"pageerror: {error}"))
    await _timed(seen, page, "opened", lambda: _open(page, url))
    return page


async def _use(
    page: Page, url: str, until_ns: int, pause_s: float, number: int, seen: Seen
) -> None:
    """One person reads and clicks."""
    choose = random.Random(number)
    try:
        while True:
            await page.wait_for_timeout(max(choose.expovariate(1 / pause_s), 0.5) * 1000)
            if monotonic_ns() >= until_ns:
                break
            await _interact(page, choose, seen)
            if await page.locator("[data-testid=stException]").count():
                seen.faults.append("an exception on " + page.url.removeprefix(url))
    except Error as error:
        seen.faults.append(str(error).splitlines()[0])


async def _open(page: Page, url: str) -> None:
    await page.goto(url, wait_until="commit")
    await page.wait_for_selector(".lp-footer", state="attached", timeout=60_000)


async def _interact(page: Page, choose: random.Random, seen: Seen) -> None:
    windows = page.get_by_role("radio", name="24h", exact=True)
    if await windows.count() and choose.random() < 0.5:
        name = choose.choice(WINDOWS)
        radio = page.get_by_role("radio", name=name, exact=True)
        if await radio.is_checked():
            return
        mark = "window=" + name if name != "all" else ""
        sign = f"[data-filters*='{mark}']" if mark else ":not([data-filters*='window='])"
        act = _click_until(page, radio.click, f".lp-footer{sign}")
        await _timed(seen, page, "window", act)
        return
    title, question = choose.choice(LINKS)
    link = page.get_by_test_id("stSidebarNav").get_by_role("link", name=title, exact=True)
    sign = f".lp-footer[data-page='{question}']"
    await _timed(seen, page, "link", _click_until(page, link.click, sign))


def _click_until(
    page: Page, click: Callable[[], Awaitable[None]], sign: str
) -> Callable[[], Awaitable[None]]:
    async def act() -> None:
        await click()
        await page.wait_for_selector(sign, state="attached", timeout=60_000)

    return act


async def _timed(seen: Seen, page: Page, kind: str, act: Callable[[], Awaitable[None]]) -> None:
    started = monotonic_ns()
    await act()
    seen.times.append((kind, (monotonic_ns() - started) / 1e6))
    words = await page.locator(".lp-footer").first.inner_text()
    seen.server.append(float(words.removeprefix("Answered in ").removesuffix(" ms")))


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def _print(kind: str, times: list[float]) -> None:
    if not times:
        return
    p50, p95 = np.quantile(times, [0.5, 0.95]).tolist()
    verdict = "ok" if p95 <= TARGET_P95_MS else f"over {TARGET_P95_MS:,}"
    print(
        f"{kind:14} {len(times):5} p50 {p50:6,.0f}  p95 {p95:6,.0f}  max {max(times):6,.0f}",
        verdict,
    )


if __name__ == "__main__":
    main()
