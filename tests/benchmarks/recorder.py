"""What a span costs on the calling thread: latprobe beside opentelemetry-sdk and an empty `with`.

    python tests/benchmarks/recorder.py [--turn-ms MS] [--rounds N]

CPU time of the calling thread, the same clock for all. The programs take turns in this one process,
the same time each, so that whatever slows the machine down slows all of them; a ratio is the median
of the rounds' ratios. The SDK runs as it comes: BatchSpanProcessor, and an exporter that discards.
Its queue is emptied after its turn: what its own thread does is not counted, and it drops nothing.
Attributes are written out at the call, as a program would.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace import TracerProvider as SdkProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SpanExporter,
    SpanExportResult,
)

import latprobe
from latprobe.clock import thread_cpu_ns
from latprobe.otel.tracer import offer_provider

Program = Callable[[int], None]


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


def programs(provider: SdkProvider) -> dict[str, Program]:
    """What is measured, by name."""
    sdk = provider.get_tracer("benchmark")
    ours = trace.get_tracer("benchmark")  # latprobe's: no other provider has been set
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

    def gen_ai(tracer: trace.Tracer) -> Program:
        def spans(count: int) -> None:
            with tracer.start_as_current_span("parent"):
                for _ in range(count):
                    with tracer.start_as_current_span(
                        "chat gpt-4o-mini",
                        attributes={
                            "gen_ai.operation.name": "chat",
                            "gen_ai.request.model": "gpt-4o-mini",
                            "gen_ai.usage.input_tokens": 1234,
                            "gen_ai.usage.output_tokens": 56,
                            "gen_ai.request.temperature": 0.4,
                        },
                    ):
                        pass

        return spans

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
        "sdk": sdk_lean,
        "stage, 5 attributes": five,
        "sdk, 5 attributes": sdk_five,
        "otel api on latprobe, 5 gen_ai attributes": gen_ai(ours),
        "otel api on the sdk, 5 gen_ai attributes": gen_ai(sdk),
        "bare stream chunk": bare_stream,
        "timed stream chunk": stream,
    }


def iter_numbers(count: int) -> Iterator[int]:
    """A stream."""
    yield from range(count)


def measure(turn_ms: float, rounds: int) -> dict[str, list[float]]:
    """Microseconds of CPU a span, by program, one figure a round."""
    provider = SdkProvider()
    provider.add_span_processor(BatchSpanProcessor(Discard()))
    measured = programs(provider)
    counts = {
        name: max(int(turn_ms * 1000 / cpu_us(program, 1000)), 1)
        for name, program in measured.items()
    }
    provider.force_flush()
    gc.collect()
    gc.freeze()  # what collections have to look at is what the spans themselves left
    took: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(rounds):
        for name, program in measured.items():
            took[name].append(cpu_us(program, counts[name]))
            provider.force_flush()
    provider.shutdown()
    return took


def cpu_us(program: Program, count: int) -> float:
    """CPU time of one of `count` repetitions."""
    start = thread_cpu_ns()
    program(count)
    return (thread_cpu_ns() - start) / count / 1000


def say_ratio(took: dict[str, list[float]], over: str, under: str, promise: str) -> None:
    """One line: the median ratio, the middle half of the rounds, and what is promised."""
    ratios = [a / b for a, b in zip(took[over], took[under], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"{over} / {under}: {middle:.1f}x ({low:.1f}-{high:.1f}; promised: {promise})")


def main() -> None:
    """Prints each figure and the ratios that are promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turn-ms", type=float, default=20, help="of one program in one round")
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        latprobe.init(home=Path(folder) / "store", agent=False)
        offer_provider()
        took = measure(options.turn_ms, options.rounds)
        latprobe.shutdown()
    print(f"{'CPU us, calling thread':44} {'lowest':>8} {'median':>8}")
    for name, figures in took.items():
        print(f"{name:44} {min(figures):8.3f} {statistics.median(figures):8.3f}")
    bare, timed = took["bare stream chunk"], took["timed stream chunk"]
    middle = statistics.median(b - a for a, b in zip(bare, timed, strict=True))
    chunk = f"{min(timed) - min(bare):8.3f} {middle:8.3f}"
    print(f"{'chunk, less the bare stream':44} {chunk}   (promised: at most 0.3)")
    say_ratio(took, "sdk", "stage", "at least 12")
    say_ratio(took, "stage", "empty with", "at most 13")
    say_ratio(took, "sdk, 5 attributes", "stage, 5 attributes", "at least 7")
    say_ratio(
        took,
        "otel api on the sdk, 5 gen_ai attributes",
        "otel api on latprobe, 5 gen_ai attributes",
        "at least 6",
    )


if __name__ == "__main__":
    main()
