"""How fast the dashboard is on a million spans, or on ten million, in a real browser.

Run it from the repository root: `python -m tests.benchmarks.dashboard [--requests 49200]`, with
`--requests 492000` for ten million spans, or `--home FOLDER` for a store that is there already.
Prints medians and maxima in ms. "painted": from opening the address in a new tab until the answer,
the cards, the tables and the drawn charts are on the screen; "first" has nothing in the browser's
cache. "changed": from the click on a filter until the whole page shows the new figures and two
frames were drawn; each filter is asked for the first time. "navigated": the same from a click in
the sidebar. "server": what the page itself waited for, as its footer says, in these same clicks.
"floor" is an empty page of Streamlit in the same browser, "CPU" what the server's process used for
an opening. A page that does not come within a minute is named, and the next one is measured.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from playwright.sync_api import TimeoutError as NotThereError

from latprobe.clock import monotonic_ns, wall_ns
from tests.benchmarks.dashboard_floor import SIGN, empty_page
from tests.dashboard.browsing import CHROMIUM, FLAGS, Served
from tests.dashboard.seeding import HOUR_NS, seed

# Painted and changed, in ms; navigating within the app has to be as quick as painting.
TARGETS_MS = {"a million": (1_500, 500), "ten million": (2_500, 1_000)}
MILLION_REQUESTS = 100_000  # a store of more counts as one of ten million spans
SIZE = {"width": 1440, "height": 900}
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

# What must be there before a page counts as painted.
PAINTED = {
    "/": (".lp-answer", ".lp-card", "table[aria-label='Stages by critical path'] tbody tr",
          "canvas[data-points]"),
    "/stage?name=llm.generate": (".lp-answer", "canvas[data-points]", "canvas[data-bins]"),
    "/trace": (".lp-answer", "canvas[data-rows]"),
    "/traces": (".lp-answer", "table[aria-label='Requests'] tbody tr"),
    "/?passes=audio.transcribe": (".lp-answer", ".lp-card", "canvas[data-points]"),
    "/?calls=qwen2.5-vl-7b": (".lp-answer", ".lp-card", "canvas[data-points]"),
    "/?tag=page%3D2": (".lp-answer", ".lp-card", "canvas[data-points]"),
    "/?version=1.5.0": (".lp-answer", ".lp-card", "canvas[data-points]"),
    "/advice": (".lp-answer",),
    "/analyze": (".lp-answer", "table[aria-label='What requests would gain'] tbody tr"),
    # The two runs are of different services, so the page does not choose them by itself.
    "/compare?a=1&b=2": (".lp-answer", "table[aria-label='Whole request'] tbody tr"),
    "/gpu": (".lp-answer",),
    "/tokens": (".lp-answer", ".lp-card"),
    "/prompts": (".lp-answer",),
    "/live": (".lp-answer", "table[aria-label='Newest requests'] tbody tr"),
    "/health": (".lp-answer", ".lp-facts"),
}  # fmt: skip
# The control, its value, and what the page then says it shows; no filter comes twice.
CHANGES = (
    ("window", "24h", "window=24h"),
    ("window", "1h", "window=1h"),
    ("window", "15m", "window=15m"),
    ("window", "7d", "window=7d"),
    ("run", "Run 2", "run=2&window=7d"),
    ("window", "24h", "run=2&window=24h"),
    ("window", "1h", "run=2&window=1h"),
    ("window", "all", "run=2"),
    ("run", "Run 1", "run=1"),
    ("window", "24h", "run=1&window=24h"),
    ("service", "document-qa", "service=document-qa&window=24h"),
    ("window", "all", "service=document-qa"),
    ("service", "page-reader", "service=page-reader"),
    ("window", "1h", "service=page-reader&window=1h"),
    ("window", "24h", "service=page-reader&window=24h"),
)
# Sidebar links in the order they are clicked, with the title of the page each leads to.
LINKS = (
    ("Stage", "When is this stage slow?"),
    ("Trace", "What happened in this request?"),
    ("Traces", "Which requests were slow?"),
    ("Advice", "What should I change first?"),
    ("Analyze", "What would make requests faster?"),
    ("Compare", "What changed?"),
    ("Tokens", "Where do the tokens go?"),
    ("Prompts", "Which prompts waste tokens?"),
    ("Live", "Is it healthy now?"),
    ("Health", "Can I trust this data?"),
    ("Overview", "Where is the time going?"),
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--requests", type=int, default=49_200)
    arguments.add_argument("--repeats", type=int, default=5)
    arguments.add_argument("--home", type=Path, help="a store to look at instead of a new one")
    asked = arguments.parse_args()
    if asked.home is not None:
        _measure(asked.home, repeats=asked.repeats)
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "store"
        seed(
            home,
            requests=asked.requests,
            end_ns=wall_ns(),
            length_ns=24 * HOUR_NS,
            services=("document-qa", "page-reader"),
        )
        _measure(home, repeats=asked.repeats)


def _measure(home: Path, *, repeats: int) -> None:
    served = Served(home)
    try:
        url, server = served.url(), psutil.Process(served.process.pid)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, headless=True, args=list(FLAGS)
            )
            requests = _requests(browser, url)
            size = "ten million" if requests > MILLION_REQUESTS else "a million"
            painted_ms, changed_ms = TARGETS_MS[size]
            load = os.getloadavg()[0]
            print(f"{requests:,} requests, as {size} spans; load {load:.1f} on this machine")
            _measure_openings(browser, url, server, repeats=repeats, target_ms=painted_ms)
            _measure_changes(browser, url, target_ms=changed_ms)
            _measure_links(browser, url, repeats=repeats, target_ms=painted_ms)
            print(f"load {os.getloadavg()[0]:.1f} at the end")
            browser.close()
    finally:
        served.stop()


def _requests(browser: Browser, url: str) -> int:
    """How many requests the store has, as its page of requests says."""
    page = browser.new_page()
    _open(page, url + "/traces", PAINTED["/traces"])
    words = page.locator(".lp-answer b").first.inner_text()
    page.close()
    return int(re.sub(r"\D", "", words))


def _measure_openings(
    browser: Browser, url: str, server: psutil.Process, *, repeats: int, target_ms: float
) -> None:
    with empty_page() as empty:
        times = _opening_times(browser, empty, (SIGN,), repeats)
    floor_ms = statistics.median(times[1:])
    print(
        f"{'floor, an empty page':32} median {floor_ms:6,.0f}  first {times[0]:6,.0f}", flush=True
    )
    for path, signs in PAINTED.items():
        before_s = _cpu_s(server)
        try:
            times = _opening_times(browser, url + path, signs, repeats)
        except NotThereError as error:
            print(f"painted {path:24} not there: {_missing(error)}", flush=True)
            continue
        cpu_ms = (_cpu_s(server) - before_s) / len(times) * 1e3
        more = f"  floor x {statistics.median(times[1:]) / floor_ms:.2f}  CPU {cpu_ms:4,.0f}"
        _print(f"painted {path}", times[1:], target_ms, first=times[0], more=more)


def _opening_times(
    browser: Browser, address: str, signs: tuple[str, ...], repeats: int
) -> list[float]:
    """The first with nothing in the browser's cache. Raises NotThereError."""
    context = _context(browser)
    try:
        return [_painted_ms(context, address, signs) for _ in range(repeats + 1)]
    finally:
        context.close()


