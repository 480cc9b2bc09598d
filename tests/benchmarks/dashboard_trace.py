"""How long a request of 100,000 spans takes to open.

Run it from the repository root: `python -m tests.benchmarks.dashboard_trace [--spans 100000]`.
Prints what the server does for it (load, flame, the bytes for the browser) and, with a browser,
how long after opening the address the flame and the waterfall are drawn.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from latprobe.analysis.flame import flame
from latprobe.analysis.trace import load_trace
from latprobe.clock import monotonic_ns
from latprobe.store.reader import open_reader
from latprobe_dashboard.charts import waterfall
from tests.dashboard.browsing import CHROMIUM, FLAGS, running_dashboard
from tests.dashboard.seeding import END_NS, add_runs, new_store

TRACE = "00000000000040008000000000000001"
MS = 1_000_000


def seed_long(home: Path, spans: int) -> None:
    """One request with so many spans: a loop of 200 steps, each with calls of three kinds."""
    with new_store(home) as connection:
        add_runs(connection, start_ns=END_NS, second_ns=END_NS)
        connection.execute(
            f"""INSERT INTO spans BY NAME
            SELECT '00000000-0000-4000-8000-000000000001'::UUID AS trace_id,
                   (i + 1)::UBIGINT AS span_id,
                   CASE WHEN i = 0 THEN NULL WHEN i <= 200 THEN 1
                        ELSE i % 200 + 2 END::UBIGINT AS parent_span_id,
                   1::UINTEGER AS run_id, 1::UINTEGER AS ingest_seq,
                   CASE WHEN i = 0 THEN 'crawl' WHEN i <= 200 THEN 'step'
                        ELSE ['fetch', 'parse', 'embed'][i // 200 % 3 + 1] END AS name,
                   'internal' AS kind, 'ok' AS status, 7::UINTEGER AS pid, false AS remote_parent,
                   CASE WHEN i = 0 THEN {END_NS} WHEN i <= 200
                        THEN {END_NS} + (i - 1) * 1000 * {MS}
                        ELSE {END_NS} + (i % 200) * 1000 * {MS} + (i // 200) * {MS} END AS start_ns,
                   CASE WHEN i = 0 THEN 200000 WHEN i <= 200 THEN 999 ELSE 1 END::BIGINT * {MS}
                       AS duration_ns,
                   '{{"url": "page ' || i || '"}}' AS attributes
            FROM generate_series(0, {spans} - 1) g(i)"""
        )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--spans", type=int, default=100_000)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "store"
        seed_long(home, asked.spans)
        print(f"{asked.spans:,} spans, load {os.getloadavg()[0]:.1f} on this machine")
        _measure_server(home)
        with running_dashboard(home, environment={"LATPROBE_AGENT": "off"}) as url:
            _measure_browser(url)


def _measure_server(home: Path) -> None:
    with open_reader(home, start_agent=False) as reader:
        started = monotonic_ns()
        trace = load_trace(reader.query, TRACE)
        _print("load_trace", started)
    started = monotonic_ns()
    nodes = flame(trace.spans)
    _print(f"flame, {len(nodes)} nodes", started)
    started = monotonic_ns()
    packed = waterfall.pack(trace.spans, duration_ns=trace.duration_ns, selected=0)
    _print(f"waterfall, {len(packed) / 1e6:.1f} MB", started)


def _measure_browser(url: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=list(FLAGS)
        )
        for view, sign in (
            ("flame", "canvas[data-nodes]"),
            ("waterfall", "canvas[data-rows]"),
            ("flame", "canvas[data-nodes]"),
            ("waterfall", "canvas[data-rows]"),
        ):
            page = browser.new_page()
            started = monotonic_ns()
            page.goto(f"{url}/trace?id={TRACE}&view={view}", wait_until="commit")
            page.wait_for_selector(sign, state="attached", timeout=120_000)
            _print(f"{view} drawn, {page.locator('.lp-footer').inner_text()}", started)
            page.close()
        browser.close()


def _print(what: str, started: int) -> None:
    print(f"{what:44} {(monotonic_ns() - started) / 1e6:8,.0f} ms", flush=True)


if __name__ == "__main__":
    main()
