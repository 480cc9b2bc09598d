"""The GPU page in its states, and in a real browser; the counters under the Trace page's spans."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from latprobe.analysis.gpu.attribution import Attributed
from latprobe.analysis.scope import EVERYTHING
from latprobe.clock import wall_ns
from latprobe.store.reader import Reader, open_reader
from latprobe_dashboard import data, gpu_reports, gpu_words
from latprobe_dashboard.charts import gpu_timeline
from latprobe_dashboard.charts.gpu_split import parts
from latprobe_dashboard.charts.gpu_work import Gap, work_and_gaps
from latprobe_dashboard.gpu_moment import Held, read_moment
from latprobe_dashboard.gpu_queries import (
    POWER,
    SM,
    Card,
    Cards,
    Metric,
    read_cards,
    read_readings,
)
from latprobe_dashboard.pages import gpu, gpu_tiles
from tests.dashboard.browsing import CHROMIUM, FLAGS, Served
from tests.dashboard.drawn import drawn
from tests.dashboard.seeding import new_store, seed
from tests.dashboard.seeding_gpu import MS, ROOT, STEPS, UUID, seed_gpu
from tests.waiting import wait_until

REQUESTS = 60
LONG_ENOUGH_S = 120.0


def _unattended(home: Path) -> Reader:
    return open_reader(home, start_agent=False)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seed_gpu(tmp_path_factory.mktemp("gpu") / "store", requests=REQUESTS)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pages wait for the report instead of looking again, which no test could follow."""
    monkeypatch.setattr(gpu_reports, "WAIT_S", LONG_ENOUGH_S)
    yield
    data.close()


def _run(page: str, home: Path, **address: str) -> AppTest:
    data.use_store(home, opener=_unattended)
    script = f"from latprobe_dashboard.pages import {page}\n{page}.render()\n"
    app = AppTest.from_string(script, default_timeout=LONG_ENOUGH_S)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert [error.value for error in app.exception] == []
    return app


def _markup(app: AppTest) -> str:
    return "".join(element.proto.body for element in app.get("html"))


def _words(app: AppTest) -> str:
    spoken = [*app.info, *app.error, *app.warning, *app.markdown, *app.subheader]
    return " ".join(str(element.value) for element in spoken)


def test_the_page_begins_with_the_stage_of_most_own_time_and_what_limits_it(known: Path) -> None:
    markup = _markup(_run("gpu", known))
    assert "<b><bdi>llm.decode</bdi></b> is <b>5" in markup
    assert "<b>launch-bound</b>" in markup
    assert "<b>launch-bound</b>" in _markup(_run("stage", known, name="llm.decode"))
    assert "The usual gauge says" in markup


def test_the_evidence_of_the_first_row_stands_there_and_of_the_row_in_the_address(
    known: Path,
) -> None:
    first, asked = (_markup(_run("gpu", known, **a)) for a in ({}, {"stage": "rerank.score"}))
    assert "gemvx::kernel" in first
    assert "<bdi>rerank.score</bdi>" in asked
    assert '<span class="lp-verdict">memory-bandwidth-bound</span>' in asked


def test_the_tiles_name_the_card_and_its_energy(known: Path) -> None:
    markup = _markup(_run("gpu", known))
    for words in ("NVIDIA H200", "some kernel ran", "of 140 GiB", " kJ</div>"):
        assert words in markup


def test_a_store_without_readings_of_a_gpu_says_how_to_get_them(tmp_path: Path) -> None:
    app = _run("gpu", seed(tmp_path / "store", requests=5))
    assert "No GPU was read" in _words(app)
    assert "latprobe doctor" in drawn(app, "latprobe_listing")[0]["text"]


def test_an_empty_store_says_how_to_get_data(tmp_path: Path) -> None:
    new_store(tmp_path / "store").close()
    assert "Nothing has been recorded here yet" in _words(_run("gpu", tmp_path / "store"))


def test_a_card_without_hardware_counters_says_what_the_figures_rest_on(tmp_path: Path) -> None:
    home = seed_gpu(tmp_path / "store", requests=REQUESTS, has_gpm=False, has_notes=False)
    markup = _markup(_run("gpu", home))
    assert "No hardware counters" in markup
    assert "Not recorded: SM active, Tensor, DRAM" in markup
    assert "not profiled" in markup