def _missing(error: NotThereError) -> str:
    """What was waited for, and for how long."""
    lines = str(error).splitlines()
    return " ".join([lines[0], *(line.strip() for line in lines if "waiting for" in line)])


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def _measure_changes(browser: Browser, url: str, *, target_ms: float) -> None:
    context = _context(browser)
    page = context.new_page()
    _open(page, url + "/", PAINTED["/"])
    times: dict[str, list[float]] = {}
    servers: dict[str, list[float]] = {}
    for control, value, shown in CHANGES:
        click = _ready_click(page, control, value)
        times.setdefault(control, []).append(
            _until_shown_ms(page, click, f"data-filters='{shown}'")
        )
        servers.setdefault(control, []).append(_server_ms(page))
    for control, found in times.items():
        _print(f"changed, {control}", found, target_ms, server=servers[control])
    context.close()


def _measure_links(browser: Browser, url: str, *, repeats: int, target_ms: float) -> None:
    context = _context(browser)
    page = context.new_page()
    _open(page, url + "/", PAINTED["/"])
    times: dict[str, list[float]] = {title: [] for title, _ in LINKS}
    servers: dict[str, list[float]] = {title: [] for title, _ in LINKS}
    for _ in range(repeats):
        for title, question in LINKS:
            _settle(page)
            link = page.get_by_test_id("stSidebarNav").get_by_role("link", name=title, exact=True)
            mark = f"data-page='{question}'"
            times[title].append(_until_shown_ms(page, link.click, mark))
            servers[title].append(_server_ms(page))
    for title, found in times.items():
        _print(f"navigated, {title}", found, target_ms, server=servers[title])
    context.close()


def _context(browser: Browser) -> BrowserContext:
    return browser.new_context(viewport=SIZE)  # type: ignore[arg-type]  # a plain dict


def _painted_ms(context: BrowserContext, address: str, signs: tuple[str, ...]) -> float:
    page = context.new_page()
    took = _timed(lambda: _open(page, address, signs))
    page.close()
    return took


def _open(page: Page, address: str, signs: tuple[str, ...]) -> None:
    page.goto(address, wait_until="commit")
    for sign in signs:
        page.wait_for_selector(sign, state="attached", timeout=60_000)


def _ready_click(page: Page, control: str, value: str) -> Callable[[], object]:
    """The last click that the choice takes; a list is opened before the clock starts."""
    _settle(page)
    if control == "window":
        return page.get_by_role("radio", name=value, exact=True).click
    page.get_by_role("combobox", name=control.capitalize()).click()
    option = page.get_by_role("option", name=re.compile("^" + re.escape(value)))
    option.wait_for()
    return option.click


def _settle(page: Page) -> None:
    page.wait_for_selector("[data-test-script-state=notRunning]", timeout=60_000)
    page.wait_for_timeout(300)


def _until_shown_ms(page: Page, click: Callable[[], object], mark: str) -> float:
    """From the click until the page's last element bears the mark and was drawn."""

    def act() -> None:
        click()
        page.wait_for_selector(f".lp-footer[{mark}]", timeout=60_000)
        page.evaluate(TWO_FRAMES)

    return _timed(act)


def _server_ms(page: Page) -> float:
    words = page.locator(".lp-footer").first.inner_text()
    return float(words.removeprefix("Answered in ").removesuffix(" ms"))


def _timed(act: Callable[[], object]) -> float:
    started = monotonic_ns()
    act()
    return (monotonic_ns() - started) / 1e6


def _print(
    what: str,
    times: list[float],
    target: float,
    *,
    first: float | None = None,
    server: list[float] | None = None,
    more: str = "",
) -> None:
    median = statistics.median(times)
    words = f"{what:32} median {median:6,.0f}  max {max(times):6,.0f}"
    if first is not None:
        words += f"  first {first:6,.0f}"
    if server is not None:
        words += f"  server {statistics.median(server):5,.0f}"
    print(words + more, " ok" if median <= target else f" over {target:,.0f}", flush=True)


if __name__ == "__main__":
    main()
