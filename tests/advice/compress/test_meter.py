"""Counts of one model, exact or scaled."""

from __future__ import annotations

import pytest

from latprobe.advice.compress.meter import Meter

TEXT = "Question: When does the new agreement start? Ticket 1919."


@pytest.mark.parametrize("tokens", [1, 13, 14, 40])
def test_an_estimate_is_what_the_store_counted_for_the_same_text(tokens: int) -> None:
    assert Meter("nobody-knows-9", like=(TEXT, tokens)).count_many([TEXT]) == [tokens]


def test_an_exact_count_is_not_scaled() -> None:
    assert Meter("gpt-4o", like=(TEXT, 40)).count_many([TEXT]) == Meter("gpt-4o").count_many([TEXT])


def test_a_text_without_tokens_scales_nothing() -> None:
    found = Meter("nobody-knows-9", like=("", 3)).count_many([TEXT])
    assert found == Meter("nobody-knows-9").count_many([TEXT])
