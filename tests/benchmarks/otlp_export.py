"""Prints how fast the agent's forwarder hands spans to a backend that costs nothing.

    python tests/benchmarks/otlp_export.py [SPANS]

Lean spans, and GenAI spans with 9 attributes, a prompt of 2 kB and a completion of 1 kB (which the
export leaves out). Reading from the store, encoding and keeping the place are in the figure.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from latprobe.agent.forwarder import Forwarder
from latprobe.export.otlp_send import Accepted
from latprobe.store.owner import StoreOwner

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.journal.building import SegmentBuilder

SEGMENT_SPANS = 20_000
GENAI = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "m",
    "gen_ai.response.id": "abc",
    "gen_ai.request.temperature": 0.5,
    "gen_ai.usage.input_tokens": 500,
    "gen_ai.usage.output_tokens": 70,
    "server.address": "127.0.0.1",
    "server.port": 443,
    "gen_ai.input.messages": "p" * 2000,
    "gen_ai.output.messages": "q" * 1000,
}


class NullBackend:
    """Serialises and accepts."""

    def __init__(self) -> None:
        self.spans = 0
        self.sent_bytes = 0

    def send(self, request: ExportTraceServiceRequest) -> Accepted:
        self.sent_bytes += len(request.SerializeToString())
        for resource_spans in request.resource_spans:
            self.spans += sum(len(scope.spans) for scope in resource_spans.scope_spans)
        return Accepted()

    def close(self) -> None:
        pass


def main() -> None:
    spans = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    measure("lean", spans, None)
    measure("GenAI", spans // 4, GENAI)


def measure(kind: str, spans: int, attributes: dict[str, Any] | None) -> None:
    """One backlog, from the first span to the last."""
    with tempfile.TemporaryDirectory() as folder, StoreOwner(Path(folder)) as owner:
        backend = NullBackend()
        forwarder = Forwarder(owner, backend, name="null", poll_s=0.01)
        for first in range(1, spans + 1, SEGMENT_SPANS):
            fill(owner, range(first, min(first + SEGMENT_SPANS, spans + 1)), attributes)
        rss_before = rss_mb()
        started_s, cpu_s = time.perf_counter(), time.process_time()
        forwarder.start()
        pause = threading.Event()
        while forwarder.needs_time():
            pause.wait(0.01)
        took_s, cpu_s = time.perf_counter() - started_s, time.process_time() - cpu_s
        forwarder.stop()
    print(
        f"{kind}: {backend.spans} of {spans} spans, {spans / took_s:,.0f} spans/s, "
        f"{cpu_s / spans * 1e6:.0f} us CPU and {backend.sent_bytes / spans:.0f} bytes a span, "
        f"peak memory {rss_before} -> {rss_mb()} MB"
    )


def fill(owner: StoreOwner, span_ids: range, attributes: dict[str, Any] | None) -> None:
    heap_bytes = (4000 if attributes else 1) * len(span_ids) + (64 << 10)
    build = SegmentBuilder(
        owner.home / "journal" / f"{span_ids[0]}.lpj",
        capacity=len(span_ids),
        heap_bytes=heap_bytes,
    )
    for span_id in span_ids:
        build.span(trace=span_id, span=span_id, details=attributes)
    build.close()
    owner.ingest_pending()


def rss_mb() -> int:
    """The most that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
