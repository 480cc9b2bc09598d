"""The page of requests: searched, narrowed to a range of durations, in pages, saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from latprobe.store.reader import Reader, open_reader
from latprobe_dashboard import data
from latprobe_dashboard.charts.duration_picker import BINS, picker_data
from latprobe_dashboard.pages import traces
from tests.dashboard.drawn import table
from tests.dashboard.seeding import seed


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seed(tmp_path_factory.mktemp("traces") / "store", requests=60)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    data.close()


def _unattended(home: Path) -> Reader:
    return open_reader(home, start_agent=False)


def _page(home: Path, **address: str) -> AppTest:
    data.use_store(home, opener=_unattended)
    app = AppTest.from_string("from latprobe_dashboard.pages import traces\ntraces.render()\n")
    for name, value in address.items():
        app.query_params[name] = value
    app.run(timeout=30)
    assert not app.exception
    return app


def _said(app: AppTest) -> str:
    return "".join(element.proto.body for element in app.get("html"))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({}, "<b>60 requests</b>, slowest first"),
        ({"search": "audio"}, "<b>20</b> of 60 requests match"),
        ({"search": "page=2"}, "<b>60 requests</b>"),
        ({"search": "page=77"}, "None of 60 requests matches"),
        ({"search": "<script>"}, "&lt;script&gt;"),
        ({"took": "99999999-"}, "None of 60 requests took"),
        ({"order": "errors"}, "with failed spans, most failed spans first"),
    ],
)
def test_what_is_looked_for_is_said_and_counted(
    address: dict[str, str], said: str, home: Path
) -> None:
    assert said in _said(_page(home, **address))


@pytest.mark.parametrize("took", ["abc", "-", "5", "1-2-3", "1e9-", "\u0663-", "-5-"])
def test_a_range_that_is_none_is_ignored_and_said(took: str, home: Path) -> None:
    app = _page(home, took=took)
    assert "is not a range of milliseconds" in app.info[0].value
    assert "<b>60 requests</b>" in _said(app)


def test_a_range_leaves_the_requests_in_it(home: Path) -> None:
    every = table(_page(home), "Requests")["Duration"]
    low, high = np.quantile(every, [0.5, 0.9]).tolist()
    kept = np.array(table(_page(home, took=f"{low:.3f}-{high:.3f}"), "Requests")["Duration"])
    assert 20 <= len(kept) < 30
    assert ((kept >= low - 0.01) & (kept <= high + 0.01)).all()


def test_more_rows_than_fit_come_in_pages(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "PAGE_ROWS", 25)
    seen = [table(_page(home, page=page), "Requests")["Trace"] for page in ("1", "2", "3")]
    assert [len(page) for page in seen] == [25, 25, 10]
    assert len({trace for page in seen for trace in page}) == 60
    for nonsense, place in (("99", 2), ("0", 0), ("x", 0), ("-1", 0)):
        assert table(_page(home, page=nonsense), "Requests")["Trace"] == seen[place]


def test_a_file_of_the_rows_cannot_run_in_a_spreadsheet(home: Path) -> None:
    data.use_store(home, opener=_unattended)
    found = data.described((0, 1))
    lines = traces._csv(found).decode().splitlines()
    assert lines[0].startswith("trace_id,request,service,start_ns,duration_ms")
    assert len(lines) == 3
    assert traces._cell("=HYPERLINK(1)") == "'=HYPERLINK(1)"


def test_the_picker_counts_every_request_once() -> None:
    took = np.array([1.0, 1.0, 10.0, 1_000.0])
    drawn = picker_data(took, chosen=(None, None))
    assert (len(drawn["counts"]), sum(drawn["counts"])) == (BINS, 4)
    same = picker_data(np.array([5.0, 5.0]), chosen=(None, None))
    assert sum(same["counts"]) == 2
    assert picker_data(np.array([5.0]), chosen=(None, None))["counts"] == []
    assert sum(picker_data(np.zeros(3), chosen=(None, None))["counts"]) == 3
