"""`latprobe cache`."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import duckdb
import pytest

from tests.cli.conftest import Cli
from tests.cli.seeded_store import seed


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """60 requests whose model calls ask 20 different things."""
    home = seed(tmp_path / "store", requests=60)
    with duckdb.connect(str(home / "latprobe.duckdb")) as store:
        rows = store.execute("SELECT trace_id, span_id FROM usage ORDER BY start_ns").fetchall()
        for place, (trace, span) in enumerate(rows):
            store.execute(
                "INSERT INTO call_parts (trace_id, span_id, position, side, part, hash, tokens) "
                "VALUES (?, ?, 0, 'input', 'user', ?, 1200)",
                [trace, span, str(uuid.UUID(int=1 + place % 20))],
            )
    return home


@pytest.mark.usefixtures("calls")
def test_a_life_without_end_is_no_limit(cli: Cli) -> None:
    found = json.loads(cli("cache", "--ttl", "inf", "--json").out)
    (stage,) = found["stages"]
    assert stage["opportunities"][0]["ttl_s"] is None


@pytest.mark.usefixtures("calls")
def test_each_kind_of_cache_has_a_line_or_a_reason(cli: Cli) -> None:
    found = cli("cache")
    assert (found.code, found.err) == (0, "")
    lines = found.out.splitlines()
    assert lines[0] == "llm.answer (sim-1): 59 calls, 20 different inputs"  # one failed
    (same,) = [line for line in lines if line.startswith("same input")]
    assert "66 %" in same
    (kept,) = [line for line in lines if line.startswith("KV reuse (own engine)  ")]
    # Tokens read from a cache are sent all the same: they stand under a title of their own.
    assert "46,800" in kept
    assert "Input read from cache" in lines[1]
    assert any(line.startswith("nearly the same: No texts") for line in lines)
    assert any(line.startswith("KV reuse (own engine): For an engine") for line in lines)


@pytest.mark.usefixtures("calls")
def test_json_has_units_and_the_limits_of_the_question(cli: Cli) -> None:
    (stage,) = json.loads(cli("cache", "--ttl", "5", "--json").out)["stages"]
    exact = stage["opportunities"][0]
    assert (exact["kind"], exact["hits"], exact["ttl_s"]) == ("exact", 0, 5.0)
    assert exact["curve"][-1] == {"size": 10000, "ttl_s": None, "hit_ratio": pytest.approx(39 / 59)}


@pytest.mark.usefixtures("store")
def test_too_few_calls_are_refused(cli: Cli) -> None:
    found = cli("cache")
    assert found.code == 0
    assert "The input is known of 0 calls" in found.out


def test_nothing_recorded_is_no_data(cli: Cli) -> None:
    assert cli("cache").code == 3
