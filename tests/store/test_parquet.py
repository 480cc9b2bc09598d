"""Out of one store and into another, once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from latprobe.errors import UsageError
from latprobe.store.owner import StoreOwner
from latprobe.store.parquet import ExportedRows, ImportedRows, export_store
from tests.journal.building import WALL_NS, SegmentBuilder

TABLES = ("spans", "events", "usage", "samples", "rollups")


@dataclass(frozen=True)
class Named:
    """A scope of one stage."""

    name: str

    def where(self) -> tuple[str, list[object]]:
        return "s.name = ?", [self.name]


def fill(home: Path, *, run: int = 1) -> None:
    import uuid

    build = SegmentBuilder(home / "journal" / f"{run}.lpj", run_uuid=uuid.UUID(int=run))
    event = [("seen", 5, {"a": 1})]
    call = {"model": "m", "input_tokens": 5, "page": 1}
    build.span("ask", trace=run, span=1, details=(call, event, None, None))
    build.span("load", trace=run, span=2, parent=1)
    build.close()
    with StoreOwner(home) as owner:
        owner.ingest_pending()
        owner.insert_samples(
            [
                (WALL_NS, "process", None, 9, 1, "process.rss_bytes", 7.0),
                (WALL_NS, "host", None, None, None, "host.load1", 1.0),
            ]
        )


def contents(owner: StoreOwner) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for table in TABLES:
        columns = "* EXCLUDE (ingest_seq)" if table == "spans" else "*"
        found[table] = owner.query(f"SELECT {columns} FROM {table} ORDER BY ALL").to_pylist()
    return found


def test_what_is_exported_comes_back_the_same_and_only_once(tmp_path: Path) -> None:
    fill(tmp_path / "from")
    with StoreOwner(tmp_path / "from") as owner:
        written = export_store(owner.query, tmp_path / "out")
        before = contents(owner)
    with StoreOwner(tmp_path / "to") as owner:
        added = [owner.import_folder(tmp_path / "out") for _ in range(2)]
        after = contents(owner)

    assert written == ExportedRows(runs=1, spans=2, events=1, usage=1, samples=2)
    assert added == [ImportedRows(1, 2, 1, 1, 2), ImportedRows(0, 0, 0, 0, 0)]
    assert after == before | {"rollups": after["rollups"]}
    assert sum(row["count"] for row in after["rollups"]) == 2


def test_an_import_joins_what_is_there_under_a_number_of_its_own(tmp_path: Path) -> None:
    fill(tmp_path / "from", run=1)
    fill(tmp_path / "to", run=2)
    with StoreOwner(tmp_path / "from") as owner:
        export_store(owner.query, tmp_path / "out")
    with StoreOwner(tmp_path / "to") as owner:
        owner.import_folder(tmp_path / "out")
        found = owner.query(
            "SELECT right(r.run_uuid::VARCHAR, 1) AS run, s.run_id, count(*) AS n "
            "FROM spans s JOIN runs r USING (run_id) GROUP BY ALL ORDER BY ALL"
        ).to_pylist()
        build = SegmentBuilder(tmp_path / "to" / "journal" / "c.lpj")
        build.span(span=77)
        build.close()
        owner.ingest_pending()
        newest = owner.query("SELECT run_id FROM spans WHERE span_id = 77").to_pylist()

    assert [tuple(row.values()) for row in found] == [("1", 2, 2), ("2", 1, 2)]
    assert newest == [{"run_id": 3}]


def test_a_scope_limits_the_spans_and_what_belongs_to_them(tmp_path: Path) -> None:
    fill(tmp_path / "from")
    with StoreOwner(tmp_path / "from") as owner:
        load = export_store(owner.query, tmp_path / "load", Named("load"))
        none = export_store(owner.query, tmp_path / "none", Named("absent"))

    assert load == ExportedRows(runs=1, spans=1, events=0, usage=0, samples=2)
    assert none == ExportedRows(runs=0, spans=0, events=0, usage=0, samples=1)


def test_a_folder_that_is_no_export_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    fill(tmp_path / "from")
    with StoreOwner(tmp_path / "from") as owner:
        export_store(owner.query, tmp_path / "out")
        manifest = tmp_path / "out" / "manifest.json"
        cases = {
            "no manifest.json": None,
            "cannot be read": "{",
            "not of a latprobe export": "[]",
            "Upgrade latprobe": json.dumps({"format": "latprobe-parquet", "version": 9}),
        }
        for message, text in cases.items():
            if text is None:
                manifest.rename(tmp_path / "kept.json")
            else:
                manifest.write_text(text)
            with pytest.raises(UsageError, match=message):
                owner.import_folder(tmp_path / "out")
        (tmp_path / "kept.json").rename(manifest)
        (tmp_path / "out" / "spans.parquet").write_bytes(b"PAR1 nonsense")
        with pytest.raises(UsageError, match=r"spans\.parquet cannot be read"):
            owner.import_folder(tmp_path / "out")

        assert len(contents(owner)["spans"]) == 2


def test_an_export_is_not_written_over(tmp_path: Path) -> None:
    fill(tmp_path / "from")
    with StoreOwner(tmp_path / "from") as owner:
        export_store(owner.query, tmp_path / "out")
        with pytest.raises(UsageError, match="already holds an export"):
            export_store(owner.query, tmp_path / "out")
        (tmp_path / "file").write_text("")
        with pytest.raises(UsageError, match="cannot be written"):
            export_store(owner.query, tmp_path / "file")


def test_a_folder_with_runs_and_spans_alone_is_enough(tmp_path: Path) -> None:
    fill(tmp_path / "from")
    with StoreOwner(tmp_path / "from") as owner:
        export_store(owner.query, tmp_path / "out")
    for name in ("events", "usage", "samples"):
        (tmp_path / "out" / f"{name}.parquet").unlink()
    with StoreOwner(tmp_path / "to") as owner:
        added = owner.import_folder(tmp_path / "out")
    assert added == ImportedRows(runs=1, spans=2, events=0, usage=0, samples=0)
