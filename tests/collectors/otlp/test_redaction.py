"""With content switched off, nothing of it reaches the disk."""

from __future__ import annotations

from pathlib import Path

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from latprobe_collectors.otlp.intake import Intake
from latprobe_collectors.otlp.messages import from_protobuf
from latprobe_collectors.otlp.spool import Spool, read_frames, spool_files
from latprobe_collectors.otlp.values import mapping
from tests.collectors.otlp.building import pairs, request, span


def test_content_leaves_its_size_and_digest_only(tmp_path: Path) -> None:
    said = Span.Event(
        name="gen_ai.user.message", time_unix_nano=1, attributes=pairs({"content": "my secret"})
    )
    message = request(span(attributes={"gen_ai.prompt": "my secret", "n": 1}, events=[said]))
    Intake(Spool(tmp_path), keeps_content=False).accept(message.SerializeToString())
    (path,) = spool_files(tmp_path)
    (frame,) = read_frames(path, 0)
    read, _ = from_protobuf(frame.payload)
    kept = read.resource_spans[0].scope_spans[0].spans[0]
    attributes = mapping(kept.attributes)

    assert b"my secret" not in path.read_bytes()
    assert (attributes["n"], mapping(kept.events[0].attributes)["content"]) == (
        1,
        attributes["gen_ai.prompt"],
    )


def test_content_is_kept_where_nothing_else_was_said(tmp_path: Path) -> None:
    body = request(span(attributes={"gen_ai.prompt": "hello"})).SerializeToString()
    Intake(Spool(tmp_path)).accept(body)
    (path,) = spool_files(tmp_path)

    assert [frame.payload for frame in read_frames(path, 0)] == [body]
