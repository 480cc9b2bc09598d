"""Spans in memory while the disk is full."""

from __future__ import annotations

from latprobe.journal.parked import MAX_PARKED, MAX_PARKED_BYTES, Parked


def test_they_come_in_the_order_in_which_they_ended() -> None:
    parked = Parked()
    for number in range(3):
        parked.append((number, None))
    first = parked.take()
    parked.put_back(first)
    assert len(parked) == 3
    assert [parked.take()[0] for _ in range(3)] == [0, 1, 2]


def test_bytes_are_those_of_what_is_there() -> None:
    parked = Parked()
    half = b"x" * (MAX_PARKED_BYTES // 2)
    parked.append((1, half))
    parked.append((2, half))
    assert not parked.is_too_much
    parked.append((3, b"x"))
    assert parked.is_too_much
    taken = parked.take()
    assert not parked.is_too_much
    parked.put_back(taken)
    assert parked.is_too_much
    while parked:
        parked.take()
    for _ in range(2):
        parked.append((4, half))
    assert not parked.is_too_much


def test_there_is_a_largest_number() -> None:
    parked = Parked()
    for number in range(MAX_PARKED):
        parked.append((number, None))
    assert not parked.is_too_much
    parked.append((MAX_PARKED, None))
    assert parked.is_too_much
