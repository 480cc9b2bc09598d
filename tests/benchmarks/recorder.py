"""What a span costs on the calling thread: latprobe beside opentelemetry-sdk and an empty `with`.

    python tests/benchmarks/recorder.py [--spans N] [--rounds N]

Every figure is the lowest of several rounds, all taken in turns in this one process; ratios are
what counts. The SDK runs with its BatchSpanProcessor and an exporter that discards. The five
attributes are written out at the call, as a program would.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace import TracerProvider as SdkProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SpanExporter,
    SpanExportResult,
)

import latprobe
from latprobe.clock import monotonic_ns
from latprobe.otel.tracer import TracerProvider


class Discard(SpanExporter):
    """Exports nowhere."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Takes them."""
        return SpanExportResult.SUCCESS


class Empty:
    """The floor: a context manager that does nothing."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *args: object) -> None:
        return None


def per_call_us(work: Callable[[int], None], count: int) -> float:
    """Microseconds of one of `count` repetitions."""
    start = monotonic_ns()
    work(count)
    return (monotonic_ns() - start) / count / 1000


def programs() -> dict[str, Callable[[int], None]]:
    """What is measured, by name."""
    provider = SdkProvider()
    provider.add_span_processor(BatchSpanProcessor(Discard()))
    sdk, ours = provider.get_tracer("benchmark"), TracerProvider().get_tracer("benchmark")
    stage = latprobe.stage

    def floor(count: int) -> None:
        for _ in range(count):
            with Empty():
                pass

    def lean(count: int) -> None:
        with stage("parent"):
            for _ in range(count):
                with stage("child"):
                    pass

    def five(count: int) -> None:
        with stage("parent"):
            for _ in range(count):
                with stage(
                    "child",
                    operation="chat",
                    model="gpt-4o-mini",
                    input_tokens=1234,
                    output_tokens=56,
                    temperature=0.4,
                ):
                    pass

    def sdk_lean(count: int) -> None:
        with sdk.start_as_current_span("parent"):
            for _ in range(count):
                with sdk.start_as_current_span("child"):
                    pass

    def sdk_five(count: int) -> None:
        with sdk.start_as_current_span("parent"):
            for _ in range(count):
                with sdk.start_as_current_span(
                    "child",
                    attributes={
                        "operation": "chat",
                        "model": "gpt-4o-mini",
                        "input_tokens": 1234,
                        "output_tokens": 56,
                        "temperature": 0.4,
                    },
                ):
                    pass

    def api_five(count: int) -> None:
        with stage("parent"):
            for _ in range(count):
                with ours.start_as_current_span(
                    "child",
                    attributes={
                        "operation": "chat",
                        "model": "gpt-4o-mini",
                        "input_tokens": 1234,
                        "output_tokens": 56,
                        "temperature": 0.4,
                    },
                ):
                    pass

    def bare_stream(count: int) -> None:
        for _ in iter_numbers(count):
            pass

    def stream(count: int) -> None:
        with stage("llm") as made:
            for _ in made.stream(iter_numbers(count)):
                pass

    return {
        "empty with": floor,
        "stage": lean,
        "stage, 5 attributes": five,
        "sdk": sdk_lean,
        "sdk, 5 attributes": sdk_five,
        "otel api on latprobe, 5 attributes": api_five,
        "bare stream chunk": bare_stream,
        "timed stream chunk": stream,
    }


def iter_numbers(count: int) -> Iterator[int]:
    """A stream."""
    yield from range(count)


def main() -> None:
    """Prints each figure and the ratios that are promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        latprobe.init(home=Path(folder) / "store", agent=False)
        measured: dict[str, float] = {}
        for _ in range(options.rounds):
            for name, program in programs().items():
                took = per_call_us(program, options.spans)
                measured[name] = min(took, measured.get(name, took))
        latprobe.shutdown()
    for name, took in measured.items():
        print(f"{name:36} {took:8.3f} us")
    chunk = measured["timed stream chunk"] - measured["bare stream chunk"]
    print(f"{'chunk, less the bare stream':36} {chunk:8.3f} us   (promised: at most 0.3)")
    for name, over, promise in (
        ("sdk", "stage", "at least 12"),
        ("stage", "empty with", "at most 13"),
        ("sdk, 5 attributes", "stage, 5 attributes", "at least 7"),
        (
            "sdk, 5 attributes",
            "otel api on latprobe, 5 attributes",
            "at least 6 (issue of its own)",
        ),
    ):
        ratio = measured[name] / measured[over]
        print(f"{name} / {over}: {ratio:.1f}x   (promised: {promise})")


if __name__ == "__main__":
    main()
