"""Cards of several machines in one store."""

from __future__ import annotations

import json
import platform
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from latprobe.store.owner import StoreOwner

UUID = "GPU-4d6f1a2b-0000-1111-2222-333344445555"
Reading = tuple[int | None, str | None, str]


def recording(
    folder: Path, hosts: list[str | None], readings: list[Reading], *, run: int = 1
) -> Path:
    """An export with a run of each host, an event pair of each one's card "0", and readings of
    (number of the run, device, metric)."""
    folder.mkdir(parents=True)
    numbers = list(range(1, len(hosts) + 1))
    ids = [uuid.UUID(int=run * 100 + number).hex for number in numbers]
    spans = {"trace_id": ids, "span_id": [f"{number:016x}" for number in numbers]}
    timed = {"start_ns": [run * 1000] * len(ids), "duration_ns": [5] * len(ids)}
    text, number = pa.string(), pa.uint32()
    tables = {
        "runs": pa.table(
            {
                "run_id": pa.array(numbers, number),
                "run_uuid": ids,
                "service": ["app"] * len(ids),
                "host": pa.array(hosts, text),
                "started_ns": [0] * len(ids),
                "dropped": pa.array([0] * len(ids), pa.uint64()),
            }
        ),
        "spans": pa.table(
            {**spans, **timed, "run_id": pa.array(numbers, number), "name": ["step"] * len(ids),
             "kind": ["internal"] * len(ids), "status": ["unset"] * len(ids)}
        ),
        "gpu_spans": pa.table(
            {**spans, "run_id": pa.array(numbers, number), "device": ["0"] * len(ids),
             "sync_wait_ns": [0] * len(ids), "sync_waits": pa.array([0] * len(ids), number),
             "h2d_bytes": [0] * len(ids), "d2h_bytes": [0] * len(ids),
             "copies": pa.array([0] * len(ids), number), "is_cold": [False] * len(ids)}
        ),
        "samples": pa.table(
            {
                "time_ns": [run * 1000 + at for at in range(len(readings))],
                "source": ["nvml"] * len(readings),
                "device": pa.array([device for _, device, _ in readings], text),
                "pid": pa.array([None] * len(readings), number),
                "run_id": pa.array([of for of, _, _ in readings], number),
                "metric": [metric for _, _, metric in readings],
                "value": [1.0] * len(readings),
            }
        ),
    }  # fmt: skip
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    manifest = {"format": "latprobe-parquet", "version": 1}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def read(owner: StoreOwner) -> tuple[list[str | None], list[tuple[str, str]]]:
    """Devices of the readings in their order; (host, device) of the event pairs."""
    readings = owner.query("SELECT device FROM samples ORDER BY time_ns")["device"].to_pylist()
    pairs = owner.query(
        "SELECT r.host, g.device FROM gpu_spans g JOIN runs r USING (run_id) ORDER BY ALL"
    ).to_pylist()
    return readings, [(row["host"], row["device"]) for row in pairs]


POWER: Reading = (None, "0", "gpu.power_mw")


def test_two_hosts_that_call_their_card_the_same_keep_two_cards(tmp_path: Path) -> None:
    others: list[Reading] = [
        (None, UUID, "gpu.power_mw"),
        (1, "0", "gpu.process_memory_used_bytes"),
        (None, "0", "engine.running"),
        (None, None, "host.cpu_pct"),
    ]
    first = recording(tmp_path / "a", ["node-1"], [POWER, *others], run=1)
    second = recording(tmp_path / "b", ["node-2"], [POWER, *others], run=2)
    with StoreOwner(tmp_path / "store") as owner:
        added = [owner.import_folder(folder).samples for folder in (first, second, first, second)]
        readings, pairs = read(owner)

    assert readings[:5] == ["0", UUID, "0", "0", None]
    assert readings[5:] == ["node-2/0", UUID, "node-2/0", "0", None]
    assert pairs == [("node-1", "0"), ("node-2", "node-2/0")]
    assert added == [5, 5, 0, 0]


def test_a_card_of_this_machine_is_not_given_to_another(tmp_path: Path) -> None:
    folder = recording(tmp_path / "a", ["node-2"], [POWER])
    own = recording(tmp_path / "b", [platform.node()], [POWER], run=2)
    with StoreOwner(tmp_path / "store") as owner:
        owner.insert_samples([(1, "nvml", "0", None, None, "gpu.power_mw", 1.0)])
        owner.import_folder(folder)
        owner.import_folder(own)
        readings, _ = read(owner)

    assert readings == ["0", "node-2/0", "0"]


@pytest.mark.parametrize("host", [None, "", "node-1"])
def test_without_another_host_a_name_stays(tmp_path: Path, host: str | None) -> None:
    first = recording(tmp_path / "a", ["node-1"], [POWER])
    second = recording(tmp_path / "b", [host], [POWER], run=2)
    with StoreOwner(tmp_path / "store") as owner:
        for folder in (first, second):
            owner.import_folder(folder)
        assert read(owner)[0] == ["0", "0"]


def test_of_several_hosts_a_reading_is_told_by_its_run_alone(tmp_path: Path) -> None:
    readings: list[Reading] = [(1, "0", "gpu.power_mw"), (2, "0", "gpu.power_mw"), POWER]
    folder = recording(tmp_path / "a", ["node-1", "node-2", None], readings)
    with StoreOwner(tmp_path / "store") as owner:
        owner.import_folder(folder)
        found, pairs = read(owner)

    assert found == ["0", "node-2/0", "0"]
    assert pairs[:2] == [("node-1", "0"), ("node-2", "node-2/0")]
