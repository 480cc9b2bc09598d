"""Requests as rows: what each field becomes, and that both encodings say the same."""

from __future__ import annotations

import json
import uuid
from typing import Any

from hypothesis import HealthCheck, given, settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from latprobe_collectors.otlp.messages import from_json, from_protobuf
from tests.collectors.otlp.building import (
    START_NS,
    TRACE,
    as_json,
    pairs,
    request,
    requests,
    rows_of,
    span,
)


def said(row: dict[str, Any]) -> dict[str, Any]:
    """The row without what is NULL."""
    return {name: value for name, value in row.items() if value is not None}


def test_every_part_of_a_span_finds_its_column() -> None:
    answer = span(
        2,
        name="chat gpt",
        parent_span_id=(1).to_bytes(8, "big"),
        kind=3,
        flags=0x300,
        trace_state="a=b",
        status=Status(code=Status.STATUS_CODE_ERROR, message="too long"),
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.cache_read.input_tokens": 60,
            "gen_ai.usage.output_tokens": 7,
            "thread.name": "worker",
        },
        events=[
            Span.Event(
                time_unix_nano=START_NS + 9,
                name="exception",
                attributes=pairs({"exception.type": "TimeoutError"}),
            )
        ],
        links=[Span.Link(trace_id=TRACE, span_id=bytes(7) + b"\x09", attributes=pairs({"n": 1}))],
    )
    rows = rows_of(request(answer, resource={"process.pid": 77}))
    found = said(rows["spans"][0])
    attributes, links = json.loads(found.pop("attributes")), json.loads(found.pop("links"))
    ids = {"trace_id": uuid.UUID(bytes=TRACE), "span_id": 2}
    call = {
        "provider": "openai",
        "model": "gpt",
        "operation": "chat",
        "input_tokens": 100,
        "output_tokens": 7,
    }

    assert found == {
        **ids,
        **call,
        "parent_span_id": 1,
        "pid": 77,
        "name": "chat gpt",
        "kind": "client",
        "status": "error",
        "status_message": "too long",
        "error_type": "TimeoutError",
        "start_ns": START_NS,
        "duration_ns": 5_000_000,
        "thread": "worker",
        "modality": "text",
        "scope": "tests",
        "remote_parent": True,
    }
    assert (attributes["tracestate"], attributes["gen_ai.request.model"]) == ("a=b", "gpt")
    assert links == [
        {"trace_id": TRACE.hex(), "span_id": f"{9:016x}", "attributes": {"n": 1}},
    ]
    assert rows["events"] == [
        {
            **ids,
            "time_ns": START_NS + 9,
            "name": "exception",
            "attributes": '{"exception.type":"TimeoutError"}',
        }
    ]


def test_a_resource_is_a_run_and_the_same_one_each_time() -> None:
    told = {
        "service.version": "2",
        "host.name": "box",
        "os.type": "linux",
        "process.command_args": ["python", "app.py"],
        "process.runtime.name": "cpython",
        "process.runtime.version": "3.13.1",
    }
    first, again = rows_of(request(span(), resource=told)), rows_of(request(span(2), resource=told))
    other = rows_of(request(span(), resource={**told, "host.name": "other"}))
    run = dict(first["runs"][0])

    assert first["runs"] == again["runs"]
    assert run["key"] != other["runs"][0]["key"]
    assert json.loads(run.pop("resource")) == {"service.name": "shop", **told}
    assert {name: value for name, value in said(run).items() if name != "key"} == {
        "service": "shop",
        "version": "2",
        "host": "box",
        "platform": "linux",
        "python": "3.13.1",
        "argv": "python app.py",
    }


def test_values_that_json_cannot_say_become_text() -> None:
    odd = {"nan": float("nan"), "inf": float("-inf"), "bytes": b"\xff\x00", "none": None, "z": ""}
    row = rows_of(request(span(attributes=odd)))["spans"][0]

    assert json.loads(row["attributes"]) == {
        "nan": "nan",
        "inf": "-inf",
        "bytes": "/wA=",
        "none": None,
        "z": "",
    }


def test_a_span_that_ends_before_it_starts_is_kept_and_says_so() -> None:
    early = span(end_time_unix_nano=START_NS - 1_000)
    unfinished = span(2, end_time_unix_nano=0)
    rows = rows_of(request(early, unfinished))["spans"]

    assert [(row["duration_ns"], json.loads(row["attributes"])) for row in rows] == [
        (0, {"latprobe.problem": "ended 1000 ns before it started"}),
        (0, {"latprobe.problem": "has no end time"}),
    ]


def test_events_that_mark_chunks_give_the_streams_times() -> None:
    chunks = [
        Span.Event(time_unix_nano=START_NS + at, name="gen_ai.content.chunk")
        for at in (1000, 1500, 2500)
    ]
    row = rows_of(request(span(events=chunks)))["spans"][0]

    assert (row["ttft_ns"], row["chunks"], row["gap_p50_ns"]) == (1000, 3, 750)


def test_a_scope_is_kept_with_its_version() -> None:
    message = request(span(attributes={"a": 1}), span(2))
    scope = message.resource_spans[0].scope_spans[0].scope
    scope.version = "3"
    scope.attributes.add(key="of").value.string_value = "it"
    rows = rows_of(message)["spans"]

    assert [(row["scope"], json.loads(row["attributes"])) for row in rows] == [
        ("tests@3", {"a": 1, "otel.scope.attributes": {"of": "it"}}),
        ("tests@3", {"otel.scope.attributes": {"of": "it"}}),
    ]


def test_a_name_of_a_megabyte_is_cut() -> None:
    row = rows_of(request(span(name="n" * 1_000_000)))["spans"][0]

    assert row["name"] == "n" * 1024 + "…"


def test_ids_that_come_twice_in_a_batch_are_one_span() -> None:
    assert len(rows_of(request(span(1), span(1), span(2)))["spans"]) == 2


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests())
def test_protobuf_and_json_of_the_same_request_give_the_same_rows(
    message: ExportTraceServiceRequest,
) -> None:
    from_bytes, _ = from_protobuf(message.SerializeToString())

    assert rows_of(from_json(as_json(message))) == rows_of(from_bytes)
