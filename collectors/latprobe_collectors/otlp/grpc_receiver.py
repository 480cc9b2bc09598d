"""OTLP over gRPC: TraceService/Export. Needs grpcio, which the extra `otlp` brings."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]  # no stubs

from latprobe_collectors.otlp.answers import protobuf_success
from latprobe_collectors.otlp.intake import MAX_BODY_BYTES, Intake
from latprobe_collectors.otlp.refusals import Refusal

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
THREADS = 4
MAX_CALLS = 64
GRACE_S = 2.0


class GrpcReceiver:
    """Listens once it is made, answers from `start` until `close`. Raises OSError."""

    def __init__(self, intake: Intake, host: str, port: int) -> None:
        self._server = grpc.server(
            ThreadPoolExecutor(THREADS, thread_name_prefix="latprobe-otlp-grpc"),
            handlers=[_Export(intake)],
            maximum_concurrent_rpcs=MAX_CALLS,
            options=[
                # gRPC keeps to it both before and after unpacking.
                ("grpc.max_receive_message_length", MAX_BODY_BYTES),
                ("grpc.so_reuseport", 0),
            ],
        )
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            self.port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(str(error)) from error

    def start(self) -> None:
        """Answers from now on."""
        self._server.start()

    def close(self) -> None:
        """Finishes running calls and answers nobody any more."""
        self._server.stop(GRACE_S).wait()


class _Export(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs only
    """The one method there is."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._method = grpc.unary_unary_rpc_method_handler(self._export)

    def service(self, handler_call_details: Any) -> Any:
        return self._method if handler_call_details.method == METHOD else None

    def _export(self, body: bytes, context: Any) -> bytes:
        try:
            given = dict(context.invocation_metadata()).get("authorization")
            self._intake.check_token(given)
            with self._intake.budget.share() as share:
                share.take(len(body))
                return protobuf_success(self._intake.accept(body))
        except Refusal as refusal:
            _refuse(refusal, context)
            return b""


def _refuse(refusal: Refusal, context: Any) -> None:
    code = getattr(grpc.StatusCode, refusal.grpc_code)
    if refusal.retry_after_s is not None:
        context.set_trailing_metadata((("grpc-status-details-bin", _retry(refusal, code)),))
    context.abort(code, str(refusal))


def _retry(refusal: Refusal, code: Any) -> bytes:
    """Status details without which a client takes RESOURCE_EXHAUSTED for final."""
    delay = duration_pb2.Duration(seconds=refusal.retry_after_s or 1)
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    status = status_pb2.Status(code=code.value[0], message=str(refusal), details=[detail])
    return bytes(status.SerializeToString())
