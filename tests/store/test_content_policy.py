"""With content switched off nothing of it is on the disk, and what was counted of it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from latprobe.otel.content_names import PARTS_NAME, trace_of
from latprobe.store.content_memory import ContentMemory
from latprobe.store.content_policy import ContentPolicy
from latprobe.store.owner import StoreOwner
from latprobe.tokens.counting import TokenCounter
from latprobe.tokens.dissect import dissect
from latprobe.tokens.part import part_hash
from tests.journal.building import SegmentBuilder

SECRET = "the launch code is 0451"
MESSAGES = json.dumps(
    [
        {"role": "system", "parts": [{"type": "text", "content": "Answer briefly."}]},
        {"role": "user", "parts": [{"type": "text", "content": f"What now? {SECRET}"}]},
    ]
)
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.input.messages": MESSAGES,
    "gen_ai.usage.input_tokens": 30,
    "gen_ai.usage.output_tokens": 4,
}


def ids() -> tuple[int, int]:
    """A trace's and a span's."""
    return 1, 2


def test_kept_content_stays_as_it_is() -> None:
    events = [("gen_ai.user.message", {"content": SECRET})]
    attributes, kept = ContentPolicy().stored(CALL, events, ids=ids)
    assert attributes is CALL
    assert kept == events


def test_content_that_is_not_kept_leaves_its_parts_counted() -> None:
    memory = ContentMemory()
    attributes, _ = ContentPolicy(False, memory=memory).stored(CALL, [], ids=ids)

    whole = dissect(CALL)
    read = dissect(attributes)
    assert whole is not None
    assert read is not None
    counter = TokenCounter()
    assert [
        (part.side, part.kind, part.role, part.hash, part.characters, part.bytes, part.counts)
        for part in read.parts
    ] == [
        (
            part.side,
            part.kind,
            part.role,
            part_hash(part).hex(),
            len(part.text or ""),
            len((part.text or "").encode()),
            {"o200k_base": counter.count(part.text or "", "o200k_base")},
        )
        for part in whole.parts
    ]
    assert (read.messages, read.format, read.tools_called) == (
        whole.messages,
        whole.format,
        whole.tools_called,
    )
    assert attributes["gen_ai.input.messages"] == trace_of(MESSAGES)
    assert SECRET not in json.dumps(dict(attributes))
    assert memory.call(1, 2) == whole


def test_a_model_of_another_encoding_is_counted_in_both() -> None:
    call = {**CALL, "gen_ai.request.model": "gpt-4"}
    attributes, _ = ContentPolicy(False, memory=ContentMemory()).stored(call, [], ids=ids)
    found = dissect(attributes)
    assert found is not None
    assert {frozenset(part.counts or ()) for part in found.parts} == {
        frozenset({"cl100k_base", "o200k_base"})
    }


def test_marks_are_remembered_and_not_stored() -> None:
    memory = ContentMemory()
    events = [("latprobe.part", {"part": "retrieved", "text": SECRET})]
    attributes, kept = ContentPolicy(False, memory=memory).stored({"n": 1}, events, ids=ids)

    assert attributes == {"n": 1}
    assert kept == [("latprobe.part", {"part": "retrieved", "text": trace_of(SECRET)})]
    assert memory.known(1) == (("retrieved", SECRET),)


def test_spans_without_content_are_untouched() -> None:
    attributes: dict[str, object] = {"n": 1, "gen_ai.request.model": "m"}
    events = [("cache miss", {"content": "public"})]
    assert ContentPolicy(False).stored(attributes, events, ids=ids) == (attributes, events)


@pytest.mark.parametrize(
    "value", [None, 3, [], [[[]]], "[" * 5_000, '{"a":', "\ud800", {"x": {"y": SECRET}}, b"\xff"]
)
def test_content_that_is_no_content_goes_too(value: Any) -> None:
    call = {**CALL, "gen_ai.input.messages": value}
    attributes, _ = ContentPolicy(False, memory=ContentMemory()).stored(call, [], ids=ids)
    assert attributes["gen_ai.input.messages"] == trace_of(value)
    assert SECRET not in json.dumps(dict(attributes))


def test_no_byte_of_content_is_on_the_disk_once_it_is_ingested(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    build = SegmentBuilder(journal / "a.lpj", run={"service": "s", "content": "off"})
    retrieval = {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.retrieval.documents": json.dumps([{"id": "1", "content": f"In it: {SECRET}"}]),
        "prompt": SECRET,
        "retrieval.documents.0.document.content": SECRET,
    }
    events = [
        ("latprobe.part", 5, {"part": "retrieved", "text": SECRET}),
        ("gen_ai.user.message", 6, {"content": SECRET}),
    ]
    build.span("retrieve", span=2, parent=1, details=retrieval)
    build.span("call", span=3, parent=1, details=CALL)
    build.span("answer", span=1, details=({}, events, None, None))
    build.seal()
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        found = owner.query("SELECT count(*) AS n FROM spans").to_pylist()
        assert found == [{"n": 3}]
        parts = owner.query(
            f"SELECT attributes->>'{PARTS_NAME}' AS parts FROM spans WHERE name = 'call'"
        ).to_pylist()
        assert len(json.loads(parts[0]["parts"])) == 3
        rows = [owner.query(f"SELECT * FROM {name}").to_pylist() for name in ("spans", "events")]
        assert SECRET not in str(rows)
        assert b"launch code" not in _all_bytes(tmp_path)
    assert b"launch code" not in _all_bytes(tmp_path)


def _all_bytes(home: Path) -> bytes:
    """Every file of the store, the write-ahead log and what is left of the journal included."""
    return b"".join(path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file())
