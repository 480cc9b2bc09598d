"""One try over HTTP and gRPC: what is accepted, what may be tried again, what never."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from latprobe.errors import UsageError
from latprobe.export.otlp import to_request
from latprobe.export.otlp_send import (
    Accepted,
    FailedError,
    NotAcceptedError,
    RefusedError,
    TooLargeError,
    open_sender,
)
from latprobe.export.otlp_target import OtlpTarget, find_target
from latprobe.export.stored_spans import read_runs, read_spans
from latprobe.store.owner import StoreOwner
from tests.agent.otlp_backend import Answer, backend, partial

Handler = Callable[[ExportTraceServiceRequest, grpc.ServicerContext], ExportTraceServiceResponse]


@contextmanager
def grpc_server(handle: Handler) -> Iterator[OtlpTarget]:
    class Service(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
            return handle(request, context)

    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Service(), server)  # type: ignore[no-untyped-call]  # generated code
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield OtlpTarget(url=f"http://127.0.0.1:{port}", protocol="grpc", headers=(("k", "v"),))
    finally:
        server.stop(0)


def request_of(owner: StoreOwner) -> ExportTraceServiceRequest:
    spans = [span for page in read_spans(owner.query) for span in page]
    return to_request(spans, read_runs(owner.query))


def refusal(target: OtlpTarget) -> Exception:
    sender = open_sender(target)
    with pytest.raises((NotAcceptedError, RefusedError)) as caught:
        sender.send(ExportTraceServiceRequest())
    sender.close()
    return caught.value


@pytest.mark.parametrize("is_gzip", [False, True])
def test_a_request_arrives_over_grpc_with_headers(owner: StoreOwner, is_gzip: bool) -> None:
    seen = []

    def handle(request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:
        seen.append((request, dict(context.invocation_metadata())["k"]))
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = 1
        answer.partial_success.error_message = "no id"
        return answer

    request = request_of(owner)
    with grpc_server(handle) as target:
        sender = open_sender(
            OtlpTarget(target.url, "grpc", headers=target.headers, is_gzip=is_gzip)
        )
        accepted = sender.send(request)
        sender.close()

    assert (accepted, seen) == (Accepted(1, "no id"), [(request, "v")])


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, "", NotAcceptedError),
        (grpc.StatusCode.INTERNAL, "", FailedError),
        (grpc.StatusCode.UNKNOWN, "", FailedError),
        (grpc.StatusCode.UNAUTHENTICATED, "", NotAcceptedError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "slow down", NotAcceptedError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max", TooLargeError),
        (grpc.StatusCode.INVALID_ARGUMENT, "", RefusedError),
    ],
)
def test_grpc_statuses_say_whether_a_second_try_makes_sense(
    code: grpc.StatusCode, details: str, kind: type
) -> None:
    def handle(_: Any, context: grpc.ServicerContext) -> ExportTraceServiceResponse:
        context.abort(code, details)
        raise AssertionError

    with grpc_server(handle) as target:
        assert type(refusal(target)) is kind


def test_grpcs_retry_info_is_how_long_to_wait() -> None:
    def handle(_: Any, context: grpc.ServicerContext) -> ExportTraceServiceResponse:
        status = Status(code=8, message="busy")
        status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=7)))
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNAVAILABLE, "busy")
        raise AssertionError

    with grpc_server(handle) as target:
        error = refusal(target)

    assert isinstance(error, NotAcceptedError)
    assert error.after_s == 7.0


@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        (Answer(), Accepted()),
        (partial(2, "why"), Accepted(2, "why")),
        (Answer(body=b'{"partialSuccess":{"rejectedSpans":"4"}}'), Accepted(4, "")),
        (Answer(body=b"\xff\xff<html>"), Accepted()),
        (Answer(body=b"{no json"), Accepted()),
    ],
)
def test_an_http_answer_is_read_whatever_it_is_written_in(
    protocol: str, answer: Answer, accepted: Accepted
) -> None:
    with backend() as server:
        server.next = [answer]
        target = OtlpTarget(f"http://127.0.0.1:{server.port}/v1/traces", protocol)
        assert open_sender(target).send(ExportTraceServiceRequest()) == accepted


def test_a_redirect_is_not_followed() -> None:
    with backend() as server, backend() as other:
        server.next = [Answer(307, {"Location": f"http://127.0.0.1:{other.port}/"})]
        error = refusal(OtlpTarget(f"http://127.0.0.1:{server.port}/", "http/protobuf"))

        assert (type(error), other.requests) == (NotAcceptedError, [])


def test_retry_after_may_be_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    with backend() as server:
        server.next = [Answer(503, {"Retry-After": later})]
        error = refusal(OtlpTarget(f"http://127.0.0.1:{server.port}/", "http/protobuf"))

    assert isinstance(error, NotAcceptedError)
    assert error.after_s is not None
    assert 50 < error.after_s <= 100


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "https://127.0.0.1:4317"])
def test_a_certificate_file_that_is_not_there_is_said(url: str) -> None:
    target = find_target(url, {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.pem"})
    assert target is not None
    with pytest.raises(UsageError, match="OTEL_EXPORTER_OTLP_CERTIFICATE"):
        open_sender(target)


def test_metrics_go_to_the_metrics_service_over_grpc() -> None:
    taken: list[ExportMetricsServiceRequest] = []

    class Service(metrics_service_pb2_grpc.MetricsServiceServicer):
        def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
            taken.append(request)
            answer = ExportMetricsServiceResponse()
            answer.partial_success.rejected_data_points = 2
            answer.partial_success.error_message = "too old"
            return answer

    server = grpc.server(futures.ThreadPoolExecutor(2))
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Service(), server)  # type: ignore[no-untyped-call]  # generated code
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.add(name="m", unit="s")
    sender = open_sender(OtlpTarget(url=f"http://127.0.0.1:{port}", protocol="grpc"))
    try:
        found = sender.send(request)
    finally:
        sender.close()
        server.stop(0)

    assert (found, taken) == (Accepted(2, "too old"), [request])
