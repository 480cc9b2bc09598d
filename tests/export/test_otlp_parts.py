"""Requests are split where they have to be, and no span is lost in between."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from latprobe.export import otlp_parts
from latprobe.export.otlp_parts import send_spans
from latprobe.export.otlp_send import Accepted
from latprobe.export.stored_spans import StoredSpan, read_runs, read_spans
from latprobe.store.owner import StoreOwner


class Keeper:
    """A backend that keeps everything."""

    def __init__(self) -> None:
        self.kept: list[list[int]] = []

    def send(self, request: ExportTraceServiceRequest) -> Accepted:
        spans = [
            int.from_bytes(span.span_id, "big")
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        self.kept.append(spans)
        return Accepted()

    def close(self) -> None:
        pass


def spans_of(owner: StoreOwner) -> list[StoredSpan]:
    return [span for page in read_spans(owner.query) for span in page]


def test_a_span_that_otlp_cannot_say_takes_no_other_with_it(owner: StoreOwner) -> None:
    first, second, third = spans_of(owner)
    bad = second._replace(attributes={"text": "\ud800"})
    keeper = Keeper()
    outcomes = list(send_spans(keeper, [first, bad, third], read_runs(owner.query), content=False))

    assert keeper.kept == [[1], [3]]
    assert [(each.last, each.exported, each.refused) for each in outcomes] == [
        (first, 1, 0),
        (bad, 0, 1),
        (third, 1, 0),
    ]
    assert outcomes[1].reason.startswith("A span cannot be said in OTLP: ")


def test_a_request_larger_than_servers_take_is_split_before_it_is_sent(
    owner: StoreOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp_parts, "REQUEST_BYTES", 10)
    keeper = Keeper()
    outcomes = list(send_spans(keeper, spans_of(owner), read_runs(owner.query), content=False))

    assert keeper.kept == [[1], [2], [3]]
    assert sum(outcome.exported for outcome in outcomes) == 3
