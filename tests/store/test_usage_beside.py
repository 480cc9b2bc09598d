"""A call that two instrumentations saw side by side counts once; calls alike count each."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import duckdb
import pytest

from latprobe.store.counted_usage import COUNTED_USAGE

Call = tuple[int, int, str | None, int, int, str | None, int, int]
STAGE = 1
LANGCHAIN, OPENAI = "openinference.instrumentation.langchain@0.1", "genai.openai@1.3"


class Case(NamedTuple):
    """A trace's calls: the provider's, but for `guesses`, which were counted, and what `stages`
    wrote."""

    calls: tuple[Call, ...]
    guesses: tuple[int, ...] = ()
    stages: tuple[int, ...] = ()

    def origin(self, span: int) -> str:
        return "stage" if span in self.stages else "counted" if span in self.guesses else "provider"


def counted(*calls: Call) -> list[int]:
    """Span ids that count, of (span, parent, scope, start, end, model, input, output)."""
    return counted_each([Case(calls)])[0]


def counted_each(cases: Sequence[Case]) -> list[list[int]]:
    """The same of several traces, asked at once: planning the question takes most of its time."""
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE spans (trace_id INT, span_id INT, parent_span_id INT, scope VARCHAR, "
            "start_ns BIGINT, duration_ns BIGINT)"
        )
        con.execute(
            "CREATE TABLE usage (trace_id INT, span_id INT, model VARCHAR, operation VARCHAR, "
            "origin VARCHAR, input_tokens INT, output_tokens INT)"
        )
        for trace, case in enumerate(cases):
            con.execute("INSERT INTO spans VALUES (?, 1, NULL, NULL, 0, 1000)", [trace])
            for span, parent, scope, start, end, model, given, made in case.calls:
                con.execute(
                    "INSERT INTO spans VALUES (?, ?, ?, ?, ?, ?)",
                    [trace, span, parent, scope, start, end - start],
                )
                con.execute(
                    "INSERT INTO usage VALUES (?, ?, ?, 'chat', ?, ?, ?)",
                    [trace, span, model, case.origin(span), given, made],
                )
        rows = con.execute(
            f"WITH RECURSIVE wanted AS (SELECT DISTINCT trace_id FROM usage), {COUNTED_USAGE} "
            "SELECT trace_id, span_id FROM counted_usage ORDER BY ALL"
        ).fetchall()
    return [[span for trace, span in rows if trace == number] for number in range(len(cases))]


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


def test_a_clients_span_that_names_no_model_is_the_same_call() -> None:
    outer = (3, 2, LANGCHAIN, 10, 90, None, 120, 30)
    assert counted(outer, (4, STAGE, OPENAI, 15, 85, "m", 120, 30)) == [4]


def test_three_instrumentations_of_one_call_count_it_once() -> None:
    calls: list[Call] = [
        (3, STAGE, LANGCHAIN, 10, 90, "m", 120, 30),
        (4, STAGE, "opentelemetry.instrumentation.openai@0.4", 12, 88, "m", 120, 30),
        (5, STAGE, None, 14, 86, "m-2026", 120, 30),
    ]
    assert counted(*calls) == [5]


def test_what_the_provider_reported_counts_and_not_what_was_counted_below_it() -> None:
    calls = ((3, STAGE, LANGCHAIN, 10, 90, "m", 120, 30), (4, 3, OPENAI, 15, 85, "m", 117, 29))
    cases = {
        Case(calls): 4,
        Case(calls, guesses=(4,)): 3,
        Case(calls, guesses=(3,)): 4,
        Case(calls, guesses=(3, 4)): 4,
        Case(calls, guesses=(4,), stages=(3,)): 4,
        Case(calls, stages=(4,)): 4,
    }
    assert counted_each(list(cases)) == [[span] for span in cases.values()]


def test_an_agents_sum_does_not_count_beside_calls_that_reported_theirs() -> None:
    agent = (3, STAGE, LANGCHAIN, 0, 99, "m", 240, 60)
    told, untold = (4, 3, OPENAI, 10, 40, "m", 120, 30), (5, 3, OPENAI, 50, 80, "m", 118, 29)
    like_one = (3, STAGE, LANGCHAIN, 0, 99, "m", 120, 30)
    beside = (5, STAGE, OPENAI, 50, 80, "m", 118, 29)
    cases = [
        Case((agent, told, untold), guesses=(5,)),
        Case((like_one, told, beside), guesses=(5,)),
    ]
    assert counted_each(cases) == [[4, 5], [4, 5]]


def test_a_span_beside_without_usage_is_the_same_call() -> None:
    def pair(outer: int, inner: int, start: int = 15) -> tuple[Call, ...]:
        return (
            (3, STAGE, LANGCHAIN, 10, 90, "m", outer, 30),
            (4, STAGE, OPENAI, start, 85, "m", inner, 30),
        )

    cases = {
        Case(pair(118, 120), guesses=(3,)): [4],
        Case(pair(120, 118), guesses=(4,)): [3],
        Case(pair(120, 500), guesses=(4,)): [3, 4],  # of another size
        Case(pair(120, 118, start=5), guesses=(4,)): [3, 4],  # not within its time
    }
    assert counted_each(list(cases)) == list(cases.values())


def test_of_spans_that_repeat_one_call_one_counts_and_never_none() -> None:
    """In a chain the innermost of those that were reported; in any tree at least one."""
    chance = random.Random(11)
    cases, expected = [], []
    for _ in range(200):
        spans = range(3, 3 + chance.randint(1, 5))
        is_chain = chance.random() < 0.5
        guesses = tuple(span for span in spans if chance.random() < 0.4)
        cases.append(Case(tuple(_repeated(span, is_chain, chance) for span in spans), guesses))
        reported = [span for span in spans if span not in guesses]
        expected.append([max(reported or spans)] if is_chain else None)
    for case, found, wanted in zip(cases, counted_each(cases), expected, strict=True):
        assert found, case
        assert wanted is None or found == wanted, case


def _repeated(span: int, is_chain: bool, chance: random.Random) -> Call:
    if is_chain:
        return (span, span - 1 if span > 3 else STAGE, str(span), span, 100 - span, "m", 120, 30)
    parent = chance.choice([STAGE, *range(3, span)])
    scope = chance.choice([LANGCHAIN, OPENAI, None])
    start = 10 * span + chance.randint(0, 9)  # after its parent's, and maybe beyond its end
    return (span, parent, scope, start, start + chance.randint(1, 60), "m", 120, 30)
