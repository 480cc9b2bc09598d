"""The dashboard in a real browser, over one server for all tests."""

from __future__ import annotations

import csv
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from latprobe.clock import monotonic_ns, wall_ns
from latprobe_dashboard.charts.scripts import source
from tests.dashboard.browsing import CHROMIUM, FLAGS, Served
from tests.dashboard.seeding import seed
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

PATHS = {
    "overview": "/",
    "advice": "/advice",
    "analyze": "/analyze",
    "compare": "/compare",
    "stage": "/stage?name=llm.generate",
    "trace": "/trace",
    "gpu": "/gpu",
    "tokens": "/tokens",
    "prompts": "/prompts",
    "traces": "/traces",
    "live": "/live",
    "health": "/health",
}
LIVE_S = 2.0
SETTLED = "[data-testid=stApp][data-test-script-state=notRunning]"
# A folder to keep a picture of each page in; read now, since conftest clears LATPROBE_*.
SHOTS = os.environ.get("LATPROBE_TEST_SHOTS")

_PIPELINE = """
import sys
import latprobe
latprobe.init(service="live-pipeline")
for line in sys.stdin:
    with latprobe.stage("live." + line.strip()):
        with latprobe.stage("inner", modality="image"):
            pass
    print("recorded", flush=True)
latprobe.flush()
"""


# The rows that the lower edge of a table goes through.
_ROWS_CUT = """shell => {
  const bottom = shell.querySelector(".frame").getBoundingClientRect().bottom - 1;
  const ends = [...shell.querySelectorAll("tbody tr")].map((row) => row.getBoundingClientRect());
  return ends.filter((row) => row.top < bottom - 2 && row.bottom > bottom + 2).length;
}"""


