"""`latprobe prune`."""

from __future__ import annotations

import json

import pytest

from latprobe.cli import prune
from tests.cli.conftest import Cli
from tests.cli.seeded_store import MS, START_NS

DAY_NS = 86_400_000_000_000


@pytest.fixture(autouse=True)
def ten_days_later(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = START_NS + 10 * DAY_NS + 1500 * MS
    monkeypatch.setattr("latprobe.clock.wall_ns", lambda: now_ns)
    monkeypatch.setattr("time.time_ns", lambda: now_ns)


def spans(cli: Cli) -> int:
    return int(cli("sql", "SELECT count(*) FROM spans", "--csv").out.splitlines()[1])


@pytest.mark.usefixtures("store")
def test_what_is_older_than_the_age_leaves(cli: Cli) -> None:
    found = cli("prune", "--older-than", "10d")
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith("10 spans, 0 samples and 0 runs removed; the database has ")
    assert spans(cli) == 10


@pytest.mark.usefixtures("store")
def test_a_dry_run_counts_and_removes_nothing(cli: Cli) -> None:
    found = cli("prune", "--older-than", "10d", "--dry-run")
    assert found.out.startswith("Would remove 10 of 20 spans by age and about 0 by size (estimated")
    assert json.loads(cli("prune", "--older-than", "10d", "--dry-run", "--json").out) == {
        "spans": 20,
        "spans_by_age": 10,
        "spans_by_size_estimated": 0,
        "db_bytes": pytest.approx(3 << 20, abs=3 << 20),
    }
    assert spans(cli) == 20


@pytest.mark.usefixtures("store")
def test_the_defaults_keep_a_month(cli: Cli) -> None:
    assert cli("prune").code == 0
    assert spans(cli) == 20


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--older-than", "a month"], "--older-than 'a month' is not a length of time"),
        (["--max-size", "big"], "--max-size 'big' is not a size; write 10GB or 500MB."),
    ],
)
def test_what_is_no_age_or_size_is_refused(cli: Cli, options: list[str], sentence: str) -> None:
    found = cli("prune", *options)
    assert (found.code, found.out) == (2, "")
    assert sentence in found.err


def test_without_a_store_there_is_nothing_to_remove(cli: Cli) -> None:
    assert cli("prune").code == 3
    assert prune.DAY_NS == DAY_NS
