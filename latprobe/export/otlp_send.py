"""Hands OTLP requests to a backend, over HTTP or gRPC, one try at a time.

The official exporters retry by themselves and answer only "failed", so that nobody learns what was
rejected, for how long to wait, or whether a second try makes sense; the messages, the gRPC stub and
the settings are the official ones.
"""

from __future__ import annotations

import gzip
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Protocol

from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from latprobe.errors import StoreError, UsageError
from latprobe.export.otlp_json import request_json
from latprobe.export.otlp_target import OtlpTarget
from latprobe.version import VERSION

if TYPE_CHECKING:
    import grpc

Request = ExportTraceServiceRequest | ExportMetricsServiceRequest
_Response = ExportTraceServiceResponse | ExportMetricsServiceResponse

MAX_ANSWER_BYTES = 1 << 20
LONGEST_WAIT_S = 300.0

# Statuses that say that the data, not the place or the moment, is wrong.
_DATA_REFUSED = {400, 406, 409, 411, 412, 415, 417, 422, 431}
_TOO_LARGE = 413
_FAILED = 500


@dataclass(frozen=True, slots=True)
class Accepted:
    """The backend has it, but for `rejected` spans or data points, for the reason it gave."""

    rejected: int = 0
    reason: str = ""


class NotAcceptedError(StoreError):
    """The backend did not take it now; the same request may be taken later.

    `after_s` is how long it asked to wait, None when it said nothing.
    """

    def __init__(self, reason: str, *, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


class FailedError(NotAcceptedError):
    """The backend failed over the request (500, INTERNAL): it is down, or a span breaks it."""


class RefusedError(StoreError):
    """The backend will never take this request."""


class TooLargeError(RefusedError):
    """It would take the spans in smaller requests."""


class Sender(Protocol):
    """One try: gives back what was accepted; raises NotAcceptedError or RefusedError."""

    def send(self, request: ExportTraceServiceRequest) -> Accepted: ...
    def close(self) -> None: ...


def open_sender(target: OtlpTarget) -> HttpSender | GrpcSender:
    """What sends spans and metrics to the target.

    Raises UsageError when a certificate's file cannot be used.
    """
    if target.protocol == "grpc":
        return GrpcSender(target)
    return HttpSender(target)


class HttpSender:
    """POSTs protobuf or JSON. A redirect is an answer like others: the data goes nowhere else."""

    def __init__(self, target: OtlpTarget) -> None:
        self._target = target
        self._is_json = target.protocol == "http/json"
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if target.is_secure:
            handlers.append(urllib.request.HTTPSHandler(context=_tls(target)))
        self._opener = urllib.request.build_opener(*handlers)

    def send(self, request: Request) -> Accepted:
        body = request_json(request).encode() if self._is_json else request.SerializeToString()
        headers = {
            "user-agent": f"latprobe/{VERSION}",
            **dict(self._target.headers),
            "content-type": "application/json" if self._is_json else "application/x-protobuf",
        }
        if self._target.is_gzip:
            body = gzip.compress(body, 6)
            headers["content-encoding"] = "gzip"
        post = urllib.request.Request(self._target.url, body, headers, method="POST")
        try:
            with self._opener.open(post, timeout=self._target.timeout_s) as answer:
                return _accepted(answer.read(MAX_ANSWER_BYTES), request)
        except urllib.error.HTTPError as error:
            with error:
                raise _as_ours(error, self._target) from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise NotAcceptedError(f"{self._target.shown} cannot be reached: {reason}.") from error

    def close(self) -> None:
        self._opener.close()


class GrpcSender:
    """Calls the collector's trace and metrics services."""

    def __init__(self, target: OtlpTarget) -> None:
        import grpc
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
            MetricsServiceStub,
        )
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

        self._target = target
        options = [("grpc.primary_user_agent", f"latprobe/{VERSION}")]
        address = f"{target.host}:{target.port}"
        if target.is_secure:
            credentials = grpc.ssl_channel_credentials(
                _content(target.certificate),
                _content(target.client_key),
                _content(target.client_certificate),
            )
            self._channel = grpc.secure_channel(address, credentials, options)
        else:
            self._channel = grpc.insecure_channel(address, options)
        traces = TraceServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated code
        metrics = MetricsServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated code
        self._exports: dict[type[Request], Callable[..., Any]] = {
            ExportTraceServiceRequest: traces.Export,
            ExportMetricsServiceRequest: metrics.Export,
        }

    def send(self, request: Request) -> Accepted:
        import grpc

        try:
            answer = self._exports[type(request)](
                request,
                timeout=self._target.timeout_s,
                metadata=self._target.headers,
                compression=grpc.Compression.Gzip if self._target.is_gzip else None,
            )
        except grpc.RpcError as error:
            raise _grpc_as_ours(error, self._target) from error
        return _partial(answer)

    def close(self) -> None:
        self._channel.close()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _accepted(body: bytes, request: Request) -> Accepted:
    """Backends answer protobuf, JSON or nothing; what cannot be read says that all is well."""
    is_traces = isinstance(request, ExportTraceServiceRequest)
    answer = ExportTraceServiceResponse() if is_traces else ExportMetricsServiceResponse()
    try:
        if body[:1] == b"{":
            Parse(body, answer, ignore_unknown_fields=True)
        else:
            answer.ParseFromString(body)
    except (DecodeError, ParseError):
        return Accepted()
    return _partial(answer)


