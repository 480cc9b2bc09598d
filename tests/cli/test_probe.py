"""`latprobe probe`."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from tests.cli.conftest import Cli
from tests.cli.seeded_store import seed

REQUESTS = 93


@pytest.fixture
def delayed(tmp_path: Path) -> None:
    """93 requests, `ocr` delayed by 100 ms in every third."""
    home = seed(tmp_path / "store", requests=REQUESTS)
    with duckdb.connect(str(home / "latprobe.duckdb")) as store:
        chosen = "(start_ns // 1000000000) % 3 = 0"
        longer = f"CASE WHEN {chosen} THEN 100 ELSE 0 END"
        store.execute(
            f"UPDATE spans SET duration_ns = 160000000 + {longer} * 1000000, "
            f"attributes = json_object('latprobe.delay_ms', {longer}) WHERE name = 'ocr'"
        )
        store.execute(
            f"UPDATE spans SET duration_ns = 820000000 + {longer} * 1000000 WHERE name = 'answer'"
        )


@pytest.mark.usefixtures("delayed")
def test_the_measured_effect_stands_beside_what_was_expected(cli: Cli) -> None:
    found = cli("probe")
    assert (found.code, found.err) == (0, "")
    lines = found.out.splitlines()
    assert lines[0] == "ocr in answer: 100 ms more on 31 requests, compared with 62 others"
    assert lines[1].startswith("  p50 +100.0 ms (+100.0 to +100.0) measured: 100% of the delay")
    assert "The 95th percentile of 31 requests is chance" in lines[2]
    assert "critical path of" in found.out


@pytest.mark.usefixtures("delayed")
def test_json_has_the_same_figures(cli: Cli) -> None:
    (found,) = json.loads(cli("probe", "--json").out)["experiments"]
    assert (found["stage"], found["request"], found["refused"]) == ("ocr", "answer", None)
    assert (found["delayed"], found["others"], found["delay_ms"]) == (31, 62, 100.0)
    assert found["p50"]["criticality"]["value"] == 1.0
    assert "refused" in found["p95"]
    assert found["predicted"] is not None


@pytest.mark.usefixtures("store")
def test_without_an_experiment_it_says_how_to_run_one(cli: Cli) -> None:
    found = cli("probe")
    assert (found.code, found.out) == (3, "")
    assert "LATPROBE_DELAY=stage:20ms:10%" in found.err


def test_few_delayed_requests_are_refused(cli: Cli, tmp_path: Path) -> None:
    home = seed(tmp_path / "store", requests=6)
    with duckdb.connect(str(home / "latprobe.duckdb")) as store:
        store.execute(
            "UPDATE spans SET attributes = json_object('latprobe.delay_ms', "
            "(start_ns // 1000000000) % 2 * 20) WHERE name = 'ocr'"
        )
    assert "record until there are 30 of each" in cli("probe").out
