"""`latprobe.part()`: what it records, where, and that it costs the program nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import latprobe
from latprobe import guard, marked_spans
from latprobe.otel.content_names import PART_KINDS
from latprobe.otel.sdk_bridge import listen_to
from latprobe.testing import MemorySink, RecordedSpan, capture
from latprobe.tokens.part import INPUT_KINDS


def marks_of(span: RecordedSpan) -> list[tuple[str, str]]:
    """(kind, text) of each mark."""
    return [
        (held["part"], held["text"]) for name, _, held in span.events if name == "latprobe.part"
    ]


def test_a_marked_text_is_given_back_and_noted_on_the_current_stage(sink: MemorySink) -> None:
    text = "Paris is the capital."
    with latprobe.stage("answer"):
        assert latprobe.part("retrieved", text) is text
    assert marks_of(sink.named("answer")) == [("retrieved", text)]


def test_the_texts_of_a_list_are_marked_one_by_one_and_other_values_by_their_text(
    sink: MemorySink,
) -> None:
    documents, number = ["one", "two"], 42
    with latprobe.stage("answer"):
        assert latprobe.part("retrieved", documents) is documents
        assert latprobe.part("user", number) is number
    found = [("retrieved", "one"), ("retrieved", "two"), ("user", "42")]
    assert marks_of(sink.named("answer")) == found


def test_a_span_of_the_programs_own_sdk_is_marked_in_our_journal_only() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    listen_to(provider)
    with capture() as sink, provider.get_tracer("theirs").start_as_current_span("call"):
        latprobe.part("system", "Be brief.")
        latprobe.part("user", "Why?")
    assert marks_of(sink.named("call")) == [("system", "Be brief."), ("user", "Why?")]
    assert [len(span.events) for span in exporter.get_finished_spans()] == [0]


def test_spans_that_never_end_do_not_hold_marks_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marked_spans, "_waiting", {})
    tracer = TracerProvider().get_tracer("theirs")
    with capture():
        for _ in range(marked_spans.MAX_WAITING_SPANS + 5):
            with tracer.start_as_current_span("call"):
                latprobe.part("user", "x")
    assert len(marked_spans._waiting) == marked_spans.MAX_WAITING_SPANS


def test_nothing_is_marked_outside_of_spans_or_while_nothing_records() -> None:
    assert latprobe.part("user", "a") == "a"
    with capture() as sink:
        assert latprobe.part("user", "b") == "b"
    assert sink.spans == []


def test_an_unknown_kind_is_said_once_without_the_text(
    sink: MemorySink, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "faults", {})
    with latprobe.stage("answer"):
        assert latprobe.part("retreived", "secret") == "secret"
        latprobe.part("my text", "secret")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "unknown kind" in said
    assert "secret" not in said
    assert marks_of(sink.named("answer")) == []


class Unsayable:
    """An object without text."""

    def __str__(self) -> str:
        raise RuntimeError("no")


def test_what_has_no_text_is_given_back_unmarked(sink: MemorySink) -> None:
    thing = Unsayable()
    with latprobe.stage("answer"):
        assert latprobe.part("user", thing) is thing
    assert marks_of(sink.named("answer")) == []


@given(st.text())
def test_any_text_is_noted_as_it_is(text: str) -> None:
    with capture() as sink, latprobe.stage("answer"):
        latprobe.part("other", text)
    assert marks_of(sink.named("answer")) == ([("other", text)] if text else [])


def test_the_kinds_are_those_of_prompt_parts() -> None:
    assert frozenset(INPUT_KINDS) == PART_KINDS
