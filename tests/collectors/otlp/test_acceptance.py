"""Spans the store cannot keep are named; the others of the batch stay."""

from __future__ import annotations

from typing import Any

import pytest

from latprobe_collectors.otlp.acceptance import Verdict, drop_unusable
from tests.collectors.otlp.building import START_NS, request, span

BAD: list[tuple[dict[str, Any], str]] = [
    ({"trace_id": b""}, "trace_id has 0 bytes, not 16"),
    ({"trace_id": bytes(16)}, "trace_id is zero"),
    ({"span_id": b"abcd"}, "span_id has 4 bytes, not 8"),
    ({"span_id": bytes(8)}, "span_id is zero"),
    ({"parent_span_id": b"abc"}, "parent_span_id has 3 bytes, not 8"),
    ({"start_time_unix_nano": 0}, "start_time_unix_nano is missing"),
    ({"start_time_unix_nano": (1 << 64) - 1}, "a time is after the year 2262"),
    ({"end_time_unix_nano": 1 << 63}, "a time is after the year 2262"),
]


@pytest.mark.parametrize(("fields", "reason"), BAD)
def test_a_bad_span_between_two_good_ones_is_left_out_with_its_reason(
    fields: dict[str, Any], reason: str
) -> None:
    message = request(span(1), span(2, **fields), span(3))
    verdict = drop_unusable(message)

    assert verdict == Verdict(kept=2, rejected=1, reason=f"{reason} (1)")
    assert message == request(span(1), span(3))


@pytest.mark.parametrize(
    "fields",
    [
        {"parent_span_id": bytes(8)},
        {"end_time_unix_nano": START_NS - 1},
        {"start_time_unix_nano": 7_258_118_400 * 10**9},
        {"attributes": {f"k{i}": i for i in range(10_000)}},
    ],
)
def test_odd_spans_are_kept(fields: dict[str, Any]) -> None:
    assert drop_unusable(request(span(1, **fields))) == Verdict(kept=1, rejected=0, reason="")


def test_a_hundred_thousand_bad_spans_take_no_quadratic_time() -> None:
    message = request(*(span(number % 2) for number in range(100_000)))

    assert drop_unusable(message).rejected == 50_000
