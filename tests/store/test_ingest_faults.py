"""One bad segment, or a moment without file descriptors, stops nothing else."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from latprobe.store import ingest
from latprobe.store.columns import Rows, to_rows
from latprobe.store.owner import StoreOwner
from tests.journal.building import SegmentBuilder


def names(owner: StoreOwner) -> list[str]:
    table = owner.query("SELECT name FROM spans ORDER BY name")
    return [str(name) for name in table["name"].to_pylist()]


def write_segment(home: Path, name: str) -> None:
    build = SegmentBuilder(home / "journal" / f"{name}.lpj")
    build.span(name, span=hash(name) % 1000 + 1)
    build.close()


def test_a_segment_that_cannot_be_opened_now_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_many(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    write_segment(tmp_path, "a")
    with StoreOwner(tmp_path) as owner:
        with monkeypatch.context() as busy:
            busy.setattr("latprobe.journal.header.os.open", too_many)
            assert owner.ingest_pending() == 0
        assert owner.ingest_pending() == 1
        assert names(owner) == ["a"]
    assert not (tmp_path / "quarantine").exists()


def test_a_segment_whose_content_cannot_be_stored_is_set_aside_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(taken: object, **options: int) -> Rows:
        if getattr(taken, "segment", "") == "b.lpj":
            raise UnicodeEncodeError("utf-8", "\udcfc", 0, 1, "surrogates not allowed")
        return to_rows(taken, **options)  # type: ignore[arg-type]

    for name in "abc":
        write_segment(tmp_path, name)
    monkeypatch.setattr(ingest, "to_rows", failing)
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        assert names(owner) == ["a", "c"]
    assert os.listdir(tmp_path / "quarantine") == ["b.lpj"]


def test_an_argument_that_is_no_utf_8_harms_nobody(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import latprobe.auto, latprobe\nwith latprobe.stage('x'): pass\n")
    environment = {**os.environ, "LATPROBE_HOME": str(tmp_path / "s"), "LATPROBE_AGENT": "off"}
    command = [os.fsencode(sys.executable), os.fsencode(program), b"\xfc"]
    subprocess.run(command, env=environment, check=True, timeout=60)
    with StoreOwner(tmp_path / "s") as owner:
        owner.ingest_pending()
        assert names(owner) == ["x"]
