"""Which port a dashboard takes."""

from __future__ import annotations

import socket

import pytest

from latprobe.errors import UsageError
from latprobe_dashboard import ports

LOOPBACK = "127.0.0.1"


def test_without_a_wish_it_takes_the_first_free_port() -> None:
    claimed = ports.claim(LOOPBACK, None)
    claimed.release()
    assert claimed.number in range(8788, 8828)


def test_two_that_start_together_take_different_ports() -> None:
    first = ports.claim(LOOPBACK, None)
    second = ports.claim(LOOPBACK, None)
    try:
        assert second.number > first.number
    finally:
        first.release()
        second.release()


def test_a_port_somebody_listens_on_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as busy:
        busy.bind((LOOPBACK, 0))
        busy.listen()
        taken = busy.getsockname()[1]
        monkeypatch.setattr(ports, "FIRST_PORT", taken)
        claimed = ports.claim(LOOPBACK, None)
        claimed.release()
    assert claimed.number > taken


@pytest.mark.parametrize("number", [70_000, -1])
def test_a_port_that_cannot_be_is_refused(number: int) -> None:
    with pytest.raises(UsageError, match="is not a port"):
        ports.claim(LOOPBACK, number)
