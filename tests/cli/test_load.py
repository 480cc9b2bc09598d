"""`latprobe load`."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
import pytest

from latprobe.store.schema import FIRST_META, TABLES, VIEWS
from tests.analysis.load.recorded_load import queued, request_store
from tests.cli.conftest import Cli


@pytest.fixture
def busy(tmp_path: Path) -> None:
    """A store with 600 requests of a queue with two servers, in batches, on two machines."""
    rng = np.random.default_rng(1)
    attributes = [
        {"server.address": f"gpu{row % 2}", "batch_size": int(size)}
        for row, size in enumerate(rng.choice([1, 4, 16], 600))
    ]
    columns = queued(rng, 600, servers=2, load=0.85)
    rows = request_store(*columns, attributes=attributes)
    home = tmp_path / "store"
    (home / "journal").mkdir(parents=True)
    home.chmod(0o700)
    spans = rows("SELECT * FROM spans")
    runs = rows("SELECT * FROM runs")
    with duckdb.connect(str(home / "latprobe.duckdb")) as store:
        store.execute(TABLES)
        store.execute(VIEWS)
        store.executemany("INSERT INTO meta VALUES (?, ?)", FIRST_META)
        for name, table in (("spans", spans), ("runs", runs)):
            store.register("given", table)
            store.execute(f"INSERT INTO {name} SELECT * FROM given")
            store.unregister("given")
    (home / "latprobe.duckdb").chmod(0o600)


@pytest.mark.usefixtures("busy")
def test_it_leads_with_what_saturates_first_and_tells_of_one_more(cli: Cli) -> None:
    found = cli("load")
    assert (found.code, found.err) == (0, "")
    lines = found.out.splitlines()
    assert lines[0].startswith("work saturates first: 2 servers ")
    assert any(line.startswith("  Saturated at ") for line in lines)
    assert any(line.startswith("  With 3 servers: p50 ") for line in lines)
    assert any("gpu0" in line for line in lines)
    assert "Larger batches are not seen to make an item cheaper" in found.out or (
        "In batches of 16 an item takes" in found.out
    )
    assert lines[-1].startswith("Assumed: ")


@pytest.mark.usefixtures("busy")
def test_json_has_units_intervals_and_reasons(cli: Cli) -> None:
    found = json.loads(cli("load", "--json").out)
    stages = {each["name"]: each for each in found["stages"]}
    assert stages["work"]["servers"]["count"] == 2
    assert stages["work"]["capacity"]["utilisation"].keys() == {"value", "ci95"}
    assert stages["work"]["batch"]["largest_size"] == 16
    assert stages["request"]["servers"]["count"] is None
    assert "Requests begin with this stage" in stages["request"]["servers"]["refused"]


@pytest.mark.usefixtures("busy")
def test_one_stage_says_why_something_is_not_known(cli: Cli) -> None:
    assert "Requests begin with this stage" in cli("load", "--stage", "request").out
    assert "Requests begin with this stage" not in cli("load").out


@pytest.mark.usefixtures("store")
def test_without_a_queue_it_says_so(cli: Cli) -> None:
    found = cli("load")
    assert found.code == 0
    assert found.out.startswith("No stage shows a queue: ")
    assert "Runs/s" in found.out
    for title in ("Servers", "Busy", "Waits p95", "Takes up to"):
        assert title not in found.out  # nothing but dashes


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--stage", "ocrr"], 3, "Did you mean 'ocr'?"),
        (["--service", "other"], 3, "Nothing recorded matches."),
        (["--since", "yesterday"], 2, "is not a time"),
    ],
)
def test_what_finds_nothing_or_means_nothing_says_so(
    cli: Cli, options: list[str], code: int, sentence: str
) -> None:
    found = cli("load", *options)
    assert (found.code, found.out) == (code, "")
    assert sentence in found.err
