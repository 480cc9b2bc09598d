"""Which lane a span gets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from latprobe.export.lanes import Lanes


def test_a_call_stack_shares_a_lane_and_what_crosses_gets_another() -> None:
    lanes = Lanes()
    placed = [lanes.place(*each) for each in [(0, 10), (1, 9), (2, 3), (4, 12), (9, 10), (12, 14)]]

    assert placed == [0, 0, 0, 1, 0, 0]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=30))
def test_within_a_lane_nothing_crosses(spans: list[tuple[int, int]]) -> None:
    ordered = sorted(
        ((start, start + length) for start, length in spans), key=lambda s: (s[0], -s[1])
    )
    lanes = Lanes()
    placed = [(lanes.place(start, end), start, end) for start, end in ordered]
    crossing = [
        (one, other)
        for position, one in enumerate(placed)
        for other in placed[position + 1 :]
        if one[0] == other[0] and one[1] < other[1] < one[2] < other[2]
    ]

    assert crossing == []
