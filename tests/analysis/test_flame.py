from __future__ import annotations

import dataclasses

import pytest

from latprobe.analysis.flame import flame
from latprobe.analysis.trace import TraceSpan, load_trace
from tests.analysis.seeding import MS, MemoryStore, Seed, seed, trace_hex


def _spans(seeds: list[Seed]) -> tuple[TraceSpan, ...]:
    store = MemoryStore()
    store.add_run(1)
    store.add_spans(seeds)
    return load_trace(store, trace_hex(1)).spans


def test_spans_of_one_path_are_one_node() -> None:
    spans = _spans(
        [
            seed(1, None, "root", 0, 100),
            seed(2, 1, "ocr", 0, 30),
            seed(3, 1, "ocr", 30, 50, status="error"),
            seed(4, 3, "decode", 32, 40),
            seed(5, 1, "llm", 50, 95),
            seed(6, 5, "decode", 50, 60),
        ]
    )
    found = flame(spans)
    assert [(n.name, n.depth, n.parent, n.count, n.errors) for n in found] == [
        ("root", 0, -1, 1, 0),
        ("ocr", 1, 0, 2, 1),
        ("decode", 2, 1, 1, 0),
        ("llm", 1, 0, 1, 0),
        ("decode", 2, 3, 1, 0),
    ]
    assert [(n.from_ns / MS, n.total_ns / MS, n.own_ns / MS) for n in found] == [
        (0, 100, 5),
        (0, 50, 42),
        (0, 8, 8),
        (50, 45, 35),
        (50, 10, 10),
    ]
    assert spans[found[1].longest].duration_ns == 30 * MS


def test_what_runs_in_parallel_adds_up() -> None:
    found = flame(_spans([seed(1, None, "root", 0, 10), *(seed(i, 1, "p", 0, 10) for i in (2, 3))]))
    assert [(n.name, n.total_ns // MS, n.count) for n in found] == [("root", 20, 1), ("p", 20, 2)]


@pytest.mark.parametrize("width", [1, 3, 40])
def test_many_paths_become_a_bounded_number_of_nodes(width: int) -> None:
    base = _spans([seed(1, None, "root", 0, 10_000)])[0]
    spans = [base]
    for at in range(3_000 // width):
        spans += [
            dataclasses.replace(
                base, name=f"s{at}", depth=1 + below, self_ns=(at % 17 + 1) * MS, duration_ns=MS
            )
            for below in range(width)
        ]
    found = flame(spans)
    assert 100 <= len(found) <= 200
    assert found[0].total_ns == sum(span.self_ns for span in spans)
    assert any(node.is_rest for node in found)
    for at, node in enumerate(found[1:], start=1):
        above = found[node.parent]
        assert node.parent < at
        assert node.depth == above.depth + 1
        assert above.from_ns <= node.from_ns
        assert node.from_ns + node.total_ns <= above.from_ns + above.total_ns


def test_no_spans_are_no_nodes() -> None:
    assert flame([]) == ()