def test_one_request_is_drawn_and_not_attributed(tmp_path: Path) -> None:
    markup = _markup(_run("gpu", seed_gpu(tmp_path / "store", requests=1)))
    assert "1 request of 1" in markup
    assert "record more requests" in markup
    assert "Too few readings: SM active, Tensor, DRAM" in markup


@pytest.mark.parametrize(
    "address", [{"at": "yesterday"}, {"at": "9" * 40}, {"stage": "no such"}, {"device": "<b>"}]
)
def test_an_address_that_means_nothing_shows_the_usual_view(
    address: dict[str, str], known: Path
) -> None:
    assert "<bdi>llm.decode</bdi></b> is" in _markup(_run("gpu", known, **address))


def test_names_of_stages_and_devices_are_text(tmp_path: Path) -> None:
    home = seed_gpu(tmp_path / "store", requests=3, device="<img src=x>")
    with _write(home) as connection:
        connection.execute("UPDATE spans SET name = '<script>' WHERE name = 'llm.decode'")
    markup = _markup(_run("gpu", home))
    assert "<script" not in markup
    assert "<img" not in markup


def test_the_trace_page_has_the_counters_under_the_waterfall(known: Path, tmp_path: Path) -> None:
    assert "Counters meanwhile" in _markup(_run("request", known))
    bare = seed(tmp_path / "store", requests=2)
    assert "Counters meanwhile" not in _markup(_run("request", bare))


def test_a_mean_weighs_readings_by_the_time_they_stand_for(tmp_path: Path) -> None:
    home = tmp_path / "store"
    seed(home, requests=1)
    with _write(home) as connection:
        (first,) = connection.execute("SELECT min(start_ns) FROM spans").fetchone() or (0,)
        for after_ms, value in ((0, 50.0), (900, 10.0), (1_000, 90.0)):
            connection.execute(
                "INSERT INTO samples (time_ns, source, device, metric, value)"
                " VALUES (?, 'nvml', 'GPU-1', 'gpu.sm_active_pct', ?)",
                [first + after_ms * MS, value],
            )
    with _unattended(home) as reader:
        (card,) = read_cards(reader.query, EVERYTHING).cards
    metric = card.metrics[SM]
    assert (metric.mean, metric.least, metric.most, metric.readings) == (18.0, 10.0, 90.0, 3)


def test_a_moment_has_whole_requests_with_children_below_their_parent(known: Path) -> None:
    with _unattended(known) as reader:
        seen = read_cards(reader.query, EVERYTHING)
        moment = read_moment(reader.query, EVERYTHING, at_ns=seen.first_ns)
    assert moment is not None
    assert moment.lanes == (("MainThread", 2),)
    assert len(moment.spans) == moment.requests * (len(STEPS) + 1)
    assert {span.row for span in moment.spans if span.name == ROOT} == {0}
    assert {span.row for span in moment.spans if span.name != ROOT} == {1}


def test_readings_are_merged_where_a_chart_has_no_pixels_for_them(known: Path) -> None:
    with _unattended(known) as reader:
        seen = read_cards(reader.query, EVERYTHING)
        found = read_readings(
            reader.query, seen.first_ns, seen.last_ns, metrics=(POWER,), device=UUID
        )
    assert [(each.metric, each.device) for each in found] == [(POWER, UUID)]
    assert 0 < len(found[0].value) <= 1_600
    assert json.dumps(gpu_timeline.counters_data(seen.first_ns, seen.last_ns, found))


def test_a_gap_names_what_ran_on_the_cpu_meanwhile(known: Path) -> None:
    data.use_store(known, opener=_unattended)
    report = gpu_reports.latest(EVERYTHING).report
    assert report is not None
    stages = {stage.name: stage for stage in report.stages}
    held = (
        Held("image.decode", 0, 40 * MS, False),
        Held("llm.decode", 40 * MS, 90 * MS, True),
    )
    work, gaps = work_and_gaps(
        held, stages, {"llm.decode": "text"}, roots=frozenset(), first_ns=0, last_ns=200 * MS
    )
    assert [(each.name, each.start_ns, each.end_ns) for each in work] == [
        ("llm.decode", 40 * MS, 90 * MS)
    ]
    assert gaps == [
        Gap(0, 40 * MS, "image.decode ran on the CPU"),
        Gap(90 * MS, 200 * MS, "no request ran"),
    ]
    shown = parts(report, report.stages)
    assert sum(part.share for part in shown) == pytest.approx(1.0, abs=0.01)
    assert "llm.decode" in next(part for part in shown if part.kind.key == "waits").stages


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Attributed(20.0, 18.0, 22.0, 300), ""),
        (Attributed(None, None, None, 5, "5 readings while requests ran; it takes 20"),
         "too few readings"),
        (Attributed(None, 0.0, 90.0, 300, "the readings allow anything from 0 to 90"),
         "too uncertain"),
        (Attributed(None, 0.0, 9.0, 300, "cannot be told apart from b: ...", twins=("b",)),
         "not apart from b"),
        (Attributed(None, None, None, 0, "not recorded"), "not recorded"),
    ],
)  # fmt: skip
def test_a_missing_figure_has_its_reason_in_few_words(found: Attributed, said: str) -> None:
    assert gpu_words.missing(found) == said


