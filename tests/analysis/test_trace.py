from __future__ import annotations

import pytest

from latprobe.analysis.trace import Trace, TraceEvent, load_trace
from latprobe.errors import NoDataError, UsageError
from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore, seed, trace_hex


def shape(trace: Trace) -> list[tuple[int, str, int, int, int]]:
    return [
        (s.depth, s.name, s.offset_ns // MS, s.self_ns // MS, s.critical_ns // MS)
        for s in trace.spans
    ]


def filled() -> MemoryStore:
    store = MemoryStore()
    store.add_run()
    store.add_spans(
        [
            seed(1, None, "answer", 0, 100, 0xABC1),
            seed(3, 1, "llm", 30, 90, 0xABC1, model="m", attributes='{"k": [1, "x"]}'),
            seed(2, 1, "retrieve", 0, 30, 0xABC1, cpu_ns=5),
            seed(4, 3, "client", 40, 80, 0xABC1, status="error", status_message="boom"),
            seed(9, 8, "orphan", -5, 10, 0xABC1),
            seed(1, None, "answer", 0, 300, 0xABC2),
        ]
    )
    store.add_event(0xABC1, 4, name="retry", time_ns=EPOCH_NS + 1, attributes='{"n": 2}')
    return store


def test_a_trace_is_its_spans_depth_first_with_self_and_critical_time() -> None:
    trace = load_trace(filled(), trace_hex(0xABC1))
    assert (trace.start_ns, trace.duration_ns) == (EPOCH_NS, 100 * MS)
    assert (trace.service, trace.run_id, trace.usual_p50_ms) == ("app", 1, 200.0)
    assert shape(trace) == [
        (0, "answer", 0, 10, 10),
        (1, "orphan", -5, 15, 0),
        (1, "retrieve", 0, 30, 30),
        (1, "llm", 30, 20, 20),
        (2, "client", 40, 40, 40),
    ]


def test_a_span_carries_what_was_recorded_on_it() -> None:
    spans = {s.name: s for s in load_trace(filled(), trace_hex(0xABC1)).spans}
    client, llm = spans["client"], spans["llm"]
    assert (client.span_id, client.parent_id) == ("0" * 15 + "4", "0" * 15 + "3")
    assert (client.status, client.status_message) == ("error", "boom")
    assert client.events == (TraceEvent(EPOCH_NS + 1, "retry", {"n": 2}),)
    assert (llm.model, llm.attributes, llm.events) == ("m", {"k": [1, "x"]}, ())
    assert (spans["retrieve"].cpu_ns, llm.cpu_ns, spans["answer"].parent_id) == (5, None, None)


def test_a_trace_is_found_by_the_start_of_its_id_with_or_without_dashes() -> None:
    store = MemoryStore()
    store.add_spans([seed(1, None, "a", 0, 1, 0xFEDC << 112), seed(1, None, "a", 0, 1, 5)])
    prefixes = ("f", "FEDC", "fedc0000-0000", trace_hex(0xFEDC << 112))
    assert {load_trace(store, p).trace_id for p in prefixes} == {trace_hex(0xFEDC << 112)}


def test_an_unknown_trace_is_no_data() -> None:
    with pytest.raises(NoDataError, match="No trace starts with ff"):
        load_trace(filled(), "ff")


@pytest.mark.parametrize("prefix", ["", "xyz", "12 34", "0" * 33, "'; DROP TABLE spans"])
def test_what_is_no_trace_id_is_a_usage_error(prefix: str) -> None:
    with pytest.raises(UsageError, match="hex digits"):
        load_trace(filled(), prefix)


def test_several_traces_are_named_in_the_error() -> None:
    with pytest.raises(UsageError, match=r"Several.*abc1, 0*abc2\. Write more"):
        load_trace(filled(), "0000")


def test_the_only_request_of_its_kind_has_no_usual_time() -> None:
    store = MemoryStore()
    store.add_spans([seed(1, None, "once", 0, 1)])
    trace = load_trace(store, trace_hex(1))
    assert (trace.usual_p50_ms, trace.service) == (None, None)
