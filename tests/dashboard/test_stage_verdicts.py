"""What limits a stage is one word on every page and in the report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from latprobe.analysis import overview
from latprobe.analysis.report import build_report
from latprobe.analysis.scope import EVERYTHING
from latprobe.store.reader import Reader, open_reader
from latprobe_dashboard import connection, data
from latprobe_dashboard.stage_verdicts import Limit, limit, limit_so_far
from tests.dashboard.seeding import seed
from tests.waiting import wait_until

REQUESTS = 90


def _unattended(home: Path) -> Reader:
    return open_reader(home, start_agent=False)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[None]:
    data.use_store(seed(tmp_path / "store", requests=REQUESTS), opener=_unattended)
    yield
    data.close()


@pytest.mark.usefixtures("store")
def test_where_every_request_was_walked_the_words_are_there_at_once() -> None:
    seen = data.overview(EVERYTHING)
    assert seen.sampled_traces == REQUESTS
    words = {row.name: limit_so_far(EVERYTHING, seen, row) for row in seen.stages}
    assert words["image.decode"] == Limit("cpu-bound")
    assert words["retrieve"] == Limit("waiting")


@pytest.mark.usefixtures("store")
def test_the_words_of_a_sample_give_way_to_those_of_the_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(overview, "SAMPLED_TRACES", overview.MIN_TRACES)
    seen = data.overview(EVERYTHING)
    assert seen.sampled_traces < REQUESTS
    assert {limit_so_far(EVERYTHING, seen, row) for row in seen.stages} == {Limit(None, True)}
    limit(EVERYTHING, seen, seen.stages[0])
    wait_until(lambda: not limit_so_far(EVERYTHING, seen, seen.stages[0]).is_coming)
    said = {row.name: limit_so_far(EVERYTHING, seen, row).word for row in seen.stages}
    assert said == {row.name: row.verdict for row in build_report(connection.query).stages}
