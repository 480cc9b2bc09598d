"""Tokens are counted beside ingest, which comes first."""

from __future__ import annotations

from pathlib import Path

import pytest

from latprobe.agent.token_thread import TokenThread
from latprobe.errors import StoreError
from latprobe.store.owner import StoreOwner
from tests.journal.building import SegmentBuilder
from tests.waiting import wait_until

CALL = {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 5}


def counted(owner: StoreOwner) -> int:
    row = owner.query("SELECT count(*) AS n FROM usage").to_pylist()[0]
    return int(row["n"])


def test_it_counts_what_ingest_has_stored(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj", capacity=200)
    for number in range(1, 151):
        build.span(trace=number, span=number, details=CALL)
    build.close()
    with StoreOwner(tmp_path) as owner:
        version = owner.data_version()
        owner.ingest_journal()
        before = counted(owner)
        thread = TokenThread(owner)
        thread.start()
        wait_until(lambda: counted(owner) == 150)
        thread.stop()

        assert (before, owner.data_version() > version + 1) == (0, True)


def test_a_store_that_takes_nothing_is_said_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> int:
        raise StoreError("The disk is full.")

    with StoreOwner(tmp_path) as owner:
        monkeypatch.setattr(owner, "count_tokens", fail)
        thread = TokenThread(owner)
        thread.start()
        wait_until(lambda: "The disk is full." in owner.status().notes)
        thread.stop()

        assert not thread.is_busy


def test_without_anything_new_the_store_is_looked_at_rarely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latprobe.agent.token_thread.LOOK_AGAIN_S", 60.0)
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj").hold_lock()
    with StoreOwner(tmp_path) as owner:
        thread = TokenThread(owner)
        due = [thread._is_due(), thread._is_due()]
        build.span(details=CALL)
        owner.ingest_journal()
        due += [thread._is_due(), thread._is_due()]

    assert due == [True, False, True, False]
