"""How numbers are shown."""

from __future__ import annotations

import pytest

from latprobe.cli import figures


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (0, "0"),
        (0.00853, "8.53 us"),
        (0.0421, "42.1 us"),
        (0.5983, "598 us"),
        (0.99951, "1.00 ms"),
        (1.234, "1.23 ms"),
        (9.997, "10.0 ms"),
        (12.34, "12.3 ms"),
        (999.7, "1.00 s"),
        (999.4, "999 ms"),
        (1234, "1.23 s"),
        (90_000, "1.5 min"),
    ],
)
def test_a_duration_has_three_digits_and_its_unit(value: float | None, shown: str) -> None:
    assert figures.ms(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (None, "-"),
        (0, "0 %"),
        (0.00001, "< 0.01 %"),
        (0.0042, "0.42 %"),
        (0.042, "4.2 %"),
        (0.61, "61 %"),
        (0.995, "99.5 %"),
        (1, "100 %"),
    ],
)
def test_a_share_that_is_not_zero_is_never_shown_as_zero(share: float | None, shown: str) -> None:
    assert figures.percent(share) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "-"), (0.0012, "$0.0012"), (0, "$0"), (1234.5, "$1,234.50")]
)
def test_small_amounts_keep_their_digits(value: float | None, shown: str) -> None:
    assert figures.usd(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "-"), (12, "12 B"), (2048, "2.0 KiB"), (10 << 30, "10.0 GiB")]
)
def test_sizes_are_binary(value: int | None, shown: str) -> None:
    assert figures.size(value) == shown


def test_a_bar_fills_its_share_and_falls_back_to_ascii() -> None:
    assert figures.bar(0.5, 4) == "██"
    assert figures.bar(0.55, 4) == "██▎"
    assert figures.bar(1.7, 4) == "████"
    assert figures.bar(0.6, 4, full="#") == "##"


def test_one_thing_has_a_singular() -> None:
    assert [figures.many(n, "run") for n in (0, 1, 1200)] == ["0 runs", "1 run", "1,200 runs"]
