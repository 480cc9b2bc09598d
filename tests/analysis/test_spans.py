from __future__ import annotations

import uuid

import pyarrow as pa

from latprobe.analysis.spans import Spans
from tests.analysis.seeding import EPOCH_NS, MS, seed, spans_of, table_of


def test_spans_are_sorted_by_trace_start_and_the_longer_first() -> None:
    spans = spans_of(
        [
            seed(4, 2, "d", 5, 6, 2),
            seed(3, 1, "c", 0, 10, 1),
            seed(2, 1, "b", 0, 20, 1),
            seed(5, 1, "a", -1, 1, 1),
        ]
    )
    assert [spans.names[n] for n in spans.name] == ["a", "b", "c", "d"]
    assert spans.row.tolist() == [3, 2, 1, 0]
    assert spans.offsets().tolist() == [0, 3]
    assert list(spans.traces()) == [slice(0, 3), slice(3, 4)]
    assert spans.duration_ns.tolist() == [2 * MS, 20 * MS, 10 * MS, MS]


def test_parents_are_looked_up_within_the_trace_only() -> None:
    spans = spans_of(
        [
            seed(1, None, "root", 0, 10, 1),
            seed(2, 1, "child", 1, 9, 1),
            seed(3, 7, "of another trace", 2, 9, 1),
            seed(7, None, "root", 0, 10, 2),
            seed(2**64 - 1, 7, "child", 1, 9, 2),
            seed(9, 2**64 - 1, "grandchild", 2, 9, 2),
        ]
    )
    assert spans.parent_rows().tolist() == [-1, 0, -1, -1, 3, 4]


def test_the_earliest_of_two_spans_with_one_id_is_the_parent() -> None:
    spans = spans_of([seed(1, None, "a", 5, 9), seed(1, None, "b", 0, 9), seed(2, 1, "c", 6, 7)])
    assert spans.parent_rows().tolist() == [-1, -1, 0]


def test_traces_may_be_text_or_uuids() -> None:
    seeds = [seed(1, None, "a", 0, 1, 1), seed(1, None, "a", 0, 1, 2)]
    table = table_of(seeds).drop_columns("trace")
    ids = [uuid.UUID(int=7), uuid.UUID(int=8)]
    text = table.append_column("trace", pa.array([str(i) for i in ids]))
    binary = table.append_column("trace", pa.array([i.bytes for i in ids], pa.uuid()))
    assert [list(Spans.from_table(t).traces()) for t in (text, binary)] == (
        [[slice(0, 1), slice(1, 2)]] * 2
    )


def test_an_empty_table_gives_no_traces() -> None:
    spans = spans_of([])
    assert (len(spans), list(spans.traces()), spans.parent_rows().tolist()) == (0, [], [])


def test_a_negative_duration_ends_where_it_starts() -> None:
    assert spans_of([seed(1, None, "a", 5, 3)]).end_ns.tolist() == [EPOCH_NS + 5 * MS]
