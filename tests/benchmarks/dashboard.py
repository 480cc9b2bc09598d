"""How fast the dashboard is on a million spans, in a real browser.

Run it from the repository root: `python -m tests.benchmarks.dashboard [--requests 49200]`.
Prints the medians in ms. "painted": from opening the address in a new tab until the answer, the
cards, the stages and the drawn chart are on the screen. "changed": from clicking another window
until the figures are the new ones; "at once" clicks before the other windows were foreseen.
Pages are opened in a browser that has the dashboard's scripts in its cache; "first" has not.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from latprobe.clock import monotonic_ns, wall_ns
from tests.dashboard.browsing import CHROMIUM, FLAGS, running_dashboard
from tests.dashboard.seeding import HOUR_NS, seed

TARGET_PAINTED_MS, TARGET_CHANGED_MS = 2_500, 500
SIZE = {"width": 1440, "height": 900}

# What must be there before a page counts as painted.
PAINTED = {
    "/": (".lp-answer", ".lp-card", "table[aria-label='Stages by critical path'] tbody tr",
          "canvas[data-points]"),
    "/stage?name=llm.generate": (".lp-answer", ".js-plotly-plot .barlayer path"),
    "/trace": (".lp-answer", "canvas[data-rows]"),
    "/traces": (".lp-answer", "[data-testid=stDataFrame] canvas"),
    "/live": (".lp-answer", "table[aria-label='Newest requests'] tbody tr"),
    "/health": (".lp-answer", ".lp-facts"),
}  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--requests", type=int, default=49_200)
    arguments.add_argument("--repeats", type=int, default=5)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "store"
        seed(home, requests=asked.requests, end_ns=wall_ns(), length_ns=24 * HOUR_NS)
        with running_dashboard(home) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, headless=True, args=list(FLAGS)
            )
            print(f"{asked.requests:,} requests, load {os.getloadavg()[0]:.1f} on this machine")
            _measure(browser, url, repeats=asked.repeats)
            browser.close()


def _measure(browser: Browser, url: str, *, repeats: int) -> None:
    for path, signs in PAINTED.items():
        context = browser.new_context(viewport=SIZE)  # type: ignore[arg-type]  # a plain dict
        times = [_painted_ms(context, url + path, signs) for _ in range(repeats + 1)]
        _print(f"painted {path}", times[0], times[1:], TARGET_PAINTED_MS)
        context.close()
    context = browser.new_context(viewport=SIZE)  # type: ignore[arg-type]  # a plain dict
    page = context.new_page()
    _open(page, url + "/", PAINTED["/"])
    page.wait_for_timeout(4_000)  # a person reads before they click
    times = []
    for window in ("1h", "24h", "15m"):
        times += [_changed_ms(page, window), _changed_ms(page, "all")]
    _print("changed, window", times[0], times, TARGET_CHANGED_MS)
    context.close()
    context = browser.new_context(viewport=SIZE)  # type: ignore[arg-type]  # a plain dict
    page = context.new_page()
    _open(page, url + "/?run=2", PAINTED["/"])
    at_once = [_changed_ms(page, window) for window in ("24h", "1h", "7d")]
    _print("changed, at once after opening", at_once[0], at_once, TARGET_CHANGED_MS)
    context.close()


def _painted_ms(context: BrowserContext, address: str, signs: tuple[str, ...]) -> float:
    page = context.new_page()
    took = _timed(lambda: _open(page, address, signs))
    page.close()
    return took


def _open(page: Page, address: str, signs: tuple[str, ...]) -> None:
    page.goto(address, wait_until="commit")
    for sign in signs:
        page.wait_for_selector(sign, state="attached", timeout=60_000)


def _changed_ms(page: Page, window: str) -> float:
    """Until the requests' card and the stages below it show the new window."""
    page.wait_for_selector("[data-test-script-state=notRunning]", timeout=60_000)
    control = page.get_by_role("radio", name=window, exact=True)

    def change() -> None:
        control.click()
        page.wait_for_selector(f".lp-answer[data-window='{window}']", timeout=60_000)
        page.wait_for_selector(f".lp-cards[data-window='{window}']", timeout=60_000)

    return _timed(change)


def _timed(act: Callable[[], None]) -> float:
    started = monotonic_ns()
    act()
    return (monotonic_ns() - started) / 1e6


def _print(what: str, first: float, times: list[float], target: float) -> None:
    median = statistics.median(times)
    verdict = "ok" if median <= target else f"over {target:,.0f}"
    print(f"{what:32} median {median:7,.0f}  first {first:7,.0f}  {verdict}")


if __name__ == "__main__":
    main()
