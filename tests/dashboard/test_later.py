"""Answers that a page does not wait for, or not for long."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from latprobe_dashboard import later
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
