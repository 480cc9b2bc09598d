"""Limits that both protocols share."""

from __future__ import annotations

import gzip
import threading
from pathlib import Path

import pytest

from latprobe_collectors.otlp import intake as module
from latprobe_collectors.otlp.budget import Budget
from latprobe_collectors.otlp.intake import Intake, expand
from latprobe_collectors.otlp.refusals import (
    BadRequestError,
    OverloadedError,
    TooLargeError,
    UnauthorizedError,
)
from latprobe_collectors.otlp.spool import Spool
from tests.collectors.otlp.building import request, span


def expanded(body: bytes, *, budget: int = 256 << 20) -> bytes:
    """The body with a budget of its own."""
    with Budget(budget, patience_s=0).share() as share:
        return expand(body, share)


def test_gzip_is_unpacked_in_one_piece_or_several() -> None:
    text = b"spans " * 500_000

    assert expanded(gzip.compress(text, mtime=0)) == text
    assert expanded(gzip.compress(b"a", mtime=0) + gzip.compress(b"b", mtime=0)) == b"ab"
    assert expanded(gzip.compress(b"", mtime=0)) == b""


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b"x" * 9999, mtime=0)[:-12],
        b"plain",
        gzip.compress(b"a", mtime=0) + b"rest",
        b"\x1f\x8b",
    ],
)
def test_what_is_not_gzip_or_ends_early_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequestError):
        expanded(body)


def test_a_bomb_is_refused_after_the_limit_and_not_after_its_size() -> None:
    with pytest.raises(TooLargeError, match="64 MiB"):
        expanded(gzip.compress(bytes(70 << 20)))


def test_memory_that_others_hold_is_waited_for_and_then_refused() -> None:
    with pytest.raises(OverloadedError):
        expanded(gzip.compress(bytes(4 << 20)), budget=3 << 20)


def test_a_share_is_given_back() -> None:
    budget = Budget(10, patience_s=0)
    for _ in range(3):
        with budget.share() as share:
            share.take(10)
    with budget.share() as one, budget.share() as other:
        one.take(6)
        with pytest.raises(OverloadedError):
            other.take(6)


@pytest.mark.parametrize("header", [None, "", "secret", "Bearer guess", "Basic secret", "Bearer"])
def test_only_the_right_token_is_let_in(tmp_path: Path, header: str | None) -> None:
    intake = Intake(Spool(tmp_path), token="secret")
    intake.check_token("Bearer secret")
    intake.check_token("bearer  secret ")

    with pytest.raises(UnauthorizedError):
        intake.check_token(header)


def test_a_request_that_waits_too_long_is_told_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_S", 0.01)
    entered, release = threading.Event(), threading.Event()

    class Slow(Spool):
        def append(self, payload: bytes, spans: int) -> None:
            entered.set()
            release.wait(10)

    intake = Intake(Slow(tmp_path))
    body = request(span()).SerializeToString()
    first = threading.Thread(target=intake.accept, args=(body,))
    first.start()
    entered.wait(10)
    with pytest.raises(OverloadedError, match="busy"):
        intake.accept(body)
    release.set()
    first.join()
