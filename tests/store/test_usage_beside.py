"""A call that two instrumentations saw side by side counts once; calls alike count each."""

from __future__ import annotations

import duckdb
import pytest

from latprobe.store.counted_usage import COUNTED_USAGE

Call = tuple[int, int, str | None, int, int, str, int, int]
STAGE = 1
LANGCHAIN, OPENAI = "openinference.instrumentation.langchain@0.1", "genai.openai@1.3"


def counted(*calls: Call) -> list[int]:
    """Span ids that count, of (span, parent, scope, start, end, model, input, output)."""
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE spans (trace_id INT, span_id INT, parent_span_id INT, scope VARCHAR, "
            "start_ns BIGINT, duration_ns BIGINT)"
        )
        con.execute(
            "CREATE TABLE usage (trace_id INT, span_id INT, model VARCHAR, operation VARCHAR, "
            "input_tokens INT, output_tokens INT)"
        )
        con.execute("INSERT INTO spans VALUES (7, 1, NULL, NULL, 0, 1000)")
        for span, parent, scope, start, end, model, given, made in calls:
            con.execute(
                "INSERT INTO spans VALUES (7, ?, ?, ?, ?, ?)",
                [span, parent, scope, start, end - start],
            )
            con.execute(
                "INSERT INTO usage VALUES (7, ?, ?, 'chat', ?, ?)", [span, model, given, made]
            )
        rows = con.execute(
            f"WITH RECURSIVE wanted AS (SELECT 7 AS trace_id), {COUNTED_USAGE} "
            "SELECT span_id FROM counted_usage ORDER BY span_id"
        ).fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize(("model", "more"), [("m", "m"), ("m", "m-2026-01-01"), ("openai/m", "m")])
def test_a_clients_span_beside_the_frameworks_counts_alone(model: str, more: str) -> None:
    outer = (3, 2, LANGCHAIN, 10, 90, model, 120, 30)
    inner = (4, STAGE, OPENAI, 15, 85, more, 120, 30)
    assert counted((2, STAGE, LANGCHAIN, 5, 95, "chain", 1, 1), outer, inner) == [4]


@pytest.mark.parametrize(
    "other",
    [
        (3, STAGE, LANGCHAIN, 10, 80, "m", 120, 30),  # not around it
        (3, STAGE, LANGCHAIN, 10, 90, "other", 120, 30),
        (3, STAGE, LANGCHAIN, 10, 90, "m", 121, 30),
        (3, STAGE, OPENAI, 10, 90, "m", 120, 30),  # the same instrumentation: two calls at once
    ],
)
def test_calls_that_only_look_alike_count_each(other: Call) -> None:
    assert counted(other, (4, STAGE, OPENAI, 15, 85, "m", 120, 30)) == [3, 4]


def test_many_equal_calls_at_once_count_as_many_as_the_client_made() -> None:
    pairs = [
        call
        for number in range(4)
        for call in (
            (10 + number, STAGE, LANGCHAIN, number, 100 + number, "m", 120, 30),
            (20 + number, STAGE, OPENAI, number + 2, 98 + number, "m", 120, 30),
        )
    ]
    assert counted(*pairs) == [20, 21, 22, 23]
