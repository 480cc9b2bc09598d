"""OTLP files come back as the rows that they were written from."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from latprobe.export.otlp import to_request
from latprobe.export.otlp_json import json_lines
from latprobe.export.stored_spans import read_runs, read_spans
from latprobe.imports.files import convert_file
from latprobe.store.owner import StoreOwner
from tests.export.building import fill

TABLES = {
    "spans": "* EXCLUDE (ingest_seq, attributes, remote_parent)",
    "events": "*",
    "usage": "* EXCLUDE (origin, input_origin, output_origin)",
}


def contents(owner: StoreOwner) -> dict[str, list[dict[str, Any]]]:
    found = {
        name: owner.query(f"SELECT {columns} FROM {name} ORDER BY span_id").to_pylist()
        for name, columns in TABLES.items()
    }
    attributes = owner.query("SELECT attributes FROM spans ORDER BY span_id")["attributes"]
    found["attributes"] = [json.loads(text or "{}") for text in attributes.to_pylist()]
    return found


def written(tmp_path: Path, kind: str) -> tuple[Path, dict[str, list[dict[str, Any]]]]:
    """A file of the kind, and the rows that it was written from."""
    fill(tmp_path / "from")
    with StoreOwner(tmp_path / "from") as owner:
        runs = read_runs(owner.query)
        lines = "".join(json_lines(read_spans(owner.query, page_spans=2), runs, content=True))
        spans = [span for page in read_spans(owner.query) for span in page]
        before = contents(owner)
    document = json.dumps(json.loads(lines.splitlines()[0]), indent=2)
    content = {
        "json lines": lines.encode(),
        "gzip": gzip.compress(lines.encode()),
        "protobuf": to_request(spans, runs, content=True).SerializeToString(),
        "document": document.encode(),
    }[kind]
    (tmp_path / "file").write_bytes(content)
    return tmp_path / "file", before


@pytest.mark.parametrize("kind", ["json lines", "gzip", "protobuf"])
def test_a_file_comes_back_as_the_rows_it_was_written_from(tmp_path: Path, kind: str) -> None:
    path, before = written(tmp_path, kind)
    skipped = convert_file(path, tmp_path / "rows")
    with StoreOwner(tmp_path / "to") as owner:
        added = [owner.import_folder(tmp_path / "rows").spans for _ in range(2)]
        after = contents(owner)
        run = owner.query("SELECT service, version, host FROM runs").to_pylist()
    standard = {"thread.name": "MainThread"}
    model = {"gen_ai.request.model": "m-2", "gen_ai.usage.input_tokens": 5}

    assert (added, skipped) == ([3, 0], 0)
    assert run == [{"service": "shop", "version": "7", "host": "box"}]
    before["attributes"] = [
        before["attributes"][0] | standard,
        before["attributes"][1] | standard | {"error.type": "ValueError"},
        before["attributes"][2] | standard | model,
    ]
    assert after == before


def test_one_json_document_is_read_as_well(tmp_path: Path) -> None:
    path, _ = written(tmp_path, "document")

    assert convert_file(path, tmp_path / "rows") == 0


def test_spans_that_cannot_be_stored_are_counted(tmp_path: Path) -> None:
    path, _ = written(tmp_path, "json lines")
    path.write_text(path.read_text().replace("0000000000000003", "0000000000000000"))

    assert convert_file(path, tmp_path / "rows") == 1
