"""Figures as the pages show them."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from latprobe_dashboard import quantities
from latprobe_dashboard.quantities import NOT_MEASURED


@pytest.mark.parametrize(
    ("value_ms", "shown"),
    [
        (None, NOT_MEASURED),
        (0, "0 ms"),
        (0.00025, "250 ns"),
        (0.0123, "12.3 µs"),
        (1.234, "1.23 ms"),
        (597.2, "597 ms"),
        (999.7, "1.00 s"),
        (1_690, "1.69 s"),
        (41_560, "41.6 s"),
        (60_000, "1.00 min"),
        (5_400_000, "1.50 h"),
        (200_000_000, "2.31 d"),
    ],
)
def test_a_duration_has_three_significant_digits_and_its_unit(
    value_ms: float | None, shown: str
) -> None:
    assert quantities.milliseconds(value_ms) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, NOT_MEASURED), (0, "0"), (9_999, "9,999"), (10_167, "10.2 k"), (2.29e9, "2.29 B")],
)
def test_a_count_is_exact_while_it_is_small(value: float | None, shown: str) -> None:
    assert quantities.count(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, NOT_MEASURED), (0, "0 %"), (0.0001, "< 0.1 %"), (0.3291, "32.9 %"), (1, "100 %")],
)
def test_a_share_that_is_not_nothing_is_not_shown_as_nothing(
    value: float | None, shown: str
) -> None:
    assert quantities.share(value) == shown


def test_what_was_not_measured_is_a_dash_and_never_a_zero() -> None:
    formats = (quantities.dollars, quantities.size, quantities.rate, quantities.times)
    assert [form(None) for form in formats] == [NOT_MEASURED] * 4


def test_costs_sizes_and_rates_carry_their_unit() -> None:
    assert quantities.dollars(0.00042) == "$0.00042"
    assert quantities.dollars(366.2) == "$366"
    assert quantities.dollars(0.0000083) == "$0.0000083"
    assert quantities.dollars(-0.00042) == "$-0.00042"
    assert quantities.rate(0.00000000004) == "0.000003/d"
    assert (quantities.rate(1 / 7_200), quantities.rate(1 / 900)) == ("12.0/d", "4.00/h")
    assert quantities.size(2_370_000) == "2.26 MiB"
    assert quantities.rate(0.0465) == "2.79/min"
    assert quantities.rate(12.34) == "12.3/s"


def test_a_moment_is_shown_in_the_viewers_zone() -> None:
    noon = 1_793_620_800_000_000_000
    assert quantities.moment(noon, UTC) == "2026-11-02 12:00:00"
    assert quantities.moment(noon, ZoneInfo("Asia/Tokyo")) == "2026-11-02 21:00:00"


def test_a_time_no_calendar_has_is_still_shown() -> None:
    assert quantities.moment(-5) == "1970-01-01 00:00:00"
    assert quantities.moment(2**63 - 1).startswith("2262-")
