"""A provider of latprobe's own beside one that the program sets up, in either order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.journal.recorded import read_journal

LATPROBE = "import latprobe, latprobe.auto\n"
EARLY = "from opentelemetry import trace\nearly = trace.get_tracer('early')\n"
THEIRS = """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
trace.set_tracer_provider(provider)
assert trace.get_tracer_provider() is provider
"""
WORK = """
with early.start_as_current_span("early", attributes={"n": 1}):
    with trace.get_tracer("late", "2").start_as_current_span("late") as span:
        span.add_event("seen", {"k": "v"})
        with latprobe.stage("stage"):
            pass
span = early.start_span("plain")
span.end()
"""
PRINT = """
import json
print(json.dumps(sorted(span.name for span in exporter.get_finished_spans())))
"""


def run(source: str, home: Path) -> list[str]:
    """What the program printed: the names that its own exporter saw."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", source],
        env={**os.environ, "LATPROBE_HOME": str(home), "LATPROBE_AGENT": "off"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    "setup",
    [LATPROBE + EARLY + THEIRS, EARLY + THEIRS + LATPROBE, EARLY + LATPROBE + THEIRS],
    ids=["latprobe first", "theirs first", "a tracer before both"],
)
def test_the_programs_own_provider_gets_all_its_spans_and_latprobe_too(
    tmp_path: Path, setup: str
) -> None:
    names = run(setup + WORK + PRINT, tmp_path / "s")
    assert names == ["early", "late", "plain"]
    spans = {span.name: span for span in read_journal(tmp_path / "s")}
    assert sorted(spans) == ["early", "late", "plain", "stage"]
    parents = {span.span_id: span.name for span in spans.values()}
    assert {name: parents.get(span.parent_id) for name, span in spans.items()} == {
        "early": None,
        "late": "early",
        "stage": "late",
        "plain": None,
    }
    assert b"seen" in (spans["late"].payload or b"")


def test_without_another_provider_everything_goes_to_latprobe(tmp_path: Path) -> None:
    names = run(EARLY + LATPROBE + WORK + "\nprint('[]')", tmp_path / "s")
    assert names == []
    assert sorted(span.name for span in read_journal(tmp_path / "s")) == [
        "early",
        "late",
        "plain",
        "stage",
    ]


def test_a_span_of_the_sdk_keeps_its_times_status_and_links() -> None:
    from opentelemetry.sdk.trace import TracerProvider as SdkProvider
    from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

    from latprobe.otel.sdk_bridge import listen_to
    from latprobe.testing import capture

    provider = SdkProvider()
    assert listen_to(provider)
    assert listen_to(provider)
    link = Link(SpanContext((3 << 64) | 4, 5, False, TraceFlags(1)), {"why": "batch"})
    with capture() as sink:
        span = provider.get_tracer("t").start_span("x", links=[link], start_time=1_000)
        span.set_status(Status(StatusCode.ERROR, "bad"))
        span.end(end_time=5_000)
    (found,) = sink.spans
    assert (found.name, found.scope, found.status, found.duration_ns) == ("x", "t", "error", 4_000)
    assert found.extra == {"start_wall_ns": 1_000, "duration_ns": 4_000, "status_message": "bad"}
    assert found.links == ((3, 4, 5, {"why": "batch"}),)


def test_a_provider_that_takes_no_processors_is_left_alone() -> None:
    from latprobe.otel.sdk_bridge import listen_to

    plain: Any = object()
    assert not listen_to(plain)
