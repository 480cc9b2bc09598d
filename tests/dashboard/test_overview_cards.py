"""The overview's cards while rows are being added."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.clock import wall_ns
from latprobe_dashboard import connection, data
from latprobe_dashboard.pages import overview_cards
from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore, seed
from tests.analysis.test_growth import ingest


class Growing:
    """A reader of a store that grows, which notes what it is asked."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.store.add_run(1)
        self.version = 0
        self.asked: list[str] = []

    def add(self, first: int, count: int, *, ago_ns: int = 0, parent: int | None = None) -> None:
        """Requests, one a trace, that ended so long ago; with a parent, stages of running ones."""
        self.version += 1
        at_ms = (wall_ns() - ago_ns - EPOCH_NS) // MS - 20
        seeds = [
            seed(1, parent, "r", at_ms, at_ms + 10, trace, pid=7, remote_parent=False)
            for trace in range(first, first + count)
        ]
        ingest(self.store, seeds, self.version)
        connection._connection.seen = None  # the version is looked up once a moment

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        self.asked.append(sql)
        return self.store(sql, parameters)

    def data_version(self) -> int:
        return self.version

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Growing]:
    reader = Growing()
    reader.add(1, 30)
    data.use_store(tmp_path, opener=lambda _: reader)  # type: ignore[arg-type,return-value]
    yield reader
    data.close()


def shown(scope: Scope = EVERYTHING) -> overview_cards._Shown:
    drawn = overview_cards._cards(scope)
    return overview_cards._Shown(connection.drawn_version(), drawn)


def test_cards_show_what_came_since_and_look_at_nothing_else(growing: Growing) -> None:
    cards = shown()
    assert cards.drawn[0].figure == "30"
    growing.add(100, 12)
    growing.asked.clear()
    overview_cards._look(cards)
    assert cards.drawn[0].figure == "42"
    read_spans = [sql for sql in growing.asked if "FROM spans" in sql]
    is_cheap = ["ingest_seq > 1" in sql or sql.startswith("SELECT count(*)") for sql in read_spans]
    assert read_spans
    assert all(is_cheap), read_spans
    assert cards.rests_until_ns > 0


def test_cards_rest_after_their_work_and_when_nothing_came(growing: Growing) -> None:
    cards = shown()
    before = cards.drawn
    overview_cards._look(cards)
    assert cards.drawn is before
    growing.add(100, 12)
    cards.rests_until_ns = 1 << 62
    overview_cards._look(cards)
    assert cards.drawn is before


def test_requests_that_run_are_counted_until_they_end_or_fall_silent(growing: Growing) -> None:
    assert "running" not in shown().drawn[0].context
    growing.add(50, 3, parent=9)
    growing.add(60, 2, parent=9, ago_ns=90_000_000_000)
    assert "· 3 running ·" in shown().drawn[0].context
    growing.add(50, 1)  # the root of one of them
    assert "· 2 running ·" in shown().drawn[0].context
    growing_anew = data.running(EVERYTHING, wall_ns() + 61_000_000_000)
    assert growing_anew == 0
    data._requests.forget()
    growing.add(200, 1)
    assert data.running(EVERYTHING, wall_ns()) == 2