@pytest.mark.parametrize(
    ("value_mj", "said"),
    [(None, "\u2013"), (0.5, "0.5 mJ"), (958.0, "958 mJ"), (52_000, "52.0 J"), (3.6e9, "1.00 kWh")],
)
def test_an_energy_has_the_unit_that_suits_it(value_mj: float | None, said: str) -> None:
    assert gpu_words.energy(value_mj) == said


def _write(home: Path) -> Any:
    import duckdb

    return duckdb.connect(str(home / "latprobe.duckdb"))


def _png_height(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[20:24], "big")


@pytest.mark.browser
def test_the_chart_zooms_and_a_row_shows_its_evidence_in_a_browser(tmp_path: Path) -> None:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no {CHROMIUM}; install it with: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    home = seed_gpu(tmp_path / "store", requests=30, end_ns=wall_ns())
    served = Served(home, environment={"LATPROBE_AGENT": "off", "LATPROBE_HOME": str(home)})
    faults: list[str] = []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(FLAGS))
        page = browser.new_context(
            viewport={"width": 1440, "height": 900}, color_scheme="light"
        ).new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(served.url() + "/gpu")
        page.wait_for_selector("table[aria-label='Stages on this GPU']")
        canvas = page.locator("canvas[data-span]")
        before = canvas.get_attribute("data-span")
        page.get_by_role("button", name="Zoom in").click()
        wait_until(lambda: canvas.get_attribute("data-span") != before)
        assert float(canvas.get_attribute("data-span")) < float(before)
        read = "e => [...e.getContext('2d').getImageData(2, 2, 1, 1).data].join()"
        light = canvas.evaluate(read)
        page.emulate_media(color_scheme="dark")
        wait_until(lambda: canvas.evaluate(read) != light)
        page.get_by_role("link", name="rerank.score").click()
        page.wait_for_url("**/gpu?*stage=rerank.score*")
        page.locator(".lp-span-name", has_text="rerank.score").wait_for()
        page.goto(served.url() + "/trace")
        tall = page.locator("canvas[data-panels]").evaluate("e => e.height")
        with page.expect_download() as picture:
            page.get_by_role("button", name="Save counters as a picture").click()
        assert _png_height(Path(picture.value.path())) > tall  # with an axis of its own
        with page.expect_download() as file:
            page.get_by_role("button", name="Save counters as HTML").click()
        assert file.value.suggested_filename == "latprobe-counters.html"
        assert "during a request" in Path(file.value.path()).read_text("utf-8")
        browser.close()
    assert served.stop() == 0
    assert faults == []


def test_the_page_opens_on_a_moment_at_which_its_card_was_read() -> None:
    def card(trend: tuple[float | None, ...]) -> Card:
        gauge = Metric(1.0, 1.0, 1.0, 9, 0.0, 100, first_ns=240, last_ns=260, trend=trend)
        return Card("0", None, None, {SM: gauge})

    seen = Cards((), 0, 1_000, 5)
    read = card((None, None, 5.0, *(None,) * 7))
    assert gpu.read_moment_ns(seen, read) == 250
    always = gpu.read_moment_ns(seen, Card("0", None, None, {}))
    assert always == 500
    assert gpu.read_moment_ns(seen, card((None, 5.0, *(None,) * 8))) == 240  # not before its first


def test_a_sparkline_of_a_counter_keeps_the_pauses_between_runs() -> None:
    trend = (1.0, 3.0, *(None,) * 118, 5.0, None)
    assert gpu_tiles.shrunk(trend) == [2.0, *(None,) * 59, 5.0]
