"""Times and sizes as people type them."""

from __future__ import annotations

import pytest

from latprobe.cli.moments import parse_moment, parse_size, parse_span
from latprobe.errors import UsageError

S = 1_000_000_000
NOW_NS = 1_793_620_800 * S  # 2026-11-02 12:00:00 UTC


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        ("45s", -45),
        ("30m", -1800),
        ("1h", -3600),
        ("1.5h", -5400),
        ("2d", -172_800),
        ("2026-11-02", -43_200),
        ("2026-11-02T12:30", 1800),
        ("2026-11-02T12:30+00:30", 0),
    ],
)
def test_a_moment_is_an_age_or_a_date(text: str, expected_s: int) -> None:
    assert parse_moment(text, option="--since", now_ns=NOW_NS) == NOW_NS + expected_s * S


@pytest.mark.parametrize("text", ["", "soon", "1", "1y", "2026-13-01", "-1h"])
def test_what_is_not_a_moment_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time; write 30m, 1h, 2d"):
        parse_moment(text, option="--since", now_ns=NOW_NS)


def test_a_span_of_time_is_a_number_and_a_unit() -> None:
    assert parse_span("30d", option="--older-than") == 30 * 86_400 * S
    with pytest.raises(UsageError, match="--older-than 'a month' is not a length of time"):
        parse_span("a month", option="--older-than")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10GB", 10 << 30), ("10 GiB", 10 << 30), ("500m", 500 << 20), ("1.5k", 1536), ("7", 7)],
)
def test_a_size_has_binary_units(text: str, expected: int) -> None:
    assert parse_size(text, option="--max-size") == expected


def test_what_is_not_a_size_is_refused_with_examples() -> None:
    with pytest.raises(UsageError, match="--max-size 'big' is not a size; write 10GB or 500MB"):
        parse_size("big", option="--max-size")