@dataclass
class Watched:
    """A browser tab and everything it should not have done."""

    page: Any
    url: str
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> Watched:
        """Goes there and waits until the page is drawn; fails at once on an exception."""
        self.page.goto(self.url + path)
        return self.settle()

    def settle(self) -> Watched:
        self.page.wait_for_selector("[data-lp=ready], [data-testid=stException]", state="attached")
        self.page.wait_for_selector(SETTLED)
        # Elements whose code the browser is still fetching are grey boxes until it is there.
        wait_until(lambda: self.page.locator("[data-testid=stSkeleton]").count() == 0, timeout_s=10)
        assert self.page.locator("[data-testid=stException]").count() == 0
        assert "Page not found" not in self.page.inner_text("body")
        return self

    def sees(self, selector: str, count: int) -> None:
        """Waits for exactly so many: what a finished script sent may not be on the screen yet."""
        wait_until(lambda: self.page.locator(selector).count() == count)
        assert self.page.locator(selector).count() == count

    def watch(self) -> None:
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("console", self._said)
        self.page.on("request", self._asked)

    def _said(self, message: Any) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text} {message.location}")

    def _asked(self, request: Any) -> None:
        if not re.match(r"(https?|wss?)://127\.0\.0\.1:\d+/|data:|blob:", request.url):
            self.faults.append(f"asked for {request.url}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium; without one the tests are skipped.

    Not for the whole session: while Playwright is open its event loop runs in this thread, and
    `asyncio.run` in any later test would fail.
    """
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no {CHROMIUM}; install it with: apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip("no playwright; install it with: pip install playwright")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=list(FLAGS)
        )
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seed(tmp_path_factory.mktemp("browser") / "store", requests=120, end_ns=wall_ns())


@pytest.fixture(scope="module")
def served(home: Path, browser: Any) -> Iterator[Served]:
    # conftest takes LATPROBE_* away for a test; this process lives for the whole module.
    started = Served(home, environment={"LATPROBE_AGENT": "on", "LATPROBE_HOME": str(home)})
    yield started
    assert started.stop() == 0
    assert "Uncaught app execution" not in "".join(started.errors)


@pytest.fixture(scope="module")
def contexts(browser: Any) -> Iterator[Callable[[str], Any]]:
    opened: dict[str, Any] = {}

    def context(scheme: str) -> Any:
        if scheme not in opened:
            opened[scheme] = browser.new_context(
                viewport={"width": 1440, "height": 900}, color_scheme=scheme
            )
            opened[scheme].set_default_timeout(60_000)
        return opened[scheme]

    yield context
    for each in opened.values():
        each.close()


@pytest.fixture(params=["light"])
def tab(
    request: pytest.FixtureRequest, served: Served, contexts: Callable[[str], Any]
) -> Iterator[Watched]:
    """A new tab; the test fails if it logged an error or asked anybody else for anything."""
    watched = Watched(contexts(request.param).new_page(), served.url())
    watched.watch()
    yield watched
    watched.page.close()
    assert watched.faults == []


def test_a_deep_link_works_as_the_first_visit_after_a_start(tab: Watched) -> None:
    tab.open("/trace?id=00000003&span=0000000000000069")
    assert tab.page.locator(".lp-span-name").inner_text() == "ocr"


@pytest.mark.parametrize("tab", ["light", "dark"], indirect=True)
@pytest.mark.parametrize("name", PATHS)
def test_a_page_is_drawn_in_either_theme(name: str, tab: Watched) -> None:
    tab.open(PATHS[name])
    tab.sees("h1", 1)
    assert tab.page.locator(".lp-answer").first.inner_text() != ""
    if SHOTS:
        scheme = tab.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        shade = "dark" if scheme else "light"
        tab.page.screenshot(path=f"{SHOTS}/{name}_{shade}.png")


def test_a_row_of_the_slowest_requests_opens_its_trace(tab: Watched) -> None:
    tab.open("/")
    row = tab.page.locator("table[aria-label='Slowest requests'] tbody tr").first
    trace = row.locator("td").last.inner_text()
    row.click()
    tab.page.wait_for_url(re.compile(r"/trace\?.*id=" + trace))
    tab.page.wait_for_selector("canvas[data-rows]")
    assert trace in tab.page.locator(".lp-note .lp-mono").inner_text()


def test_a_stage_of_the_overview_opens_with_the_keyboard(tab: Watched) -> None:
    tab.open("/")
    tab.page.locator("table[aria-label='Stages by critical path'] a").first.focus()
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_url(re.compile(r"/stage\?.*name=llm\.decode"))
    tab.settle()
    assert "llm.decode" in tab.page.locator(".lp-answer").inner_text()


def test_a_table_is_sorted_by_its_headings_and_saved_as_it_stands(tab: Watched) -> None:
    tab.open("/")
    table = tab.page.locator("table[aria-label='Stages by critical path']")
    table.get_by_role("button", name="p95").click()
    heading = table.locator("th[aria-sort=descending]")
    heading.wait_for()
    with tab.page.expect_download() as download:
        tab.page.get_by_role("button", name="Save Stages by critical path as CSV").click()
    assert download.value.suggested_filename == "latprobe-stages-by-critical-path.csv"
    lines = list(csv.DictReader(Path(download.value.path()).read_text("utf-8").splitlines()))
    p95 = [float(line["p95_ms"]) for line in lines]
    assert p95 == sorted(p95, reverse=True)
    shown = table.locator("tbody tr").first.locator("td").first.inner_text()
    assert lines[0]["stage"] == shown.strip()
    table.locator("tbody tr a").first.click()
    tab.page.wait_for_url(re.compile("/stage.*name=" + re.escape(lines[0]["stage"])))


def test_a_long_table_ends_between_two_rows_and_says_how_many_are_below(tab: Watched) -> None:
    tab.open("/traces")
    shell = tab.page.locator(".shell", has=tab.page.locator("table[aria-label=Requests]"))
    shell.locator("xpath=self::*[@data-more != '']").wait_for()
    cut = shell.evaluate(_ROWS_CUT)
    assert cut == 0
    below = shell.get_attribute("data-more") or ""
    shell.locator(".frame").evaluate("e => e.scrollTo(0, e.scrollHeight)")
    wait_until(lambda: shell.get_attribute("data-more") == "")
    assert re.fullmatch(r"\d+ more below", below)


def test_a_time_axis_is_divided_as_clocks_are(tab: Watched) -> None:
    rough_ms = [0.003, 4, 12_000, 25_000, 100_000, 1_000_000, 9e7, 3e8]
    found = tab.page.evaluate(f"{source('drawing.js')}; {rough_ms}.map(niceTimeStep)")
    assert found == [0.005, 5, 20_000, 30_000, 120_000, 1_800_000, 172_800_000, 432_000_000]


def test_a_chart_is_saved_as_a_picture_and_as_a_page_that_needs_no_net(
    tab: Watched, browser: Any, tmp_path: Path
) -> None:
    tab.open("/")
    with tab.page.expect_download() as download:
        tab.page.get_by_role("button", name="Save latency as a picture").click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
    with tab.page.expect_download() as download:
        tab.page.get_by_role("button", name="Save latency as HTML").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    alone, said = browser.new_context(offline=True), []
    alone.set_default_timeout(60_000)
    page = alone.new_page()
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda asked: said.append(asked.url))
    page.goto(file.as_uri())
    page.wait_for_selector("#chart[data-drawn='3'] .scatterlayer path.js-line", state="attached")
    assert page.locator(".gtitle").text_content() == "Latency and failures over time"
    alone.close()
    assert said == [file.as_uri()]
    assert file.name == "latprobe-latency.html"


def test_picking_a_span_shows_it_and_puts_it_into_the_address(tab: Watched) -> None:
    tab.open("/trace?id=00000003")
    tab.page.wait_for_selector("canvas[data-rows]")
    tab.page.locator("canvas[data-rows]").click(position={"x": 60, "y": 26 + 22 * 2 + 11})
    tab.page.wait_for_url(re.compile("span="))
    name = tab.page.locator(".lp-span-name", has_text="image.decode")
    name.wait_for()
    assert name.is_visible()


def test_the_waterfall_can_be_used_with_the_keyboard(tab: Watched) -> None:
    tab.open("/trace?id=00000003")
    canvas = tab.page.locator("canvas[data-rows]")
    canvas.focus()
    for key in ("Home", "ArrowDown", "Enter"):
        tab.page.keyboard.press(key)
    name = tab.page.locator(".lp-span-name", has_text="request.parse")
    name.wait_for()
    before = int(canvas.get_attribute("data-rows") or 0)
    canvas.focus()
    tab.page.keyboard.press("c")
    wait_until(lambda: int(canvas.get_attribute("data-rows") or 0) < before)
    assert int(canvas.get_attribute("data-rows") or 0) > 0


def test_a_window_is_kept_in_the_address_and_on_the_next_page(tab: Watched) -> None:
    tab.open("/")
    tab.page.get_by_role("radio", name="24h", exact=True).click()
    tab.page.wait_for_url(re.compile("window=24h"))
    tab.page.get_by_role("link", name="Health").click()
    tab.page.wait_for_url(re.compile("/health.*window=24h"))
    tab.settle()
    assert tab.page.get_by_role("radio", name="24h", exact=True).is_checked()


def test_nonsense_in_the_address_is_said_and_ignored(tab: Watched) -> None:
    tab.open("/?window=eternity&run=nobody")
    tab.page.get_by_text("eternity is not a window").wait_for()
    tab.sees(".lp-card", 6)


def test_an_unknown_trace_is_one_sentence(tab: Watched) -> None:
    tab.open("/trace?id=ffffffff")
    said = tab.page.get_by_text("No trace starts with ffffffff")
    said.wait_for()
    assert said.count() == 1


def test_the_theme_can_be_changed_without_a_reload(tab: Watched) -> None:
    tab.open("/trace?id=00000003")
    read = "e => [...e.getContext('2d').getImageData(2, 2, 1, 1).data].join()"
    canvas = tab.page.locator("canvas[data-rows]")
    light = canvas.evaluate(read)
    tab.page.emulate_media(color_scheme="dark")
    wait_until(lambda: canvas.evaluate(read) != light)
    assert canvas.evaluate(read) != light


def test_a_running_program_appears_within_two_seconds(tab: Watched, home: Path) -> None:
    tab.open("/live")
    program = subprocess.Popen(
        [sys.executable, "-c", _PIPELINE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "LATPROBE_HOME": str(home), "LATPROBE_AGENT": "on"},
    )
    assert program.stdin is not None
    assert program.stdout is not None
    took_s = []
    try:
        for turn in ("first", "second", "third"):
            program.stdin.write(turn + "\n")
            program.stdin.flush()
            assert program.stdout.readline() == "recorded\n"
            started = monotonic_ns()
            tab.page.get_by_text(f"live.{turn}").first.wait_for()
            took_s.append((monotonic_ns() - started) / 1e9)
        tab.page.get_by_text("of all cores").wait_for()
        if SHOTS:
            tab.page.screenshot(path=f"{SHOTS}/live_running.png")
    finally:
        program.stdin.close()
        program.wait(timeout=30)
    assert program.returncode == 0
    assert statistics.median(took_s) <= LIVE_S, took_s


def test_the_agent_may_die_while_a_page_is_open(tab: Watched, home: Path) -> None:
    tab.open("/health")
    shown = tab.page.locator(".lp-facts dt:has-text('process') + dd").inner_text()
    os.kill(int(shown), 9)
    tab.page.get_by_role("link", name="Traces").click()
    tab.page.wait_for_url(re.compile("/traces"))
    tab.page.get_by_text("was started again").wait_for()
    tab.settle()
    assert "requests" in tab.page.locator(".lp-answer").inner_text().lower()
