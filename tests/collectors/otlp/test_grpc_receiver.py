"""OTLP over gRPC, on a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]  # no stubs
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from latprobe_collectors.otlp.grpc_receiver import METHOD
from latprobe_collectors.otlp.refusals import OverloadedError
from latprobe_collectors.otlp.spool import Spool
from tests.collectors.otlp.building import request, span
from tests.collectors.otlp.receiving import Receiving, receiving

GOOD = request(span(1, name="good")).SerializeToString()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiving]:
    with receiving(tmp_path_factory.mktemp("store")) as found:
        yield found


def call(
    server: Receiving, body: bytes, *, method: str = METHOD, token: str | None = None
) -> bytes | grpc.RpcError:
    """The answer, or the error."""
    options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(server.grpc_target, options=options) as channel:
        metadata = (("authorization", f"Bearer {token}"),) if token else None
        try:
            answer: bytes = channel.unary_unary(method, bytes, bytes)(
                body, timeout=20, metadata=metadata
            )
        except grpc.RpcError as error:
            return error
        return answer


def code(answer: Any) -> str:
    """The status code of an error."""
    name: str = answer.code().name
    return name


def test_a_request_is_answered_once_it_is_kept(tmp_path: Path) -> None:
    mixed = request(span(1, name="left"), span(2, trace_id=b""), span(3, name="right"))
    with receiving(tmp_path) as server:
        assert call(server, GOOD) == b""
        answer = call(server, mixed.SerializeToString())
        assert isinstance(answer, bytes)
        partial = ExportTraceServiceResponse.FromString(answer).partial_success

        assert (partial.rejected_spans, partial.error_message) == (
            1,
            "trace_id has 0 bytes, not 16 (1)",
        )
        assert server.names(2) == ["good", "right"]


def test_errors_have_their_codes(server: Receiving) -> None:
    other = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"

    assert code(call(server, b"\xff" * 99)) == "INVALID_ARGUMENT"
    assert code(call(server, bytes(33 << 20))) == "RESOURCE_EXHAUSTED"
    assert code(call(server, b"", method=other)) == "UNIMPLEMENTED"


def test_an_overloaded_receiver_says_when_to_come_back(
    server: Receiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OverloadedError("The store is behind.")

    monkeypatch.setattr(Spool, "append", full)
    answer: Any = call(server, GOOD)
    details = dict(answer.trailing_metadata())["grpc-status-details-bin"]
    retry = error_details_pb2.RetryInfo()
    status_pb2.Status.FromString(details).details[0].Unpack(retry)

    assert (code(answer), retry.retry_delay.seconds) == ("RESOURCE_EXHAUSTED", 1)


def test_with_a_token_only_those_who_show_it_are_heard(tmp_path: Path) -> None:
    with receiving(tmp_path, token="secret") as server:
        answers = [call(server, GOOD), call(server, GOOD, token="guess")]
        right = call(server, GOOD, token="secret")

    assert ([code(answer) for answer in answers], right) == (["UNAUTHENTICATED"] * 2, b"")
