"""Sends spans in requests that a backend takes, and says what became of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from latprobe.export.otlp import to_request
from latprobe.export.otlp_send import RefusedError, Sender, TooLargeError
from latprobe.export.stored_spans import Run, StoredSpan

REQUEST_SPANS = 512
# Many gRPC servers take no message above 4 MiB.
REQUEST_BYTES = 3 << 20
# Splitting a refused request finds the one bad span among 512 within 10 refusals.
MAX_REFUSALS = 24


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the spans up to `last`: `rejected` ones were named by a partial success,
    `refused` ones stood in a request that the backend will never take. `reason` is its word."""

    last: StoredSpan
    exported: int
    rejected: int = 0
    refused: int = 0
    reason: str = ""


def send_spans(
    sender: Sender, spans: list[StoredSpan], runs: Mapping[int, Run], *, content: bool
) -> Iterator[Outcome]:
    """Sends the spans in their order, an outcome a request.

    A request that is refused is split, so that a bad span takes no good ones with it. Raises
    NotAcceptedError where the same may be taken later; all before it has had its outcome.
    """
    for first in range(0, len(spans), REQUEST_SPANS):
        yield from send_request(sender, spans[first : first + REQUEST_SPANS], runs, content)


def send_request(
    sender: Sender, spans: list[StoredSpan], runs: Mapping[int, Run], content: bool
) -> Iterator[Outcome]:
    """Sends the spans in one request, or in parts of it where that is refused."""
    pending = [spans]
    refusals = 0
    while pending:
        part = pending.pop()
        try:
            accepted = sender.send(_request(part, runs, content))
        except RefusedError as error:
            refusals += not isinstance(error, TooLargeError)
            if len(part) > 1 and refusals <= MAX_REFUSALS:
                middle = len(part) // 2
                pending += [part[middle:], part[:middle]]
                continue
            yield Outcome(part[-1], 0, refused=len(part), reason=str(error))
        else:
            rejected = min(accepted.rejected, len(part))
            yield Outcome(part[-1], len(part) - rejected, rejected, reason=accepted.reason)


def _request(
    spans: list[StoredSpan], runs: Mapping[int, Run], content: bool
) -> ExportTraceServiceRequest:
    """Raises RefusedError for spans that OTLP cannot say: text that is no Unicode, ids that are
    none."""
    try:
        request = to_request(spans, runs, content=content)
    except (ValueError, TypeError) as error:
        raise RefusedError(f"A span cannot be said in OTLP: {error}.") from error
    if len(spans) > 1 and request.ByteSize() > REQUEST_BYTES:
        raise TooLargeError("The request is larger than servers take.")
    return request