def _partial(answer: _Response) -> Accepted:
    if isinstance(answer, ExportTraceServiceResponse):
        rejected = answer.partial_success.rejected_spans
    else:
        rejected = answer.partial_success.rejected_data_points
    return Accepted(max(rejected, 0), answer.partial_success.error_message)


def _as_ours(error: urllib.error.HTTPError, target: OtlpTarget) -> StoreError:
    said = f"{target.shown} answered {error.code} {error.reason}"
    if error.code == _TOO_LARGE:
        return TooLargeError(f"{said}: the request is too large for it.")
    if error.code in _DATA_REFUSED:
        return RefusedError(f"{said}{_detail(error)}.")
    if error.code in (401, 403):
        said += " (see OTEL_EXPORTER_OTLP_HEADERS)"
    kind = FailedError if error.code == _FAILED else NotAcceptedError
    return kind(f"{said}.", after_s=_retry_after(error.headers.get("Retry-After")))


def _detail(error: urllib.error.HTTPError) -> str:
    """The start of what the backend wrote, where that is text."""
    try:
        text = error.read(400).decode("utf-8", "replace").strip()
    except (OSError, HTTPException):
        return ""
    return f": {text[:200]}" if text and text.isprintable() else ""


def _retry_after(text: str | None) -> float | None:
    """Seconds, from a number or an HTTP date."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT_S) if seconds == seconds else None


def _grpc_as_ours(error: grpc.RpcError, target: OtlpTarget) -> StoreError:
    import grpc

    code = error.code() if isinstance(error, grpc.Call) else None
    name = code.name if code is not None else "UNKNOWN"
    text = (error.details() if isinstance(error, grpc.Call) else None) or ""
    said = f"{target.shown} answered {name}: {text[:200]}"
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in text:
        return TooLargeError(said)
    if code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION):
        return RefusedError(said)
    has_failed = code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
    kind = FailedError if has_failed else NotAcceptedError
    return kind(said, after_s=_grpc_retry_after(error))


def _grpc_retry_after(error: grpc.RpcError) -> float | None:
    """RetryInfo of google.rpc.Status in the trailers, seconds."""
    import grpc
    from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
    from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

    trailers: Any = error.trailing_metadata() if isinstance(error, grpc.Call) else None
    status, info = Status(), RetryInfo()
    try:
        status.ParseFromString(bytes(dict(trailers or ()).get("grpc-status-details-bin", b"")))
    except DecodeError:
        return None
    if not any(detail.Unpack(info) for detail in status.details):
        return None
    return min(float(info.retry_delay.ToTimedelta().total_seconds()), LONGEST_WAIT_S)


def _tls(target: OtlpTarget) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=target.certificate)
        if target.client_certificate:
            context.load_cert_chain(target.client_certificate, target.client_key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"The certificate for {target.shown} cannot be used: {error}. "
            "See OTEL_EXPORTER_OTLP_CERTIFICATE."
        ) from error
    return context


def _content(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}. See OTEL_EXPORTER_OTLP_CERTIFICATE."
        ) from error
