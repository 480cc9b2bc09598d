"""What attributes and events of other instrumentations become in the store's rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from latprobe.store.owner import StoreOwner
from tests.journal.building import WALL_NS, SegmentBuilder

START = 5_000_000_000


def stored(home: Path, details: Any, sql: str, run: dict[str, Any] | None = None) -> dict[str, Any]:
    """The one row that `sql` finds after a span with these details was ingested."""
    path = home / "journal" / "a.lpj"
    build = SegmentBuilder(path) if run is None else SegmentBuilder(path, run=run)
    build.span(start=START, duration=4_000_000_000, details=details)
    build.close()
    with StoreOwner(home) as owner:
        owner.ingest_pending()
        (row,) = owner.query(sql).to_pylist()
    assert isinstance(row, dict)
    return row


def test_a_model_servers_times_have_columns(tmp_path: Path) -> None:
    details = {
        "gen_ai.latency.time_in_queue": 0.5,
        "gen_ai.latency.time_in_model_prefill": 0.25,
        "gen_ai.latency.time_in_model_decode": 2.0,
    }
    assert stored(tmp_path, details, "SELECT queue_ns, prefill_ns, decode_ns FROM spans") == {
        "queue_ns": 500_000_000,
        "prefill_ns": 250_000_000,
        "decode_ns": 2_000_000_000,
    }


@pytest.mark.parametrize(("later_ns", "ttft_ns"), [(2_500_000_000, 2_500_000_000), (-1, None)])
def test_the_moment_of_the_first_chunk_becomes_a_time_from_the_start(
    later_ns: int, ttft_ns: int | None, tmp_path: Path
) -> None:
    details = {"langfuse.observation.completion_start_time": WALL_NS + later_ns}
    assert stored(tmp_path, details, "SELECT ttft_ns FROM spans") == {"ttft_ns": ttft_ns}


def test_an_event_marks_the_first_chunk(tmp_path: Path) -> None:
    events: list[object] = [("start", 5, None), ("First Token Stream Event", 700, None)]
    assert stored(tmp_path, ({}, events, [], {}), "SELECT ttft_ns, chunks FROM spans") == {
        "ttft_ns": 700,
        "chunks": None,
    }


def test_an_event_for_each_chunk_gives_the_gaps(tmp_path: Path) -> None:
    events = [("llm.content.completion.chunk", at, None) for at in (100, 110, 130)]
    columns = "ttft_ns, chunks, gap_p50_ns"
    assert stored(tmp_path, ({}, events, [], {}), f"SELECT {columns} FROM spans") == {
        "ttft_ns": 100,
        "chunks": 3,
        "gap_p50_ns": 15,
    }


def test_a_time_that_an_attribute_says_stands(tmp_path: Path) -> None:
    said = {"gen_ai.response.time_to_first_chunk": 0.5}
    details: object = (said, [("First Token Stream Event", 700, None)], [], {"first_chunk_ns": 9})
    assert stored(tmp_path, details, "SELECT ttft_ns FROM spans") == {"ttft_ns": 500_000_000}


def test_usage_has_the_input_with_its_cached_part(tmp_path: Path) -> None:
    details: dict[str, object] = {
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "c",
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.cache_read_input_tokens": 64,
        "gen_ai.usage.output_tokens": 5,
    }
    columns = "s.input_tokens AS span, u.input_tokens, u.uncached_input_tokens, u.problem"
    assert stored(tmp_path, details, f"SELECT {columns} FROM spans s, usage u") == {
        "span": 84,
        "input_tokens": 84,
        "uncached_input_tokens": 20,
        "problem": None,
    }


CONTENT: tuple[dict[str, object], list[object], list[object], dict[str, object]] = (
    {"gen_ai.input.messages": "Hello", "gen_ai.request.model": "m"},
    [("gen_ai.user.message", 1, {"content": "Hello", "id": 1})],
    [],
    {},
)
GONE = {"bytes": 5, "sha256": "185f8db32271fe25"}


def content_of(home: Path, run: dict[str, Any] | None) -> tuple[Any, Any]:
    sql = "SELECT s.attributes AS span, e.attributes AS event FROM spans s, events e"
    row = stored(home, CONTENT, sql, run)
    return json.loads(row["span"]), json.loads(row["event"])


def test_content_stays_unless_it_is_switched_off(tmp_path: Path) -> None:
    assert content_of(tmp_path, None) == (CONTENT[0], {"content": "Hello", "id": 1})


def test_of_content_that_is_switched_off_size_and_digest_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATPROBE_CONTENT", "off")
    for home, run in (("agent", None), ("run", {"service": "s", "content": "off"})):
        span, event = content_of(tmp_path / home, run)
        assert "Hello" not in span.pop("latprobe.parts")
        assert span == {"gen_ai.input.messages": GONE, "gen_ai.request.model": "m"}
        assert event == {"content": GONE, "id": 1}
        monkeypatch.delenv("LATPROBE_CONTENT", raising=False)
