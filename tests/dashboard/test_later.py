"""Answers that a page does not wait for, or not for long."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from latprobe_dashboard import connection, later
from latprobe_dashboard.answers import Answers
from latprobe_dashboard.later import Later

MS = 1_000_000


def test_a_page_waits_once_for_all_its_late_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns, waits = [0], []

    def comes_within(_answer: Later[int], seconds: float) -> bool:
        waits.append(round(seconds, 3))
        now_ns[0] += int(seconds * 1e9)
        return False

    monkeypatch.setattr(later, "st", SimpleNamespace(session_state={}))
    monkeypatch.setattr(later, "monotonic_ns", lambda: now_ns[0])
    monkeypatch.setattr(later, "PATIENCE_S", 0.15)
    monkeypatch.setattr(Later, "comes_within", comes_within)
    late = [Later(("late", object()), lambda: 1) for _ in range(3)]
    for _page in range(2):
        later.be_patient()
        assert [later.comes_soon(each) for each in late] == [False] * 3
    assert waits == [0.15, 0.0, 0.0] * 2


def test_work_on_late_answers_is_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(0, 100 * MS, 5 * MS))
    monkeypatch.setattr(later, "monotonic_ns", lambda: next(times))
    before = later.worked_s()
    assert Later(("counted", object()), lambda: "done").get() == "done"
    assert later.worked_s() - before == pytest.approx(0.005)


def test_late_answers_are_held_on_to_until_they_are_old(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, version = [1000.0], [1]
    monkeypatch.setattr(later, "_held", later._Held())
    monkeypatch.setattr(later, "_kept", Answers(8))
    monkeypatch.setattr(later, "monotonic_ns", lambda: int(now_s[0] * 1e9))
    monkeypatch.setattr(connection, "version", lambda: version[0])
    monkeypatch.setattr(connection, "home", lambda: Path("store"))
    assert later._held_version() == 1
    version[0] = 2
    seen = []
    while later.hold_on():
        now_s[0] += later.HELD_S - 1
        seen.append(later._held_version())
    assert seen == [1] * len(seen)
    assert later.MOST_HELD_S - later.HELD_S <= now_s[0] - 1000 < later.MOST_HELD_S
    now_s[0] += later.HELD_S + 1
    assert later._held_version() == 2
