"""What must not be stored does not reach the disk of the receiver either."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from latprobe.otel.content_names import MEDIA_MARK, PARTS_NAME, trace_of
from latprobe.redaction import Redactor
from latprobe.store.content_memory import ContentMemory
from latprobe.store.content_policy import ContentPolicy
from latprobe_collectors.otlp.intake import JSON, Intake
from latprobe_collectors.otlp.messages import from_protobuf
from latprobe_collectors.otlp.redaction import SpoolPolicy
from latprobe_collectors.otlp.spool import Spool, read_frames, spool_files
from latprobe_collectors.otlp.values import mapping
from tests.collectors.otlp.building import pairs, request, span

SECRET = "my secret"


def spooled(folder: Path, policy: SpoolPolicy, message: Any, *, kind: str | None = None) -> Any:
    """The one span that was written for a request, and the file's bytes."""
    intake = Intake(Spool(folder), policy=policy)
    if kind is None:
        intake.accept(message.SerializeToString())
    else:
        intake.accept(message, kind)
    (path,) = spool_files(folder)
    (frame,) = read_frames(path, 0)
    read, _ = from_protobuf(frame.payload)
    return read.resource_spans[0].scope_spans[0].spans[0], path.read_bytes()


def test_content_that_is_switched_off_leaves_size_digest_and_counts(tmp_path: Path) -> None:
    memory = ContentMemory()
    policy = SpoolPolicy(ContentPolicy(False, memory=memory))
    said = Span.Event(
        name="gen_ai.user.message", time_unix_nano=1, attributes=pairs({"content": SECRET})
    )
    message = request(span(attributes={"gen_ai.prompt": SECRET, "n": 1}, events=[said]))
    kept, written = spooled(tmp_path, policy, message)

    attributes = mapping(kept.attributes)
    parts = json.loads(str(attributes.pop(PARTS_NAME)))
    assert SECRET.encode() not in written
    assert attributes == {"gen_ai.prompt": trace_of(SECRET), "n": 1}
    assert mapping(kept.events[0].attributes) == {"content": trace_of(SECRET)}
    assert [part["characters"] for part in parts if "side" in part] == [len(SECRET)]
    assert memory.size_bytes > 0


@pytest.mark.parametrize(
    "redactor",
    [
        Redactor((SECRET,)),
        Redactor((), lambda text: text.replace(SECRET, "")),
        Redactor((), "os:x"),
    ],
)
def test_what_is_redacted_is_not_in_the_spool(tmp_path: Path, redactor: Redactor) -> None:
    failed = Span.Event(
        name="exception", time_unix_nano=1, attributes=pairs({"exception.message": SECRET})
    )
    sent = span(attributes={"gen_ai.prompt": [SECRET], "n": 1}, events=[failed])
    sent.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=f"bad {SECRET}"))
    sent.links.add(trace_id=bytes(15) + b"1", span_id=b"12345678").attributes.extend(
        pairs({"gen_ai.prompt": SECRET})
    )
    kept, written = spooled(tmp_path, SpoolPolicy(redactor=redactor), request(sent))

    assert SECRET.encode() not in written
    assert mapping(kept.attributes)["n"] == 1


def test_payloads_of_media_are_not_spooled_whatever_the_protocol(tmp_path: Path) -> None:
    blob = base64.b64encode(b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(3_000)).decode()
    messages = json.dumps([{"image_url": {"url": "data:image/png;base64," + blob}}])
    sent = request(span(attributes={"gen_ai.input.messages": messages}))
    as_json = {
        "resourceSpans": [
            {
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": "0" * 31 + "1",
                                "spanId": "0" * 15 + "2",
                                "name": "call",
                                "startTimeUnixNano": "5",
                                "endTimeUnixNano": "6",
                                "attributes": [
                                    {
                                        "key": "gen_ai.input.messages",
                                        "value": {"stringValue": messages},
                                    }
                                ],
                            }
                        ]
                    }
                ]
            }
        ]
    }
    for name, message, kind in (
        ("protobuf", sent, None),
        ("json", json.dumps(as_json).encode(), JSON),
    ):
        kept, written = spooled(tmp_path / name, SpoolPolicy(), message, kind=kind)
        assert blob.encode() not in written
        assert MEDIA_MARK in str(mapping(kept.attributes)["gen_ai.input.messages"])


def test_content_is_kept_where_nothing_else_was_said(tmp_path: Path) -> None:
    body = request(span(attributes={"gen_ai.prompt": "hello"})).SerializeToString()
    Intake(Spool(tmp_path)).accept(body)
    (path,) = spool_files(tmp_path)

    assert [frame.payload for frame in read_frames(path, 0)] == [body]
