"""200,000 spans flat out through the OpenTelemetry API: how many can be read afterwards.

    python tests/benchmarks/drops.py [--spans 200000]

opentelemetry-sdk with its default batch processor and OTLP/HTTP exporter, to a server on 127.0.0.1
that counts what arrives; and latprobe, counted in DuckDB. Both are given all the time they want to
finish after the last span.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from latprobe.store.reader import open_reader

PRODUCE = """
import sys, time
{setup}
from opentelemetry import trace
tracer = trace.get_tracer("flat out")
count = int(sys.argv[1])
start = time.perf_counter()
for _ in range(count // 8):
    with tracer.start_as_current_span("request"):
        for _ in range(7):
            with tracer.start_as_current_span("step", attributes={{"n": 1, "model": "m"}}):
                pass
print(f"{{(time.perf_counter() - start) / count * 1e6:.1f}}")
{finish}
"""
SDK = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=sys.argv[2])))
trace.set_tracer_provider(provider)
"""


class Counter(BaseHTTPRequestHandler):
    """Takes OTLP and counts spans."""

    spans = 0

    def do_POST(self) -> None:
        """One export request."""
        request = ExportTraceServiceRequest()
        request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
        found = (s for r in request.resource_spans for s in r.scope_spans)
        Counter.spans += sum(len(scope.spans) for scope in found)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (its name)
        """Nothing."""


def produce(setup: str, finish: str, *arguments: str, home: str) -> float:
    """Runs a producer; gives back its microseconds a span."""
    code = PRODUCE.format(setup=setup, finish=finish)
    environment = {**os.environ, "LATPROBE_HOME": home, "LATPROBE_AGENT": "off"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return float(done.stdout)


def main() -> None:
    """Prints both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=200_000)
    count = parser.parse_args().spans
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counter)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}/v1/traces"
    with tempfile.TemporaryDirectory() as folder:
        sdk_us = produce(SDK, "provider.shutdown()", str(count), endpoint, home=folder)
        ours_us = produce("import latprobe.auto", "", str(count), home=folder)
        with open_reader(Path(folder), start_agent=False) as reader:
            stored = reader.query("SELECT count(*) AS n FROM spans")["n"][0].as_py()
    server.shutdown()
    for name, found, cost in (
        ("opentelemetry-sdk, defaults", Counter.spans, sdk_us),
        ("latprobe", stored, ours_us),
    ):
        lost = count - found
        print(f"{name:28} {found:8,} of {count:,} arrived, {lost:,} lost; {cost:.1f} us a span")


if __name__ == "__main__":
    main()
